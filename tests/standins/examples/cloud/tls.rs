//! The ways in: plain, and over TLS under an authority nobody else knows.
//!
//! Elliptic curves rather than AWS's RSA: a client needs more instructions to verify them, so what is measured against
//! this is no less than what AWS costs.

use axum::serve;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, KeyUsagePurpose};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;
use tokio_rustls::server::TlsStream;

/// As many as Amazon has: a client parses all it believes.
const AUTHORITIES: usize = 5;

/// A certificate for this machine, and as PEM the authorities a client is to believe: the one behind it, and others.
pub(crate) fn throwaway() -> anyhow::Result<(TlsAcceptor, String)> {
    let authority = authority(0)?;
    let mut believed = authority.pem();
    for number in 1..AUTHORITIES {
        believed.push_str(&self::authority(number)?.pem());
    }
    let key = KeyPair::generate()?;
    let leaf = CertificateParams::new(vec!["localhost".to_owned(), "127.0.0.1".to_owned()])?;
    let leaf = leaf.signed_by(&key, &authority)?;
    let private = PrivateKeyDer::try_from(key.serialize_der()).map_err(anyhow::Error::msg)?;
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(vec![leaf.der().clone()], private)?;
    Ok((TlsAcceptor::from(Arc::new(config)), believed))
}

fn authority(number: usize) -> Result<CertifiedIssuer<'static, KeyPair>, rcgen::Error> {
    let mut authority = CertificateParams::new(Vec::new())?;
    // Another name than the certificate's, which would seem to have signed itself.
    authority.distinguished_name.push(DnType::CommonName, format!("throwaway authority {number}"));
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    authority.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::DigitalSignature];
    CertifiedIssuer::self_signed(authority, KeyPair::generate()?)
}

/// Accepts TLS connections; a failed handshake is the client's loss.
pub(crate) struct Listener {
    inner: TcpListener,
    acceptor: TlsAcceptor,
}

impl Listener {
    pub(crate) fn new(inner: TcpListener, acceptor: TlsAcceptor) -> Self {
        Self { inner, acceptor }
    }
}

impl serve::Listener for Listener {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, SocketAddr) {
        loop {
            if let Ok((stream, address)) = self.inner.accept().await
                && stream.set_nodelay(true).is_ok()
                && let Ok(stream) = self.acceptor.accept(stream).await
            {
                return (stream, address);
            }
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.inner.local_addr()
    }
}

/// Accepts plain connections that send at once what they have.
pub(crate) struct Undelayed(pub(crate) TcpListener);

impl serve::Listener for Undelayed {
    type Io = TcpStream;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (TcpStream, SocketAddr) {
        loop {
            if let Ok((stream, address)) = self.0.accept().await
                && stream.set_nodelay(true).is_ok()
            {
                return (stream, address);
            }
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }
}
