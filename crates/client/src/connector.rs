//! How a connection is made.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;
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

/// How long an address may take while there is another one to try.
const ADDRESS_PATIENCE: Duration = Duration::from_secs(1);

/// Plain TCP. All addresses of a name are tried in turn.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tcp;

impl Connector for Tcp {
    fn connect<'a>(&'a self, server: &'a HostPort) -> Connecting<'a> {
        Box::pin(async move { Ok(Box::new(dial(server).await?) as Box<dyn Transport>) })
    }
}

/// Connects to the first address of a server that answers.
pub(crate) async fn dial(server: &HostPort) -> io::Result<TcpStream> {
    let addresses: Vec<_> = lookup_host((server.host.as_str(), server.port)).await?.collect();
    let Some((last, others)) = addresses.split_last() else {
        return Err(io::ErrorKind::NotFound.into());
    };
    for address in others {
        let dial = timeout(ADDRESS_PATIENCE, dial_address(*address));
        if let Ok(Ok(stream)) = dial.await {
            return Ok(stream);
        }
    }
    dial_address(*last).await
}

async fn dial_address(address: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(address).await?;
    // Requests are written in batches as large as they get; to wait for more would only delay them.
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// Whether a server takes writes, by the word `isro`.
pub(crate) async fn takes_writes(connector: &dyn Connector, server: &HostPort) -> io::Result<bool> {
    let mut stream = connector.connect(server).await?;
    stream.write_all(b"isro").await?;
    let mut answer = [0; 2];
    stream.read_exact(&mut answer).await?;
    Ok(answer == *b"rw")
}
