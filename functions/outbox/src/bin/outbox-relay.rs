use std::process::ExitCode;

fn main() -> ExitCode {
    runtime::run_stream(outbox_functions::relay)
}
