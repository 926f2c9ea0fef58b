use std::process::ExitCode;

fn main() -> ExitCode {
    runtime::run_schedule(storefront_functions::order_recovery)
}
