//! A certificate for this machine, and the authority that a server has to trust for it.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Result;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;
use tokio_rustls::rustls::{ServerConfig, crypto};

pub(crate) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}
pub(crate) type Connection = Box<dyn Stream>;

#[derive(Clone)]
pub(crate) struct Identity {
    acceptor: TlsAcceptor,
    authority: String,
}

impl Identity {
    pub(crate) fn new() -> Result<Identity> {
        let authority_key = KeyPair::generate()?;
        let mut authority = CertificateParams::new(Vec::new())?;
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let pem = authority.self_signed(&authority_key)?.pem();
        let key = KeyPair::generate()?;
        let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
        let certificate = CertificateParams::new(names)?.signed_by(&key, &Issuer::new(authority, authority_key))?;
        let key = PrivateKeyDer::try_from(key.serialize_der()).map_err(anyhow::Error::msg)?;
        let config = ServerConfig::builder_with_provider(Arc::new(crypto::ring::default_provider()));
        let config = config.with_safe_default_protocol_versions()?.with_no_client_auth();
        let config = config.with_single_cert(vec![certificate.der().clone()], key)?;
        Ok(Identity { acceptor: TlsAcceptor::from(Arc::new(config)), authority: pem })
    }

    /// A file with the authority, in this folder.
    pub(crate) fn write(&self, folder: &std::path::Path) -> Result<PathBuf> {
        let path = folder.join("authority.pem");
        std::fs::write(&path, &self.authority)?;
        Ok(path)
    }

    pub(crate) async fn accept(&self, stream: Connection) -> Result<Connection> {
        Ok(Box::new(self.acceptor.accept(stream).await?))
    }
}
