use std::process::ExitCode;

fn main() -> ExitCode {
    runtime::run_sqs(storefront_functions::on_shipment_requested)
}
