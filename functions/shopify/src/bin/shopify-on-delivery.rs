use std::process::ExitCode;

fn main() -> ExitCode {
    runtime::run_sqs(shopify_functions::on_delivery)
}
