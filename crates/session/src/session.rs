//! The state of a session, and what can happen to it.

mod connecting;
mod ending;
mod proving;
mod requests;
mod serving;

use crate::failure::Failure;
use crate::fault::Fault;
use crate::link::Link;
use crate::metrics::Metrics;
use crate::random::Random;
use crate::request::Request;
use crate::sasl::Mechanism;
use crate::servers::{Move, Servers};
use crate::state::{Auth, Credentials, Generation, Password, State};
use crate::vocabulary::{Command, LinkId, Notice, Options, Output, RequestId, Timer};
use crate::watches::Watches;
use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::sync::Arc;
use alloc::vec::Vec;
use bytes::Bytes;
use core::fmt::Debug;
use core::time::Duration;
use proving::Proving;
use zoarium_process::{Effects, Input, Instant, Now, Process};
use zoarium_proto::membership::HostPort;
use zoarium_proto::{SessionId, Zxid};

/// A client's session with an ensemble, and those that follow when it is lost.
///
/// It is a [`Process`]: [`step`](Process::step) takes whatever happens, and answers with all that
/// is to be done. A driver that cares for every microsecond uses [`handle`](Session::handle) and
/// [`submit`](Session::submit), which leave what is to be sent in a buffer, and takes that when it
/// is about to write ([`take_outgoing`](Session::take_outgoing)).
#[derive(Debug)]
pub struct Session<T> {
    options: Options,
    random: Random,
    servers: Servers,
    phase: Phase<T>,
    /// The session, once there is one.
    identity: Option<Identity>,
    generation: Generation,
    seen: Seen,
    auths: Vec<Claim<T>>,
    mechanism: Option<Arc<dyn Mechanism>>,
    /// What was submitted while there was no connection, or no room on it.
    backlog: VecDeque<Queued<T>>,
    watches: Watches,
    /// Whether the session is being closed, and who waits for that.
    closing: Option<T>,
    state: State,
    /// Frames for the present link.
    outgoing: Vec<u8>,
    metrics: Metrics,
    /// Seeks since the present connection was made.
    seeks: u32,
    last_link: LinkId,
    last_request: RequestId,
    last_xid: i32,
}

/// Where the session is between two connections.
#[derive(Debug)]
enum Phase<T> {
    /// Before [`Input::Start`].
    Unstarted,
    /// Waits for [`Timer::Retry`].
    Resting,
    /// Waits for the link to come up.
    Dialing { link: LinkId, server: HostPort },
    /// Waits for the answer to the handshake.
    Greeting { link: LinkId, server: HostPort, asked: SessionId, since: Instant },
    /// Waits for the server's word on who the client is.
    Proving(Box<Proving>),
    /// In the session.
    Connected(Link<T>),
    /// Over for good.
    Ended,
}

/// A session that a server has given.
#[derive(Debug)]
struct Identity {
    session: SessionId,
    password: Password,
    timeout: Duration,
    /// Until when no server ends it.
    alive_until: Instant,
    /// Given by a read-only server: no other server knows it.
    local_to_read_only: bool,
}

/// States of the ensemble that the session has seen.
#[derive(Debug, Default)]
struct Seen {
    /// The newest one that a reply has shown. All events up to it have been told.
    replied: Zxid,
    /// The newest one of all, events included.
    newest: Zxid,
}

/// An identity, and who waits for it to be accepted.
#[derive(Debug)]
struct Claim<T> {
    auth: Auth,
    tag: Option<T>,
}

/// A request that waits for a connection, or for room on it.
#[derive(Debug)]
struct Queued<T> {
    id: RequestId,
    request: Request<'static>,
    tag: T,
}

/// A request that is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refused<T> {
    /// Its tag.
    pub tag: T,
    /// Why.
    pub failure: Failure,
}

impl<T: Debug> Process for Session<T> {
    fn step(&mut self, now: Now, input: Input<Self>, effects: &mut Effects<Self>) {
        self.handle(now.mono, input, effects);
        let mut outgoing = Vec::new();
        if let Some(link) = self.take_outgoing(now.mono, &mut outgoing) {
            effects.send(link, Bytes::from(outgoing));
        }
    }
}

impl<T: Debug> Session<T> {
    /// A session that starts with [`Input::Start`]. `seed` decides on all that is random: the order
    /// of servers, delays, and [`Session::random`].
    ///
    /// # Panics
    /// If there are no servers.
    pub fn new(options: Options, servers: Vec<HostPort>, seed: u128) -> Self {
        let mut random = Random::new(seed);
        Self {
            servers: Servers::new(servers, &mut random),
            random,
            options,
            phase: Phase::Unstarted,
            identity: None,
            generation: Generation::default(),
            seen: Seen::default(),
            auths: Vec::new(),
            mechanism: None,
            backlog: VecDeque::new(),
            watches: Watches::default(),
            closing: None,
            state: State::Connecting,
            outgoing: Vec::new(),
            metrics: Metrics::default(),
            seeks: 0,
            last_link: LinkId::default(),
            last_request: RequestId::default(),
            last_xid: 0,
        }
    }

    /// Proves an identity at the beginning of every connection.
    #[must_use]
    pub fn with_sasl(self, mechanism: Arc<dyn Mechanism>) -> Self {
        Self { mechanism: Some(mechanism), ..self }
    }

    /// Takes one input and appends what must be done about it, but for what is to be sent: that is
    /// for [`Session::take_outgoing`].
    pub fn handle(&mut self, now: Instant, input: Input<Self>, fx: &mut Effects<Self>) {
        match input {
            Input::Start => self.start(now, fx),
            Input::LinkUp(link) => self.on_link_up(now, link, fx),
            Input::LinkDown(link) => self.on_link_broken(now, link, Fault::Closed, fx),
            Input::Message { from, message } => self.on_frame(now, from, &message, fx),
            Input::Timer(timer) => self.on_timer(now, timer, fx),
            Input::Request(command) => self.on_command(now, command, fx),
            // Nothing is made durable here.
            Input::Persisted { .. } => {}
        }
    }

    /// Moves what is to be sent to `out`, which has to be empty, and says on which link. Its
    /// memory is kept for what comes next.
    pub fn take_outgoing(&mut self, now: Instant, out: &mut Vec<u8>) -> Option<LinkId> {
        let link = match &mut self.phase {
            Phase::Connected(link) if !self.outgoing.is_empty() => {
                link.hand_over(now);
                link.id
            }
            Phase::Greeting { link, since, .. } if !self.outgoing.is_empty() => {
                *since = now;
                *link
            }
            Phase::Proving(proving) if !self.outgoing.is_empty() => proving.link(),
            Phase::Connected(_)
            | Phase::Greeting { .. }
            | Phase::Proving(_)
            | Phase::Unstarted
            | Phase::Resting
            | Phase::Dialing { .. }
            | Phase::Ended => return None,
        };
        core::mem::swap(&mut self.outgoing, out);
        self.metrics.bytes_sent += out.len() as u64;
        Some(link)
    }

    /// Bytes that wait for [`Session::take_outgoing`].
    pub fn outgoing(&self) -> usize {
        self.outgoing.len()
    }

    /// Where the session is.
    pub const fn state(&self) -> &State {
        &self.state
    }

    /// What it takes to go on with the session elsewhere; `None` while there is none, or only one
    /// that nobody but a read-only server knows.
    pub fn credentials(&self) -> Option<Credentials> {
        let identity = self.identity.as_ref().filter(|identity| !identity.local_to_read_only)?;
        let Identity { session, password, .. } = *identity;
        Some(Credentials { session, password, last_zxid: self.seen.newest })
    }

    /// The session's id, while there is one.
    pub fn session_id(&self) -> Option<SessionId> {
        self.identity.as_ref().map(|identity| identity.session)
    }

    /// Which of the client's sessions this is, or was the last; 0 before the first.
    pub const fn generation(&self) -> Generation {
        self.generation
    }

    /// Until when no server ends the session because of this client's silence. It moves on with
    /// every reply.
    pub fn alive_until(&self) -> Option<Instant> {
        self.identity.as_ref().map(|identity| identity.alive_until)
    }

    /// The newest state of the ensemble that a reply has shown.
    pub const fn last_zxid(&self) -> Zxid {
        self.seen.replied
    }

    /// Requests that were sent and are not answered.
    pub fn in_flight(&self) -> usize {
        self.link().map_or(0, Link::len)
    }

    /// Requests that wait for a connection, or for room on it.
    pub fn queued(&self) -> usize {
        self.backlog.len()
    }

    /// Watches that are set.
    pub fn watches(&self) -> usize {
        self.watches.len()
    }

    /// What it has done so far.
    pub fn metrics(&self) -> Metrics {
        let (in_flight, queued, watches) = (self.in_flight(), self.queued(), self.watches());
        Metrics { in_flight, queued, watches, ..self.metrics.clone() }
    }

    /// Where random numbers for the owner's own needs come from.
    pub const fn random(&mut self) -> &mut Random {
        &mut self.random
    }

    fn on_timer(&mut self, now: Instant, timer: Timer, fx: &mut Effects<Self>) {
        match timer {
            Timer::Attempt => self.on_attempt_timeout(now, fx),
            Timer::Retry => self.on_retry(now, fx),
            Timer::Ping => self.on_ping_due(now, fx),
            Timer::Silence => self.on_silence_due(now, fx),
            Timer::Expiry => self.on_expiry(now, fx),
            Timer::Seek => self.on_seek_due(now, fx),
            Timer::Close => self.on_close_timeout(fx),
        }
    }

    fn on_command(&mut self, now: Instant, command: Command<T>, fx: &mut Effects<Self>) {
        match command {
            Command::Submit { request, tag } => {
                if let Err(Refused { tag, failure }) = self.submit(&request, tag) {
                    fx.output(Output::Answered { tag, answer: Err(failure), watch: None });
                }
            }
            Command::Abandon(request) => self.abandon(request),
            Command::Unwatch { path, watch } => self.unwatch(&path, watch),
            Command::Authenticate { auth, tag } => self.authenticate(auth, tag, fx),
            Command::Servers(servers) => self.on_servers(now, servers, fx),
            Command::FoundReadWrite(server) => self.on_read_write_found(now, &server, fx),
            Command::Break { link, why } => {
                if self.current_link() == Some(link) {
                    self.hang_up(now, why, fx);
                }
            }
            Command::Close { tag } => self.close(now, tag, fx),
            Command::Detach => self.end(State::Closed, fx),
        }
    }

    fn on_servers(&mut self, now: Instant, servers: Vec<HostPort>, fx: &mut Effects<Self>) {
        let current = match &self.state {
            State::Connected(connected) => Some(&connected.server),
            State::Connecting
            | State::Suspended { .. }
            | State::Lost { .. }
            | State::AuthFailed
            | State::Closed => None,
        };
        let moves = !servers.is_empty()
            && self.servers.replace(servers, current, &mut self.random) == Move::Away;
        if moves {
            self.leave(now, Fault::ServersChanged, fx);
        }
    }

    /// The link that the session is on.
    fn link(&self) -> Option<&Link<T>> {
        match &self.phase {
            Phase::Connected(link) => Some(link),
            Phase::Unstarted
            | Phase::Resting
            | Phase::Dialing { .. }
            | Phase::Greeting { .. }
            | Phase::Proving(_)
            | Phase::Ended => None,
        }
    }

    /// The link that is up or being made.
    fn current_link(&self) -> Option<LinkId> {
        match &self.phase {
            Phase::Dialing { link, .. } | Phase::Greeting { link, .. } => Some(*link),
            Phase::Proving(proving) => Some(proving.link()),
            Phase::Connected(link) => Some(link.id),
            Phase::Unstarted | Phase::Resting | Phase::Ended => None,
        }
    }

    fn become_state(&mut self, state: State, fx: &mut Effects<Self>) {
        self.state = state.clone();
        fx.output(Output::State(state));
    }

    /// Tells all persistent watches that they may have missed changes.
    fn tell_of_gap(&self, fx: &mut Effects<Self>) {
        let since = self.seen.replied;
        for watch in self.watches.persistent() {
            fx.output(Output::Watch { watch, notice: Notice::Gap { since } });
        }
    }
}
