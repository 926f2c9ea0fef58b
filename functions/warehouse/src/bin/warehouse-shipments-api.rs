use std::process::ExitCode;

fn main() -> ExitCode {
    runtime::run_http(warehouse_functions::shipments)
}
