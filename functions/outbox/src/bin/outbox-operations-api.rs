use std::process::ExitCode;

fn main() -> ExitCode {
    runtime::run_http(outbox_functions::operations)
}
