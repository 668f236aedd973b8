//! From no connection to a session on one, and back.

use super::{Identity, Phase, Seen, Session};
use crate::failure::{Cause, Failure};
use crate::fault::{Fault, Misbehaved};
use crate::link::{InFlight, Leaving, Link, Waiter};
use crate::state::{Connected, Generation, Loss, Password, State};
use crate::vocabulary::{LinkId, Notice, Output, Timer};
use core::fmt::Debug;
use core::time::Duration;
use zoarium_process::{Effects, Instant};
use zoarium_proto::connect::{ConnectRequest, ConnectResponse};
use zoarium_proto::membership::HostPort;
use zoarium_proto::{Reader, SessionId};

/// No attempt is given up sooner, however many servers share the session timeout.
const ATTEMPT_MIN: Duration = Duration::from_millis(500);

/// A connection that lasted so long did not fail. One that ends sooner counts as a failed attempt,
/// or a server that ends every session at once would be called without a pause.
const HELD_MIN: Duration = Duration::from_secs(1);

impl<T: Debug> Session<T> {
    pub(super) fn start(&mut self, now: Instant, fx: &mut Effects<Self>) {
        if !matches!(self.phase, Phase::Unstarted) {
            return;
        }
        if let Some(resumed) = self.options.resume {
            // How long ago it was last heard of, and for how long it lives, only a server knows.
            let timeout = self.options.session_timeout;
            self.identity = Some(Identity {
                session: resumed.session,
                password: resumed.password,
                timeout,
                alive_until: now + timeout,
                local_to_read_only: false,
            });
            self.generation = Generation(1);
            self.seen = Seen { replied: resumed.last_zxid, newest: resumed.last_zxid };
            fx.set_timer(Timer::Expiry, now + timeout);
        }
        self.dial(now, fx);
    }

    /// Calls the next server.
    fn dial(&mut self, now: Instant, fx: &mut Effects<Self>) {
        self.last_link = LinkId(self.last_link.0 + 1);
        let (link, server) = (self.last_link, self.servers.take_turn());
        fx.output(Output::Dial { link, server: server.clone() });
        fx.set_timer(Timer::Attempt, now + self.attempt_timeout());
        self.phase = Phase::Dialing { link, server };
    }

    /// Every server should get its turn within the session's timeout.
    fn attempt_timeout(&self) -> Duration {
        let timeout = self.identity.as_ref().map(|identity| identity.timeout);
        let timeout = timeout.unwrap_or(self.options.session_timeout);
        let servers = u32::try_from(self.servers.len()).unwrap_or(u32::MAX);
        (timeout / servers).max(ATTEMPT_MIN)
    }

    pub(super) fn on_link_up(&mut self, now: Instant, up: LinkId, fx: &mut Effects<Self>) {
        let Phase::Dialing { link, server } = &self.phase else { return };
        if *link != up {
            return;
        }
        let server = server.clone();
        let known = self.identity.as_ref().filter(|identity| !identity.local_to_read_only);
        let (asked, password) = match known {
            Some(identity) => (identity.session, identity.password.0),
            None => (SessionId::NONE, [0; 16]),
        };
        let request = ConnectRequest {
            protocol_version: 0,
            last_zxid_seen: self.seen.newest.to_wire(),
            timeout_ms: millis(self.options.session_timeout),
            session: asked,
            password: Some(&password),
            read_only: Some(self.options.read_only_allowed),
        };
        self.outgoing.clear();
        zoarium_proto::reply::put_frame(&mut self.outgoing, |out| request.encode(out));
        fx.set_timer(Timer::Attempt, now + self.attempt_timeout());
        self.phase = Phase::Greeting { link: up, server, asked, since: now };
    }

    /// The answer to the handshake.
    pub(super) fn on_greeting(
        &mut self,
        now: Instant,
        frame: &[u8],
        fx: &mut Effects<Self>,
    ) -> Result<(), Fault> {
        let Phase::Greeting { link, server, asked, since } = &self.phase else { return Ok(()) };
        let (link, server, asked, since) = (*link, server.clone(), *asked, *since);
        let response = ConnectResponse::decode(&mut Reader::new(frame))?;
        let timeout = u64::try_from(response.timeout_ms).unwrap_or(0);
        match (timeout, asked) {
            (0, SessionId::NONE) => return Err(Misbehaved::NoSession.into()),
            (0, _) => {
                self.lose(Loss::Expired, fx);
                return Err(Fault::SessionOver);
            }
            (_, SessionId::NONE) if response.session == SessionId::NONE => {
                return Err(Misbehaved::NoSession.into());
            }
            (_, SessionId::NONE) => {}
            (_, asked) if asked != response.session => {
                let answered = response.session;
                return Err(Misbehaved::OtherSession { asked, answered }.into());
            }
            (_, _) => {}
        }
        let read_only = response.read_only.unwrap_or(false);
        let timeout = Duration::from_millis(timeout);
        let session = response.session;
        let identity = Identity {
            session,
            password: Password(response.password),
            timeout,
            alive_until: since + timeout,
            local_to_read_only: read_only && asked == SessionId::NONE,
        };
        let is_new = u64::from(asked == SessionId::NONE);
        let generation = Generation(self.generation.0 + is_new);
        let connected = Connected { generation, session, timeout, server, read_only };
        let opened = Opened { link, identity, connected };
        match self.mechanism.clone() {
            None => self.become_connected(now, opened, fx),
            Some(mechanism) => self.begin_proof(opened, &*mechanism),
        }
        Ok(())
    }

    pub(super) fn become_connected(
        &mut self,
        now: Instant,
        opened: Opened,
        fx: &mut Effects<Self>,
    ) {
        let Opened { link, identity, connected } = opened;
        let (timeout, read_only) = (connected.timeout, connected.read_only);
        self.identity = Some(identity);
        self.generation = connected.generation;
        self.metrics.connections += 1;
        self.phase = Phase::Connected(Link::new(link, read_only, now, self.seen.newest));
        fx.cancel_timer(Timer::Attempt);
        fx.cancel_timer(Timer::Expiry);
        fx.set_timer(Timer::Ping, now + ping_interval(timeout));
        fx.set_timer(Timer::Silence, now + silence_max(timeout));
        self.seeks = 0;
        if read_only {
            self.set_seek_timer(now, fx);
        }
        self.become_state(State::Connected(connected), fx);
        self.claim_identities();
        self.set_watches_again();
        self.tell_of_gap(fx);
        self.send_backlog(fx);
    }

    pub(super) fn on_attempt_timeout(&mut self, now: Instant, fx: &mut Effects<Self>) {
        if self.is_connecting() {
            self.hang_up(now, Fault::NoAnswer(self.attempt_timeout()), fx);
        }
    }

    const fn is_connecting(&self) -> bool {
        matches!(self.phase, Phase::Dialing { .. } | Phase::Greeting { .. } | Phase::Proving(_))
    }

    pub(super) fn on_retry(&mut self, now: Instant, fx: &mut Effects<Self>) {
        if matches!(self.phase, Phase::Resting) {
            self.dial(now, fx);
        }
    }

    /// Ends the present link.
    pub(super) fn hang_up(&mut self, now: Instant, why: Fault, fx: &mut Effects<Self>) {
        if let Some(link) = self.current_link() {
            fx.output(Output::HangUp { link, why });
            self.on_link_broken(now, link, why, fx);
        }
    }

    /// Ends the present link for a better one. In the session no request is lost by that: those that
    /// are under way are answered before, and others wait for the next link.
    pub(super) fn leave(&mut self, now: Instant, why: Fault, fx: &mut Effects<Self>) {
        let timeout = self.identity.as_ref().map_or(Duration::ZERO, |identity| identity.timeout);
        if let Phase::Connected(link) = &mut self.phase
            && link.len() > 0
        {
            link.leaving = Some(Leaving { why, until: now + silence_max(timeout) });
        } else {
            self.hang_up(now, why, fx);
        }
    }

    /// Ends a link that is to be left, once all is answered or that has taken too long.
    pub(super) fn leave_when_answered(&mut self, now: Instant, fx: &mut Effects<Self>) {
        if let Phase::Connected(link) = &self.phase
            && let Some(Leaving { why, until }) = link.leaving
            && (link.len() == 0 || now >= until)
        {
            self.hang_up(now, why, fx);
        }
    }

    pub(super) fn on_link_broken(
        &mut self,
        now: Instant,
        broken: LinkId,
        why: Fault,
        fx: &mut Effects<Self>,
    ) {
        if self.current_link() != Some(broken) {
            return;
        }
        fx.cancel_timer(Timer::Attempt);
        self.outgoing.clear();
        match core::mem::replace(&mut self.phase, Phase::Resting) {
            Phase::Connected(link) => {
                let on_purpose = matches!(why, Fault::ReadWriteServerFound | Fault::ServersChanged);
                if on_purpose || now.saturating_since(link.since) >= HELD_MIN {
                    self.servers.held();
                } else {
                    self.servers.failed();
                }
                self.on_connection_lost(now, link, why, fx);
            }
            // A server that ends a session has done its part.
            Phase::Greeting { .. } if why == Fault::SessionOver => {}
            Phase::Dialing { .. } | Phase::Greeting { .. } | Phase::Proving(_) => {
                self.metrics.failed_attempts += 1;
                self.servers.failed();
            }
            Phase::Unstarted | Phase::Resting | Phase::Ended => {}
        }
        self.redial(now, fx);
    }

    fn on_connection_lost(
        &mut self,
        now: Instant,
        link: Link<T>,
        why: Fault,
        fx: &mut Effects<Self>,
    ) {
        for timer in [Timer::Ping, Timer::Silence, Timer::Seek] {
            fx.cancel_timer(timer);
        }
        self.watches.disconnected();
        let until = self.alive_until().unwrap_or(now);
        let generation = self.generation;
        self.become_state(State::Suspended { generation, until, why }, fx);
        // Behind a request that has failed none may be done.
        let keeps_backlog = link.leaving.is_some() && link.len() == 0;
        for (request, failure) in link.fail(Cause::ConnectionLost) {
            self.metrics.count(request.expected.op, Some(&failure));
            answer_failed(request, failure, fx);
        }
        if !keeps_backlog {
            self.fail_backlog(Cause::ConnectionLost, fx);
        }
        if until > now {
            fx.set_timer(Timer::Expiry, until);
        } else {
            self.lose(Loss::Unheard, fx);
        }
    }

    fn redial(&mut self, now: Instant, fx: &mut Effects<Self>) {
        if !matches!(self.phase, Phase::Resting) {
            return;
        }
        if self.closing.is_some() && self.has_nothing_to_close() {
            return self.end(State::Closed, fx);
        }
        let delay = self.servers.delay(&self.options.backoff, &mut self.random);
        match delay {
            Duration::ZERO => self.dial(now, fx),
            delay => fx.set_timer(Timer::Retry, now + delay),
        }
    }

    /// No server has been heard of for as long as the session lives.
    pub(super) fn on_expiry(&mut self, now: Instant, fx: &mut Effects<Self>) {
        if matches!(self.phase, Phase::Connected(_) | Phase::Ended) || self.identity.is_none() {
            return;
        }
        self.lose(Loss::Unheard, fx);
        // A handshake under way asks for the session that has just been given up.
        if matches!(self.phase, Phase::Greeting { .. } | Phase::Proving(_)) {
            self.hang_up(now, Fault::SessionOver, fx);
        }
    }

    /// The session is over. What others see of it is gone, or will be.
    pub(super) fn lose(&mut self, why: Loss, fx: &mut Effects<Self>) {
        self.identity = None;
        // A new session is a new client to the servers. Were it to insist on what the old one has
        // seen, it could never come back to an ensemble that was restored from a backup.
        self.seen = Seen::default();
        fx.cancel_timer(Timer::Expiry);
        self.metrics.sessions_lost += 1;
        self.become_state(State::Lost { generation: self.generation, why }, fx);
        self.fail_backlog(Cause::SessionLost, fx);
        self.watches.session_lost(|watch| {
            fx.output(Output::Watch { watch, notice: Notice::SessionLost });
        });
        if self.closing.is_some() || !self.options.renews_lost_sessions {
            self.end(State::Closed, fx);
        }
    }

    /// A server hears of a session's client; so it is alive for another timeout.
    pub(super) fn is_alive(&mut self, heard_at_earliest: Instant) {
        if let Some(identity) = &mut self.identity {
            identity.alive_until = identity.alive_until.max(heard_at_earliest + identity.timeout);
        }
    }

    pub(super) fn on_read_write_found(
        &mut self,
        now: Instant,
        server: &HostPort,
        fx: &mut Effects<Self>,
    ) {
        if self.link().is_some_and(|link| link.read_only) {
            self.servers.prefer(server);
            self.leave(now, Fault::ReadWriteServerFound, fx);
        }
    }
}

/// A session that a server has given, or gone on with, on a new connection.
#[derive(Debug)]
pub(super) struct Opened {
    pub(super) link: LinkId,
    pub(super) identity: Identity,
    pub(super) connected: Connected,
}

/// Tells whoever waits for a request that it failed.
pub(super) fn answer_failed<T: Debug>(
    request: InFlight<T>,
    failure: Failure,
    fx: &mut Effects<Session<T>>,
) {
    if let Waiter::Caller(tag) = request.waiter {
        fx.output(Output::Answered { tag, answer: Err(failure), watch: None });
    }
}

/// After how long without a word a ping is sent (`ClientCnxn.SendThread`).
pub(super) fn ping_interval(timeout: Duration) -> Duration {
    timeout / 3
}

/// After how long without hearing anything a connection is given up: there is time left for
/// another one before the session expires.
pub(super) fn silence_max(timeout: Duration) -> Duration {
    timeout * 2 / 3
}

fn millis(duration: Duration) -> i32 {
    i32::try_from(duration.as_millis()).unwrap_or(i32::MAX)
}
