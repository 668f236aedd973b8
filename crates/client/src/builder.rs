//! How a client is made.

use crate::client::Client;
use crate::compression::Codec;
use crate::connector::{Connector, Tcp};
use crate::driver::{Driver, Setup};
use crate::ensemble::follow;
use crate::error::ConnectError;
use crate::retry::RetryPolicy;
use crate::scope::Scope;
use crate::shared::Shared;
use crate::states::State;
use bytes::Bytes;
use std::collections::hash_map::RandomState;
use std::fmt;
use std::hash::BuildHasher;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Handle;
use zoarium_session::backoff::Backoff;
use zoarium_session::connect_string::ConnectString;
use zoarium_session::frame::FRAME_BYTES_MAX;
use zoarium_session::sasl::Mechanism;
use zoarium_session::state::{Auth, Credentials};
use zoarium_session::{Options, Session};

/// Makes a [`Client`]. See [`Client::builder`].
#[must_use = "a builder does nothing before it connects"]
#[derive(Clone)]
pub struct ClientBuilder {
    servers: String,
    options: Options,
    connect_timeout: Duration,
    frame_bytes_max: usize,
    auths: Vec<Auth>,
    retry: Option<Arc<dyn RetryPolicy>>,
    codec: Option<Arc<dyn Codec>>,
    connector: Arc<dyn Connector>,
    follows_ensemble: bool,
    mechanism: Option<Arc<dyn Mechanism>>,
    seed: Option<u128>,
}

impl fmt::Debug for ClientBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientBuilder")
            .field("servers", &self.servers)
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}

impl ClientBuilder {
    pub(crate) fn new(servers: String) -> Self {
        Self {
            servers,
            options: Options::default(),
            connect_timeout: Duration::from_secs(30),
            frame_bytes_max: FRAME_BYTES_MAX,
            auths: Vec::new(),
            retry: None,
            codec: None,
            connector: Arc::new(Tcp),
            follows_ensemble: false,
            mechanism: None,
            seed: None,
        }
    }

    /// How long servers are asked to keep the session without hearing from this client; they decide.
    /// Default 30 s.
    pub fn session_timeout(mut self, timeout: Duration) -> Self {
        self.options.session_timeout = timeout;
        self
    }

    /// How long [`ClientBuilder::connect`] waits for a session. Default 30 s.
    pub fn connect_timeout(self, connect_timeout: Duration) -> Self {
        Self { connect_timeout, ..self }
    }

    /// Takes a server that only answers reads when there is no other, and looks for another one
    /// meanwhile.
    pub fn read_only_allowed(mut self) -> Self {
        self.options.read_only_allowed = true;
        self
    }

    /// Ends the client when its session is lost, instead of opening another one.
    pub fn ends_with_session(mut self) -> Self {
        self.options.renews_lost_sessions = false;
        self
    }

    /// Goes on with a session that [`Client::detach`] let go of.
    pub fn resume(mut self, credentials: Credentials) -> Self {
        self.options.resume = Some(credentials);
        self
    }

    /// Claims an identity, as [`Client::authenticate`] does, before anything else is sent.
    pub fn auth(mut self, scheme: impl Into<String>, credentials: impl Into<Bytes>) -> Self {
        self.auths.push(Auth { scheme: scheme.into(), credentials: credentials.into() });
        self
    }

    /// Proves an identity by SASL at the beginning of every connection. A server that refuses it
    /// ends the client ([`State::AuthFailed`]).
    pub fn sasl(self, mechanism: impl Mechanism + 'static) -> Self {
        Self { mechanism: Some(Arc::new(mechanism)), ..self }
    }

    /// Tries operations again that failed and are safe to repeat. Default not.
    pub fn retry(self, policy: impl RetryPolicy + 'static) -> Self {
        Self { retry: Some(Arc::new(policy)), ..self }
    }

    /// Compresses data where operations ask for it.
    pub fn codec(self, codec: impl Codec + 'static) -> Self {
        Self { codec: Some(Arc::new(codec)), ..self }
    }

    /// Replaces the list of servers whenever the members of the ensemble change, as
    /// [`Client::set_servers`] does. Needs servers since 3.6 that let this client read
    /// `/zookeeper/config`. Default not.
    pub fn follows_ensemble(self) -> Self {
        Self { follows_ensemble: true, ..self }
    }

    /// How connections are made. Default [`Tcp`].
    pub fn connector(self, connector: impl Connector) -> Self {
        Self { connector: Arc::new(connector), ..self }
    }

    /// How many requests may be under way; further ones wait, in order. Default 1000, as many as a
    /// server takes from all its clients before it lets them wait.
    pub fn requests_max(mut self, requests: usize) -> Self {
        self.options.requests_max = requests.max(1);
        self
    }

    /// How many bytes may wait to be written before further requests wait, in order. Default 16 MiB.
    pub fn unwritten_bytes_max(mut self, bytes: usize) -> Self {
        self.options.unsent_bytes_max = bytes.max(1);
        self
    }

    /// The longest request that servers take, in bytes: their `jute.maxbuffer`. Longer ones are
    /// refused before they are sent. Default 1 MiB − 1.
    pub fn request_bytes_max(mut self, bytes: usize) -> Self {
        self.options.request_bytes_max = bytes;
        self
    }

    /// The longest answer taken, in bytes; a longer one ends the connection. Default 64 MiB.
    pub fn reply_bytes_max(self, frame_bytes_max: usize) -> Self {
        Self { frame_bytes_max, ..self }
    }

    /// How long to wait before servers are tried again after none could be reached.
    pub fn backoff(mut self, backoff: Backoff) -> Self {
        self.options.backoff = backoff;
        self
    }

    /// How long a close waits for a server. Default 1 s.
    pub fn close_patience(mut self, patience: Duration) -> Self {
        self.options.close_patience = patience;
        self
    }

    /// Where all randomness comes from: the order of servers, delays, marks of protected znodes.
    /// For tests; default is the system's.
    pub fn seed(self, seed: u128) -> Self {
        Self { seed: Some(seed), ..self }
    }

    /// Makes the client and waits until it has a session.
    ///
    /// # Errors
    /// If the connect string has a fault, no server gives a session in time, or one refuses an
    /// identity.
    pub async fn connect(self) -> Result<Client, ConnectError> {
        let timeout = self.connect_timeout;
        let client = self.start()?;
        let mut states = client.states();
        let connected = async {
            while let Some(state) = states.next().await {
                match state {
                    State::Connected(_) => return Ok(()),
                    State::AuthFailed => return Err(ConnectError::AuthFailed),
                    State::Closed => return Err(ConnectError::SessionLost),
                    State::Connecting | State::Suspended { .. } | State::Lost { .. } => {}
                }
            }
            Err(ConnectError::SessionLost)
        };
        match tokio::time::timeout(timeout, connected).await {
            Ok(connected) => connected.map(|()| client),
            Err(_) => Err(match client.last_failure() {
                Some(last) => ConnectError::Unreachable { within: timeout, last },
                None => ConnectError::TimedOut(timeout),
            }),
        }
    }

    /// Makes the client, which connects by itself. What is asked of it waits for a session.
    ///
    /// # Errors
    /// If the connect string has a fault, or this is not called within a tokio runtime.
    pub fn start(self) -> Result<Client, ConnectError> {
        let ConnectString { servers, chroot } = self.servers.parse()?;
        let runtime = Handle::try_current()
            .map_err(|error| ConnectError::NoRuntime(io::Error::other(error)))?;
        let seed = self.seed.unwrap_or_else(system_seed);
        let mut session = Session::new(self.options, servers, seed);
        if let Some(mechanism) = self.mechanism {
            session = session.with_sasl(mechanism);
        }
        let shared = Arc::new(Shared::new(session));
        let setup = Setup { connector: self.connector, frame_bytes_max: self.frame_bytes_max };
        let driver = Driver::new(Arc::clone(&shared), setup);
        let (retry, codec) = (self.retry, self.codec);
        let of_session = None;
        let scope = Scope { shared, chroot, of_session, retry, codec, runtime: runtime.clone() };
        let client = Client::new(scope.clone());
        for auth in self.auths {
            client.claim(auth);
        }
        runtime.spawn(driver.run());
        if self.follows_ensemble {
            runtime.spawn(follow(scope));
        }
        Ok(client)
    }
}

/// 128 bits of the system's randomness, which is what hash maps are keyed with.
fn system_seed() -> u128 {
    let half = || u128::from(RandomState::new().hash_one(0));
    (half() << 64) | half()
}
