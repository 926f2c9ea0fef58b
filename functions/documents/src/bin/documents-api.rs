use std::process::ExitCode;

fn main() -> ExitCode {
    runtime::run_http(documents_functions::api)
}
