//! The connection with an ensemble.

use crate::failure::Failure;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, timeout_at};
use zoarium_client::retry::Exponential;
use zoarium_client::{Client, State};

/// How long to wait for a session before servers are asked why there is none.
const PROBE_AFTER: Duration = Duration::from_millis(300);

/// How long a server may take to let a probe connect.
const PROBE_MAX: Duration = Duration::from_secs(1);

/// What to connect to, and how.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    /// A connect string.
    pub(crate) servers: String,
    pub(crate) session_timeout: Duration,
    /// How long a command waits for a connection.
    pub(crate) patience: Duration,
    /// Whether a server that only takes reads will do.
    pub(crate) is_read_only: bool,
    /// Whether reads are tried again by themselves when the connection breaks.
    pub(crate) retries: bool,
    /// Whether a refused connection is waited out.
    pub(crate) waits: bool,
    /// Identities to claim: scheme and credentials.
    pub(crate) auths: Vec<(String, String)>,
}

impl Target {
    /// A client that connects by itself.
    pub(crate) fn start(&self) -> Result<Client, Failure> {
        let mut builder =
            Client::builder(self.servers.as_str()).session_timeout(self.session_timeout);
        if self.is_read_only {
            builder = builder.read_only_allowed();
        }
        if self.retries {
            builder = builder.retry(Exponential::default());
        }
        for (scheme, credentials) in &self.auths {
            builder = builder.auth(scheme.as_str(), credentials.clone());
        }
        builder.start().map_err(Failure::Connect)
    }

    /// Waits until a client is connected.
    pub(crate) async fn ready(&self, client: &Client) -> Result<(), Failure> {
        let give_up = Instant::now() + self.patience;
        let connected = connected(client);
        tokio::pin!(connected);
        let mut why = None;
        if !self.waits {
            tokio::select! {
                connected = &mut connected => return connected,
                () = sleep(PROBE_AFTER) => why = self.refusal().await,
            }
            if why.is_some() {
                return Err(Failure::NoServer { servers: self.servers.clone(), why });
            }
        }
        match timeout_at(give_up, connected).await {
            Ok(connected) => connected,
            Err(_) => Err(Failure::NoServer { servers: self.servers.clone(), why }),
        }
    }

    /// Why no server can be connected to, if that is so.
    async fn refusal(&self) -> Option<String> {
        let hosts = self.servers.split('/').next().unwrap_or_default();
        let mut why = None;
        for host in hosts.split(',').map(str::trim).filter(|host| !host.is_empty()) {
            let has_port = host.rsplit_once(':').is_some_and(|(name, port)| {
                (!name.contains(':') || name.ends_with(']')) && port.parse::<u16>().is_ok()
            });
            let address = if has_port { host.to_owned() } else { format!("{host}:2181") };
            match timeout_at(Instant::now() + PROBE_MAX, TcpStream::connect(address)).await {
                Ok(Err(error)) => why = Some(error.to_string()),
                Ok(Ok(_)) | Err(_) => return None,
            }
        }
        why
    }
}

/// Waits until a client has a connection, or never will.
async fn connected(client: &Client) -> Result<(), Failure> {
    let mut states = client.states();
    while let Some(state) = states.next().await {
        match state {
            State::Connected(_) => return Ok(()),
            State::Closed => return Err(Failure::NotConnected),
            State::AuthFailed => return Err(auth_failed()),
            State::Connecting | State::Suspended { .. } | State::Lost { .. } => {}
        }
    }
    Err(Failure::NotConnected)
}

/// A server did not accept an identity.
pub(crate) fn auth_failed() -> Failure {
    use zoarium_client::{Cause, Error, Failure as Unanswered, OpCode};
    let failure = Unanswered::NotSent(Cause::AuthFailed);
    Error::Request { op: OpCode::Auth, path: String::new(), failure }.into()
}

/// Waits until a client has been without a connection for `patience`.
pub(crate) async fn lost(client: &Client, patience: Duration) {
    let mut states = client.states();
    let mut give_up = None;
    loop {
        let state = match give_up {
            None => states.next().await,
            Some(at) => match timeout_at(at, states.next()).await {
                Ok(state) => state,
                Err(_) => return,
            },
        };
        match state {
            Some(State::Connected(_)) => give_up = None,
            Some(_) => {
                give_up.get_or_insert_with(|| Instant::now() + patience);
            }
            // What is asked of a closed client is answered by itself.
            None => std::future::pending().await,
        }
    }
}
