use std::process::ExitCode;

fn main() -> ExitCode {
    runtime::run_task(access_functions::create_user)
}
