use std::process::ExitCode;

fn main() -> ExitCode {
    runtime::run_schedule(documents_functions::sweep)
}
