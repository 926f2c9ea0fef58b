use std::process::ExitCode;

fn main() -> ExitCode {
    runtime::run_task(warehouse_functions::registration)
}
