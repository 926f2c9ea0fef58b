use std::process::ExitCode;

fn main() -> ExitCode {
    runtime::run_http(storefront_functions::health)
}
