use std::process::ExitCode;

fn main() -> ExitCode {
    runtime::run_http(inventory_functions::levels)
}
