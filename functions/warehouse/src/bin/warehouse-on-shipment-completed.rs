use std::process::ExitCode;

fn main() -> ExitCode {
    runtime::run_sqs(warehouse_functions::confirm)
}
