//! How a connection is made.

use std::future::Future;
use std::io;
use std::pin::Pin;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpStream, lookup_host};
pub use zoarium_proto::membership::HostPort;

/// A stream of bytes to a server.
pub trait Transport: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Transport for T {}

/// A connection under way.
pub type Connecting<'a> = Pin<Box<dyn Future<Output = io::Result<Box<dyn Transport>>> + Send + 'a>>;

/// Makes connections. The client drops a [`Connecting`] that takes too long.
pub trait Connector: Send + Sync + 'static {
    /// Connects to a server. Its name is to be looked up each time, because addresses change.
    fn connect<'a>(&'a self, server: &'a HostPort) -> Connecting<'a>;
}

/// Plain TCP. All addresses of a name are tried in turn.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tcp;

impl Connector for Tcp {
    fn connect<'a>(&'a self, server: &'a HostPort) -> Connecting<'a> {
        Box::pin(async move {
            let mut last_error = io::ErrorKind::NotFound.into();
            for address in lookup_host((server.host.as_str(), server.port)).await? {
                match TcpStream::connect(address).await {
                    Ok(stream) => {
                        // Requests are written in batches as large as they get; to wait for more
                        // would only delay them.
                        stream.set_nodelay(true)?;
                        return Ok(Box::new(stream) as Box<dyn Transport>);
                    }
                    Err(error) => last_error = error,
                }
            }
            Err(last_error)
        })
    }
}

/// Whether a server takes writes, by the word `isro`.
pub(crate) async fn takes_writes(connector: &dyn Connector, server: &HostPort) -> io::Result<bool> {
    let mut stream = connector.connect(server).await?;
    stream.write_all(b"isro").await?;
    let mut answer = [0; 2];
    stream.read_exact(&mut answer).await?;
    Ok(answer == *b"rw")
}
