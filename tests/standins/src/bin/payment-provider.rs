//! `payment-provider PORT KEY`: the payment provider on a port of this machine (0 for any), for whoever has the key.
//! Prints its base URL when it is there.

use standins::payment::PaymentProvider;
use std::io::{Error, Write as _};

fn main() -> Result<(), Error> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [port, key] = arguments.as_slice() else {
        return Err(Error::other("usage: payment-provider PORT KEY"));
    };
    let port = port.parse().map_err(|_| Error::other(format!("{port} is not a port")))?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let provider = PaymentProvider::start(port, key).await?;
        writeln!(std::io::stdout(), "{}", provider.url())?;
        std::future::pending().await
    })
}
