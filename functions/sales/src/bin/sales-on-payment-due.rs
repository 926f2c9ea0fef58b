use std::process::ExitCode;

fn main() -> ExitCode {
    runtime::run_sqs(sales_functions::on_payment_due)
}
