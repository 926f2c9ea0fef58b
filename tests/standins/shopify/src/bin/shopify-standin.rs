//! `shopify-standin PORT SECRET [LOCATION…]`: a shop on a port of this machine (0 for any), whose app has this client secret, with
//! these locations. Prints its base URL when it is open.

use std::io::{Error, Write as _};

use shopify_standin::{Options, Standin};

fn main() -> Result<(), Error> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [port, client_secret, locations @ ..] = arguments.as_slice() else {
        return Err(Error::other("usage: shopify-standin PORT SECRET [LOCATION…]"));
    };
    let port = port.parse().map_err(|_| Error::other(format!("{port} is not a port")))?;
    let defaults = Options::default();
    let locations = if locations.is_empty() { defaults.locations.clone() } else { locations.to_vec() };
    let options = Options { port, client_secret: client_secret.clone(), locations, ..defaults };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let standin = Standin::start(options).await.map_err(Error::other)?;
        writeln!(std::io::stdout(), "{}", standin.url())?;
        std::future::pending().await
    })
}
