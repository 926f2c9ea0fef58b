use std::process::ExitCode;

fn main() -> ExitCode {
    runtime::run_schedule(shopify_functions::reconcile)
}
