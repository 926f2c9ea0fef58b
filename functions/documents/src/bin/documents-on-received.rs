use std::process::ExitCode;

fn main() -> ExitCode {
    runtime::run_sqs(documents_functions::on_received)
}
