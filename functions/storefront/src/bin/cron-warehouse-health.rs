use std::process::ExitCode;

fn main() -> ExitCode {
    runtime::run_schedule(storefront_functions::warehouse_health)
}
