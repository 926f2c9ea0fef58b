use std::process::ExitCode;

fn main() -> ExitCode {
    runtime::run_task(shopify_functions::bulk)
}
