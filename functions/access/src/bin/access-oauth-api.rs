use std::process::ExitCode;

fn main() -> ExitCode {
    runtime::run_http(access_functions::oauth)
}
