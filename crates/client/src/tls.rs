//! TLS, through rustls.

use crate::connector::{Connecting, Connector, HostPort, Transport, dial};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use tokio_rustls::TlsConnector;

/// Connections over TLS 1.2 or 1.3, to servers' secure client port. A server's certificate has to be
/// for the name or address by which the connect string has the server.
///
/// ```no_run
/// # async fn example() -> Result<(), zoarium_client::ConnectError> {
/// use zoarium_client::{Client, tls::Tls};
///
/// let tls = Tls::trusting("ca.pem").with_identity("client.pem", "client.key");
/// let client = Client::builder("zoo1:2281,zoo2:2281").connector(tls).connect().await?;
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
pub struct Tls {
    source: Source,
    server_name: Option<String>,
}

/// Where a configuration comes from.
#[derive(Clone, Debug)]
enum Source {
    Config(Arc<ClientConfig>),
    Files(Files),
}

#[derive(Clone, Debug)]
struct Files {
    authorities: PathBuf,
    /// A chain of certificates, and the key of the first.
    identity: Option<(PathBuf, PathBuf)>,
}

impl Tls {
    /// Trusts servers whose certificates lead to one of these authorities: a file of PEM. It is
    /// read again for each connection, so that what is renewed is used.
    pub fn trusting(authorities: impl Into<PathBuf>) -> Self {
        let files = Files { authorities: authorities.into(), identity: None };
        Self { source: Source::Files(files), server_name: None }
    }

    /// Shows servers a certificate: files of PEM with the chain and with its key, which are read
    /// again for each connection. It is for what [`Tls::trusting`] has made; a
    /// [configuration](Tls::with_config) has its own.
    #[must_use]
    pub fn with_identity(mut self, chain: impl Into<PathBuf>, key: impl Into<PathBuf>) -> Self {
        if let Source::Files(files) = &mut self.source {
            files.identity = Some((chain.into(), key.into()));
        }
        self
    }

    /// Whatever rustls can do.
    pub const fn with_config(config: Arc<ClientConfig>) -> Self {
        Self { source: Source::Config(config), server_name: None }
    }

    /// The name that certificates of servers have to be for, whatever the connect string calls them.
    #[must_use]
    pub fn server_name(self, name: impl Into<String>) -> Self {
        Self { server_name: Some(name.into()), ..self }
    }
}

impl Connector for Tls {
    fn connect<'a>(&'a self, server: &'a HostPort) -> Connecting<'a> {
        Box::pin(async move {
            let name = self.server_name.as_ref().unwrap_or(&server.host);
            let name = ServerName::try_from(name.clone()).map_err(invalid)?;
            let config = match self.source.clone() {
                Source::Config(config) => config,
                // Files may be slow.
                Source::Files(files) => {
                    tokio::task::spawn_blocking(move || files.read()).await.map_err(invalid)??
                }
            };
            let stream = dial(server).await?;
            let stream = TlsConnector::from(config).connect(name, stream).await?;
            Ok(Box::new(stream) as Box<dyn Transport>)
        })
    }
}

impl Files {
    fn read(self) -> io::Result<Arc<ClientConfig>> {
        let named = |path: &PathBuf| {
            let path = path.display().to_string();
            move |error: rustls::pki_types::pem::Error| invalid(format!("{path}: {error}"))
        };
        let certificates = |path: &PathBuf| {
            let read = CertificateDer::pem_file_iter(path).map_err(named(path))?;
            let read: Result<Vec<_>, _> = read.collect();
            read.map_err(named(path))
        };
        let mut roots = RootCertStore::empty();
        for authority in certificates(&self.authorities)? {
            roots.add(authority).map_err(invalid)?;
        }
        if roots.is_empty() {
            return Err(invalid(format!("{}: no certificate", self.authorities.display())));
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider);
        let builder = builder.with_safe_default_protocol_versions().map_err(invalid)?;
        let builder = builder.with_root_certificates(roots);
        let config = match &self.identity {
            None => builder.with_no_client_auth(),
            Some((chain, key)) => {
                let key = PrivateKeyDer::from_pem_file(key).map_err(named(key))?;
                builder.with_client_auth_cert(certificates(chain)?, key).map_err(invalid)?
            }
        };
        Ok(Arc::new(config))
    }
}

fn invalid(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, error)
}
