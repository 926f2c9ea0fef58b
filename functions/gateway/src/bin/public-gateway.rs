use std::process::ExitCode;

fn main() -> ExitCode {
    runtime::run_http(gateway_functions::public)
}
