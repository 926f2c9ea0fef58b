use std::process::ExitCode;

fn main() -> ExitCode {
    runtime::run_http(sales_functions::returns)
}
