use std::process::ExitCode;

fn main() -> ExitCode {
    runtime::run_http(shopify_functions::connections)
}
