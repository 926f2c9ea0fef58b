//! Whom to believe at the other end of a TLS connection.

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use web::BoxError;

use super::provider::provider;

/// Amazon Root CA 1 to 4 and the Starfield root that signed them: <https://www.amazontrust.com/repository/>.
const AMAZON_ROOTS: &[u8] = include_bytes!("../../data/amazon-roots.pem");

/// Which certificate authorities are believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Roots {
    /// Amazon's own: AWS, and whatever is behind API Gateway.
    Amazon,
    /// The system's list, for third parties. Reading its 140 certificates costs some milliseconds.
    Public,
}

/// A configuration made when the first secure connection is: the local stack has none.
pub(super) struct Tls {
    roots: Roots,
    /// A file of certificates to believe instead.
    bundle: Option<PathBuf>,
    connector: OnceLock<TlsConnector>,
}

impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.roots.fmt(f)
    }
}

impl Tls {
    pub(super) fn new(roots: Roots, bundle: Option<PathBuf>) -> Self {
        Self { roots, bundle, connector: OnceLock::new() }
    }

    pub(super) async fn connect(&self, host: &str, tcp: TcpStream) -> Result<TlsStream<TcpStream>, BoxError> {
        let connector = match self.connector.get() {
            Some(connector) => connector,
            None => {
                let made = connector(self.roots, self.bundle.as_deref())?;
                self.connector.get_or_init(|| made)
            }
        };
        Ok(connector.connect(ServerName::try_from(host.to_owned())?, tcp).await?)
    }
}

fn connector(roots: Roots, bundle: Option<&Path>) -> Result<TlsConnector, BoxError> {
    let mut store = RootCertStore::empty();
    match (bundle, roots) {
        (Some(path), _) => add(&mut store, &std::fs::read(path)?)?,
        (None, Roots::Amazon) => add(&mut store, AMAZON_ROOTS)?,
        (None, Roots::Public) => {
            // A system's list may hold some odd ones; an empty list would be refused by every handshake.
            store.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        }
    }
    let config = ClientConfig::builder_with_provider(Arc::new(provider()))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(store)
        .with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}

fn add(store: &mut RootCertStore, pem: &[u8]) -> Result<(), BoxError> {
    for certificate in CertificateDer::pem_slice_iter(pem) {
        store.add(certificate?)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_five_amazon_roots_are_there_and_parse() {
        assert_eq!(CertificateDer::pem_slice_iter(AMAZON_ROOTS).count(), 5);
        assert!(connector(Roots::Amazon, None).is_ok());
    }

    #[test]
    fn a_bundle_that_cannot_be_read_is_no_reason_to_believe_anybody_else() {
        assert!(connector(Roots::Amazon, Some(Path::new("/nowhere/bundle.pem"))).is_err());
    }
}
