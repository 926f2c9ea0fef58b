use std::process::ExitCode;

fn main() -> ExitCode {
    runtime::run_schedule(access_functions::rotate_keys)
}
