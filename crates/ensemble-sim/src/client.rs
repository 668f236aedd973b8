//! A client: the real session logic in one session after the other, what its owner asks, and what
//! it saw.

mod ask;
mod reply;
mod sabotage;
mod seen;
mod wire;
mod wishes;

pub use ask::Ask;
pub use reply::Reply;
pub use seen::Seen;

use crate::bug::Bug;
use crate::participant::{Body, Message, Name, Output, Participant, Request, Timer, Wish};
use crate::workload::Verb;
use bytes::Bytes;
use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;
use wire::Wire;
use zoarium_process::{Effect, Effects, Input, Now, Process};
use zoarium_proto::membership::HostPort;
use zoarium_proto::reply::ReplyHeader;
use zoarium_proto::{SessionId, Xid, Zxid};
use zoarium_session::backoff::Backoff;
use zoarium_session::failure::Failure;
use zoarium_session::fault::Fault;
use zoarium_session::state::{Credentials, State};
use zoarium_session::{Command, LinkId, Notice, Options, Session, WatchId};

/// What the session hands back with an answer.
#[derive(Clone, Debug)]
pub(crate) struct Tag {
    number: u64,
    ask: Ask,
}

/// The session timeout asked for. Short, so that sessions come and go within a run.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(4);
/// How long it takes to find that a server cannot be reached.
const REFUSAL_TIME: Duration = Duration::from_millis(2);
const RESTART_DELAY: Duration = Duration::from_millis(100);
const PROBE_INTERVAL: Duration = Duration::from_millis(700);
const BACKOFF: Backoff =
    Backoff { first: Duration::from_millis(100), longest: Duration::from_secs(1) };
/// How long a client stays away when it is asked to: its session may live on, or not.
const AWAY_TIMES: [Duration; 4] = [
    Duration::from_millis(300),
    Duration::from_millis(2000),
    Duration::from_millis(4300),
    Duration::from_millis(5500),
];
/// How many requests wait for a connection, at most.
const QUEUED_MAX: usize = 50;

/// The state of a client. A crash forgets all of it.
#[derive(Debug)]
pub struct Client {
    name: Name,
    servers: Vec<HostPort>,
    /// The servers that can be reached.
    reachable: BTreeSet<u8>,
    bug: Option<Bug>,
    /// What makes its names and values unlike those of other clients and earlier lives.
    prefix: String,
    seed: u64,
    /// Sessions in the session logic's sense: each may hold several of a server's.
    lives: u64,
    session: Session<Tag>,
    effects: Effects<Session<Tag>>,
    inputs: VecDeque<Input<Session<Tag>>>,
    /// Links of this life count from here.
    connections: u64,
    /// The link that is up or being made, and the server.
    link: Option<(LinkId, u8)>,
    /// A link that cannot be made.
    refused: Option<LinkId>,
    /// The session that it is in, or was last.
    id: SessionId,
    wire: Wire,
    /// The reply that is being read, and the oldest request without an answer.
    reading: Option<(ReplyHeader, Option<Xid>)>,
    asked: u64,
    values: u64,
    sequentials: Vec<String>,
}

type Fx = Effects<Participant>;

impl Client {
    /// A client that has been started `restarts` times before.
    pub fn new(
        name: Name,
        servers: impl Iterator<Item = u8>,
        bug: Option<Bug>,
        seed: u64,
        restarts: u64,
    ) -> Self {
        let number = match name {
            Name::Client(number) | Name::Server(number) => number,
        };
        let servers = servers.map(|id| HostPort { host: format!("s{id}"), port: id.into() });
        let servers: Vec<HostPort> = servers.collect();
        Self {
            name,
            session: Session::new(options(None), servers.clone(), seed.into()),
            servers,
            reachable: BTreeSet::new(),
            bug,
            prefix: format!("c{number}.{restarts}"),
            seed,
            lives: 0,
            effects: Effects::new(),
            inputs: VecDeque::new(),
            // A server that has not noticed the restart must not take old for new.
            connections: restarts * 1_000_000,
            link: None,
            refused: None,
            id: SessionId::NONE,
            wire: Wire::default(),
            reading: None,
            asked: 0,
            values: 0,
            sequentials: Vec::new(),
        }
    }

    /// Which client this is.
    pub const fn name(&self) -> Name {
        self.name
    }

    pub(crate) fn step(&mut self, now: Now, input: Input<Participant>, fx: &mut Fx) {
        match input {
            Input::Start => {
                fx.set_timer(Timer::Dial, now.mono + RESTART_DELAY);
                fx.set_timer(Timer::Probe, now.mono + PROBE_INTERVAL);
            }
            Input::LinkUp(Name::Server(server)) => {
                self.reachable.insert(server);
            }
            Input::LinkDown(Name::Server(server)) => {
                self.reachable.remove(&server);
                if let Some((link, _)) = self.link.take_if(|(_, at)| *at == server) {
                    self.drive(now, Input::LinkDown(link), fx);
                }
            }
            Input::Message { message: Message::Client { connection, body }, .. } => {
                self.on_message(now, connection, body, fx);
            }
            Input::Timer(Timer::Session(timer)) => self.drive(now, Input::Timer(timer), fx),
            Input::Timer(Timer::Dial) => {
                let input = self.refused.take().map_or(Input::Start, Input::LinkDown);
                self.drive(now, input, fx);
            }
            Input::Timer(Timer::Probe) => {
                fx.set_timer(Timer::Probe, now.mono + PROBE_INTERVAL);
                if self.session.in_flight() + self.session.queued() == 0 {
                    let data = self.prefix.clone().into();
                    self.ask(now, Ask::Set { path: "/pair".into(), data }, fx);
                }
            }
            Input::Request(Request::Do(wishes)) => {
                wishes.into_iter().for_each(|wish| self.fulfil(now, wish, fx));
            }
            // What belongs to servers.
            Input::Message { .. }
            | Input::LinkUp(Name::Client(_))
            | Input::LinkDown(Name::Client(_))
            | Input::Persisted { .. }
            | Input::Request(Request::DiskFull(_) | Request::Break(..))
            | Input::Timer(
                Timer::Peer(_)
                | Timer::Snapshot
                | Timer::RestOfMulti
                | Timer::Transfer(_)
                | Timer::DialOver
                | Timer::Redial(_)
                | Timer::HistoryRead,
            ) => {}
        }
    }

    fn on_message(&mut self, now: Now, connection: u64, body: Body, fx: &mut Fx) {
        // What comes on an older connection is of no interest.
        let Some((link, _)) = self.link.filter(|(link, _)| self.connection(*link) == connection)
        else {
            return;
        };
        match body {
            Body::Frame(frame) if self.is_connected() => {
                self.reading = self.wire.received(&frame);
                self.drive(now, Input::Message { from: link, message: frame }, fx);
                if let Some((header, _)) = self.reading.take()
                    && header.xid == Xid::SET_WATCHES
                {
                    let zxid = Zxid::from_wire(header.zxid);
                    see(Seen::Rewatched { session: self.id, zxid }, fx);
                }
            }
            // The answer to the handshake.
            Body::Frame(frame) => {
                self.drive(now, Input::Message { from: link, message: frame }, fx)
            }
            Body::Close => {
                self.link = None;
                self.drive(now, Input::LinkDown(link), fx);
            }
            Body::Open => {}
        }
    }

    fn is_connected(&self) -> bool {
        matches!(self.session.state(), State::Connected(_))
    }

    const fn connection(&self, link: LinkId) -> u64 {
        self.connections + link.0
    }

    /// Hands an input to the session and does what it wants done.
    fn drive(&mut self, now: Now, input: Input<Session<Tag>>, fx: &mut Fx) {
        self.inputs.push_back(input);
        while let Some(input) = self.inputs.pop_front() {
            self.session.step(now, input, &mut self.effects);
            let effects: Vec<Effect<Session<Tag>>> = self.effects.drain().collect();
            for effect in effects {
                self.carry_out(now, effect, fx);
            }
        }
        if *self.session.state() == State::Closed {
            self.live_on(None);
            fx.set_timer(Timer::Dial, now.mono + RESTART_DELAY);
        }
    }

    /// The session is over for good. The client is as if new, but may go on with a session.
    fn live_on(&mut self, resume: Option<Credentials>) {
        self.lives += 1;
        // More than one life has links.
        self.connections += 10_000;
        self.refused = None;
        self.wire = Wire::default();
        let seed = u128::from(self.seed) << 64 | u128::from(self.lives);
        self.session = Session::new(options(resume), self.servers.clone(), seed);
    }

    fn carry_out(&mut self, now: Now, effect: Effect<Session<Tag>>, fx: &mut Fx) {
        match effect {
            Effect::Send { to, message } => self.on_sent(to, message, fx),
            Effect::SetTimer { timer, at } => fx.set_timer(Timer::Session(timer), at),
            Effect::CancelTimer(timer) => fx.cancel_timer(Timer::Session(timer)),
            Effect::Output(output) => self.on_output(now, output, fx),
            // A session makes nothing durable.
            Effect::Persist { .. } => {}
        }
    }

    fn on_sent(&mut self, link: LinkId, mut bytes: Bytes, fx: &mut Fx) {
        let is_handshake = !self.is_connected();
        while let Some(frame) = wire::next_frame(&mut bytes) {
            if !is_handshake && let Some((xid, ask)) = self.wire.sent(&frame) {
                see(Seen::Sent { session: self.id, xid, ask }, fx);
            }
            if let Some(frame) = self.sabotaged(is_handshake, frame) {
                self.send(link, Body::Frame(frame), fx);
            }
        }
    }

    fn send(&self, link: LinkId, body: Body, fx: &mut Fx) {
        let connection = self.connection(link);
        if let Some((_, server)) = self.link.filter(|(up, _)| *up == link) {
            fx.send(Name::Server(server), Message::Client { connection, body });
        }
    }

    fn on_output(&mut self, now: Now, output: zoarium_session::Output<Tag>, fx: &mut Fx) {
        match output {
            zoarium_session::Output::Dial { link, server } => self.dial(now, link, &server, fx),
            zoarium_session::Output::HangUp { link, why } => {
                self.send(link, Body::Close, fx);
                self.link.take_if(|(up, _)| *up == link);
                if let Fault::NoFrame(_) | Fault::Malformed(_) | Fault::Misbehaved(_) = why {
                    see(Seen::Misbehaved(why), fx);
                }
            }
            zoarium_session::Output::State(state) => self.on_state(&state, fx),
            zoarium_session::Output::Answered { tag, answer, watch } => {
                self.on_answer(tag, answer, watch, fx);
            }
            zoarium_session::Output::Watch { watch, notice: Notice::Event(event) } => {
                let (kind, path, zxid) = (event.kind, event.path.as_ref().into(), event.zxid);
                see(Seen::Event { session: self.id, watch, kind, path, zxid }, fx);
            }
            // Checkers know these by themselves; no server here is read-only.
            zoarium_session::Output::Watch { notice: Notice::Gap { .. }, .. }
            | zoarium_session::Output::Watch { notice: Notice::SessionLost, .. }
            | zoarium_session::Output::Seek { .. } => {}
        }
    }

    fn dial(&mut self, now: Now, link: LinkId, server: &HostPort, fx: &mut Fx) {
        let server = u8::try_from(server.port).unwrap_or(0);
        if self.reachable.contains(&server) {
            self.link = Some((link, server));
            self.send(link, Body::Open, fx);
            self.inputs.push_back(Input::LinkUp(link));
        } else {
            self.refused = Some(link);
            fx.set_timer(Timer::Dial, now.mono + REFUSAL_TIME);
        }
    }

    fn on_state(&mut self, state: &State, fx: &mut Fx) {
        match state {
            State::Connected(connected) => {
                let is_new = std::mem::replace(&mut self.id, connected.session) != self.id;
                see(Seen::Connected(self.id), fx);
                if is_new {
                    for path in ["/pair", "/pair/x", "/pair/y", "/few", "/keep", "/eph", "/seq"] {
                        self.ask_later(Ask::create(path, b""));
                    }
                }
            }
            State::Suspended { .. } => {
                self.wire.disconnected();
                see(Seen::Disconnected(self.id), fx);
            }
            State::Lost { .. } => see(Seen::Lost(self.id), fx),
            State::Closed => see(Seen::Detached(self.id), fx),
            State::Connecting | State::AuthFailed => {}
        }
    }

    fn on_answer(
        &mut self,
        tag: Tag,
        answer: Result<zoarium_session::reply::Reply, Failure>,
        watch: Option<WatchId>,
        fx: &mut Fx,
    ) {
        if let Err(Failure::NotSent(_)) = answer {
            self.wire.failed(&tag);
            return see(Seen::NotSent(tag.ask), fx);
        }
        let Some(reply) = Reply::new(answer) else { return };
        let Some((ReplyHeader { xid, zxid, .. }, expected)) = self.reading else { return };
        let (session, zxid, ask) = (self.id, Zxid::from_wire(zxid), tag.ask);
        if let (Ask::CreateSequential { .. }, Reply::Created { path, .. }) = (&ask, &reply) {
            self.sequentials.push(path.clone());
        }
        see(Seen::Replied { session, xid, zxid, expected, ask, reply, watch }, fx);
    }

    fn ask(&mut self, now: Now, ask: Ask, fx: &mut Fx) {
        if self.session.queued() < QUEUED_MAX {
            let command = self.command(ask);
            self.drive(now, Input::Request(command), fx);
        }
    }

    /// Asks once the session has done what it is about to.
    fn ask_later(&mut self, ask: Ask) {
        let command = self.command(ask);
        self.inputs.push_back(Input::Request(command));
    }

    fn command(&mut self, ask: Ask) -> Command<Tag> {
        self.asked += 1;
        let tag = Tag { number: self.asked, ask };
        let request = tag.ask.request().map(zoarium_session::request::Request::into_owned);
        match request {
            Some(request) => {
                self.wire.submitted(tag.clone());
                Command::Submit { request, tag }
            }
            None => Command::Close { tag },
        }
    }

    fn fulfil(&mut self, now: Now, wish: Wish, fx: &mut Fx) {
        match (self.fill_in(wish), self.link) {
            (Some(ask), _) => self.ask(now, ask, fx),
            (None, Some((link, _))) if wish.verb == Verb::Move => {
                let command = Command::Break { link, why: Fault::Closed };
                self.drive(now, Input::Request(command), fx);
            }
            (None, _) if wish.verb == Verb::Away => self.stay_away(now, wish.which, fx),
            (None, _) => {}
        }
    }

    /// Lets go of the session, and comes back to it after a while.
    fn stay_away(&mut self, now: Now, which: u8, fx: &mut Fx) {
        let credentials = self.session.credentials();
        self.session.step(now, Input::Request(Command::Detach), &mut self.effects);
        let effects: Vec<Effect<Session<Tag>>> = self.effects.drain().collect();
        effects.into_iter().for_each(|effect| self.carry_out(now, effect, fx));
        self.inputs.clear();
        self.live_on(credentials);
        let away = AWAY_TIMES[usize::from(which) % AWAY_TIMES.len()];
        fx.set_timer(Timer::Dial, now.mono + away);
    }
}

/// How sessions are set up.
fn options(resume: Option<Credentials>) -> Options {
    Options { session_timeout: TIMEOUT, backoff: BACKOFF, resume, ..Options::default() }
}

fn see(seen: Seen, fx: &mut Fx) {
    fx.output(Output::Client(seen));
}
