use std::process::ExitCode;

fn main() -> ExitCode {
    runtime::run_stream(inventory_functions::level_feed)
}
