use std::process::ExitCode;

fn main() -> ExitCode {
    runtime::run_schedule(inventory_functions::reservation_expiry)
}
