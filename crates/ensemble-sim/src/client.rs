//! A client: one session after the other over one connection after the other, and what it saw.

mod ask;
mod reply;
mod watches;

pub use ask::Ask;
pub use reply::Reply;

use crate::participant::{Body, Message, Name, Output, Participant, Request, Timer, Wish};
use crate::workload::Verb;
use bytes::Bytes;
use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;
use watches::Watches;
use zoarium_process::{Effects, Input, Instant, Now};
use zoarium_proto::connect::ConnectRequest;
use zoarium_proto::reply::ReplyHeader;
use zoarium_proto::{EventType, OpCode, Reader, SessionId, WatchedEvent, Xid, Zxid};

/// What a client saw, for checkers. Every session is one client's.
#[derive(Clone, Debug)]
pub enum Seen {
    /// The session is connected.
    Connected(SessionId),
    /// The server says that the session is over.
    Expired(SessionId),
    /// The connection is gone, or given up, and with it unanswered requests.
    Disconnected(SessionId),
    /// A request was sent.
    Sent {
        /// In which session.
        session: SessionId,
        /// Its number.
        xid: Xid,
        /// What it asks.
        ask: Ask,
    },
    /// A reply came.
    Replied {
        /// In which session.
        session: SessionId,
        /// The number it has.
        xid: Xid,
        /// The zxid it has.
        zxid: Zxid,
        /// The oldest request without an answer; it should be this one's.
        expected: Option<Xid>,
        /// What was asked.
        ask: Ask,
        /// The answer.
        reply: Reply,
    },
    /// A watch fired.
    Event {
        /// In which session.
        session: SessionId,
        /// What happened.
        kind: EventType,
        /// To which znode.
        path: String,
        /// By which txn.
        zxid: Option<Zxid>,
    },
    /// The watches of the connection before are set again, and what was missed has been told.
    Rewatched {
        /// In which session.
        session: SessionId,
        /// The zxid of the reply.
        zxid: Zxid,
    },
    /// Bytes came that mean nothing here.
    Unreadable(String),
}

/// Where a client is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// Waits to open a connection.
    Idle,
    /// Waits for the answer to the handshake.
    Dialing,
    /// In its session.
    Connected,
}

/// The session timeout asked for. Short, so that sessions come and go within a run.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(4);
/// How long nothing may come from the server before the client gives the connection up.
const SILENCE_MAX: Duration = Duration::from_millis(2600);
const PING_INTERVAL: Duration = Duration::from_millis(1200);
const REDIAL_DELAY: Duration = Duration::from_millis(100);
/// How long a client stays away when it is asked to.
const AWAY_TIME: Duration = Duration::from_millis(5500);
const PROBE_INTERVAL: Duration = Duration::from_millis(700);

/// The state of a client. A crash forgets all of it.
#[derive(Debug)]
pub struct Client {
    name: Name,
    servers: Vec<u8>,
    /// The servers that can be reached.
    reachable: BTreeSet<u8>,
    /// The server it is connected to, or was last.
    server: u8,
    /// What makes its names and values unlike those of other clients and earlier lives.
    prefix: String,
    stage: Stage,
    connection: u64,
    session: SessionId,
    last_zxid: i64,
    last_xid: i32,
    waiting: VecDeque<(Xid, Ask)>,
    heard: Instant,
    away_until: Instant,
    values: u64,
    sequentials: Vec<String>,
    watches: Watches,
}

type Fx = Effects<Participant>;

impl Client {
    /// A client that has been started `restarts` times before.
    pub fn new(name: Name, servers: Vec<u8>, restarts: u64) -> Self {
        let number = match name {
            Name::Client(number) | Name::Server(number) => number,
        };
        Self {
            name,
            // Clients begin with different ones.
            server: servers[usize::from(number) % servers.len()],
            servers,
            reachable: BTreeSet::new(),
            prefix: format!("c{number}.{restarts}"),
            stage: Stage::Idle,
            // A server that has not noticed the restart must not take old for new.
            connection: restarts * 1_000_000,
            session: SessionId::NONE,
            last_zxid: 0,
            last_xid: 0,
            waiting: VecDeque::new(),
            heard: Instant::ORIGIN,
            away_until: Instant::ORIGIN,
            values: 0,
            sequentials: Vec::new(),
            watches: Watches::default(),
        }
    }

    pub(crate) fn step(&mut self, now: Now, input: Input<Participant>, fx: &mut Fx) {
        match input {
            Input::Start => {
                fx.set_timer(Timer::Ping, now.mono + PING_INTERVAL);
                fx.set_timer(Timer::Probe, now.mono + PROBE_INTERVAL);
            }
            Input::LinkUp(Name::Server(server)) => {
                self.reachable.insert(server);
                self.dial(now, fx);
            }
            Input::LinkDown(Name::Server(server)) => {
                self.reachable.remove(&server);
                if server == self.server && self.stage != Stage::Idle {
                    self.hang_up(now, fx);
                }
            }
            Input::Message { message: Message::Client { connection, body }, .. }
                if connection == self.connection =>
            {
                self.on_message(now, body, fx);
            }
            Input::Timer(Timer::Ping) => self.on_ping_timer(now, fx),
            Input::Timer(Timer::Dial) => self.dial(now, fx),
            Input::Timer(Timer::Probe) => {
                fx.set_timer(Timer::Probe, now.mono + PROBE_INTERVAL);
                if self.waiting.is_empty() {
                    self.ask(
                        Ask::Set { path: "/pair".into(), data: self.prefix.clone().into() },
                        fx,
                    );
                }
            }
            Input::Request(Request::Do(wishes)) => {
                for wish in wishes {
                    match self.fill_in(wish) {
                        Some(ask) => self.ask(ask, fx),
                        None => {
                            if wish.verb == Verb::Away {
                                self.away_until = now.mono + AWAY_TIME;
                            }
                            self.leave(now, fx);
                        }
                    }
                }
            }
            // What belongs to an older connection, or to servers.
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

    fn dial(&mut self, now: Now, fx: &mut Fx) {
        if self.stage != Stage::Idle || self.reachable.is_empty() {
            return;
        }
        if now.mono < self.away_until {
            return fx.set_timer(Timer::Dial, self.away_until);
        }
        // The next one in the list that can be reached.
        let here = self.servers.iter().position(|server| *server == self.server).unwrap_or(0);
        let (before, behind) = self.servers.split_at(here + 1);
        let mut others = behind.iter().chain(before);
        let Some(server) = others.find(|server| self.reachable.contains(server)) else { return };
        self.server = *server;
        self.stage = Stage::Dialing;
        self.heard = now.mono;
        self.connection += 1;
        self.send(Body::Open, fx);
        let password = self.session.password();
        let request = ConnectRequest {
            protocol_version: 0,
            last_zxid_seen: self.last_zxid,
            timeout_ms: i32::try_from(TIMEOUT.as_millis()).unwrap_or(i32::MAX),
            session: self.session,
            password: Some(if self.session == SessionId::NONE { &[0; 16] } else { &password }),
            read_only: Some(false),
        };
        let mut frame = Vec::new();
        request.encode(&mut frame);
        self.send(Body::Frame(frame.into()), fx);
    }

    fn on_ping_timer(&mut self, now: Now, fx: &mut Fx) {
        fx.set_timer(Timer::Ping, now.mono + PING_INTERVAL);
        let open = matches!(self.stage, Stage::Dialing | Stage::Connected);
        if open && now.mono.saturating_since(self.heard) > SILENCE_MAX {
            self.leave(now, fx);
        } else if self.stage == Stage::Connected {
            self.send_request(Xid::PING, OpCode::Ping, &[], fx);
        }
    }

    /// Gives the connection up, to connect to another server.
    fn leave(&mut self, now: Now, fx: &mut Fx) {
        if self.stage != Stage::Idle {
            self.send(Body::Close, fx);
            self.hang_up(now, fx);
        }
    }

    fn hang_up(&mut self, now: Now, fx: &mut Fx) {
        self.disconnected(fx);
        self.stage = Stage::Idle;
        fx.set_timer(Timer::Dial, now.mono + REDIAL_DELAY);
    }

    fn disconnected(&mut self, fx: &mut Fx) {
        if self.stage == Stage::Connected {
            see(Seen::Disconnected(self.session), fx);
        }
        let closed = self.waiting.drain(..).any(|(_, ask)| ask == Ask::CloseSession);
        if closed {
            self.forget_session();
        }
    }

    fn forget_session(&mut self) {
        self.session = SessionId::NONE;
        self.last_xid = 0;
        self.watches = Watches::default();
    }

    fn on_message(&mut self, now: Now, body: Body, fx: &mut Fx) {
        self.heard = now.mono;
        match (body, self.stage) {
            (Body::Frame(frame), Stage::Dialing) => self.on_handshake(&frame, now, fx),
            (Body::Frame(frame), Stage::Connected) => self.on_frame(&frame, fx),
            (Body::Close, Stage::Dialing | Stage::Connected) => self.hang_up(now, fx),
            (Body::Open, _) | (_, Stage::Idle) => {}
        }
    }

    fn on_handshake(&mut self, frame: &[u8], now: Now, fx: &mut Fx) {
        let mut reader = Reader::new(frame);
        let answer = reader.int().and_then(|_| Ok((reader.int()?, SessionId(reader.long()?))));
        match answer {
            Ok((0, _)) => {
                see(Seen::Expired(self.session), fx);
                self.forget_session();
                self.hang_up(now, fx);
            }
            Ok((_, session)) => {
                let is_new = self.session != session;
                self.session = session;
                self.stage = Stage::Connected;
                see(Seen::Connected(session), fx);
                if let Some(body) = self.watches.set_again(self.last_zxid) {
                    self.send_request(Xid::SET_WATCHES, OpCode::SetWatches2, &body, fx);
                }
                if is_new {
                    for path in ["/pair", "/pair/x", "/pair/y", "/few", "/keep", "/eph", "/seq"] {
                        self.ask(Ask::create(path, b""), fx);
                    }
                }
            }
            Err(error) => see(Seen::Unreadable(error.to_string()), fx),
        }
    }

    fn on_frame(&mut self, frame: &[u8], fx: &mut Fx) {
        let mut reader = Reader::new(frame);
        let header = reader.int().and_then(|xid| {
            Ok(ReplyHeader { xid: Xid(xid), zxid: reader.long()?, error: reader.int()? })
        });
        let read = header.map_err(|error| error.to_string()).and_then(|header| match header.xid {
            Xid::PING => Ok(()),
            Xid::SET_WATCHES => {
                let zxid = Zxid::from_wire(header.zxid);
                see(Seen::Rewatched { session: self.session, zxid }, fx);
                Ok(())
            }
            Xid::NOTIFICATION => self.on_event(header.zxid, &mut reader, fx),
            _ => self.on_reply(header, &mut reader, fx),
        });
        if let Err(error) = read {
            see(Seen::Unreadable(error), fx);
        }
    }

    fn on_event(&mut self, zxid: i64, reader: &mut Reader<'_>, fx: &mut Fx) -> Result<(), String> {
        let event = WatchedEvent::decode(zxid, reader).map_err(|error| error.to_string())?;
        let (kind, path, zxid) = (event.kind, event.path.to_string(), event.zxid);
        self.watches.fired(kind, &path);
        see(Seen::Event { session: self.session, kind, path, zxid }, fx);
        Ok(())
    }

    fn on_reply(
        &mut self,
        header: ReplyHeader,
        reader: &mut Reader<'_>,
        fx: &mut Fx,
    ) -> Result<(), String> {
        let expected = self.waiting.front().map(|(xid, _)| *xid);
        let place = self.waiting.iter().position(|(xid, _)| *xid == header.xid);
        let place =
            place.ok_or_else(|| format!("a reply to {:?}, which was not asked", header.xid))?;
        let (xid, ask) = self.waiting.remove(place).expect("it was found at that place");
        let reply = Reply::decode(&ask, header.error, reader)
            .map_err(|error| format!("the reply to {ask:?}: {error}"))?;
        if let (Ask::CreateSequential { .. }, Reply::Created { path, .. }) = (&ask, &reply) {
            self.sequentials.push(path.clone());
        }
        self.watches.replied(&ask, &reply);
        self.last_zxid = self.last_zxid.max(header.zxid);
        let is_over = ask == Ask::CloseSession;
        let (session, zxid) = (self.session, Zxid::from_wire(header.zxid));
        see(Seen::Replied { session, xid, zxid, expected, ask, reply }, fx);
        if is_over {
            self.forget_session();
        }
        Ok(())
    }

    /// Sends a request, if there is a session to send it in and it has not been told to end.
    fn ask(&mut self, ask: Ask, fx: &mut Fx) {
        let is_closing = self.waiting.iter().any(|(_, ask)| *ask == Ask::CloseSession);
        if self.stage != Stage::Connected || is_closing || self.session == SessionId::NONE {
            return;
        }
        self.last_xid += 1;
        let xid = Xid(self.last_xid);
        let (op, body) = ask.encode();
        see(Seen::Sent { session: self.session, xid, ask: ask.clone() }, fx);
        self.waiting.push_back((xid, ask));
        self.send_request(xid, op, &body, fx);
    }

    fn send_request(&self, xid: Xid, op: OpCode, body: &[u8], fx: &mut Fx) {
        let mut frame = Vec::new();
        frame.extend(xid.0.to_be_bytes());
        frame.extend(op.to_wire().to_be_bytes());
        frame.extend(body);
        self.send(Body::Frame(Bytes::from(frame)), fx);
    }

    fn send(&self, body: Body, fx: &mut Fx) {
        let message = Message::Client { connection: self.connection, body };
        fx.send(Name::Server(self.server), message);
    }

    /// The request that is wished for; none if it is another connection.
    fn fill_in(&mut self, wish: Wish) -> Option<Ask> {
        self.values += 1;
        let value = format!("{}.{}", self.prefix, self.values);
        let few = format!("/few/{}", wish.which);
        let data = value.clone().into_bytes();
        let pair = ["/pair/x", "/pair/y"];
        Some(match wish.verb {
            Verb::Keep => Ask::create(&format!("/keep/{value}"), &data),
            Verb::Create => Ask::create(&few, &data),
            Verb::Set => Ask::Set { path: few, data },
            Verb::Delete => Ask::Delete { path: few },
            Verb::Ephemeral => {
                Ask::Create { path: format!("/eph/{}", wish.which), data, ephemeral: true }
            }
            Verb::Sequential => Ask::CreateSequential { ephemeral: false },
            Verb::EphemeralSequential => Ask::CreateSequential { ephemeral: true },
            Verb::DeleteSequential => {
                Ask::Delete { path: self.sequentials.pop().unwrap_or_else(|| "/seq/none".into()) }
            }
            Verb::Pair => Ask::SetBoth { paths: pair, data, failing: false },
            Verb::FailingPair => Ask::SetBoth { paths: pair, data, failing: true },
            Verb::ReadPair => Ask::GetBoth { paths: pair },
            Verb::Get => Ask::Get { path: few, watch: false },
            Verb::Watch => Ask::Get { path: few, watch: true },
            Verb::WatchExists => Ask::Exists { path: few, watch: true },
            Verb::List => Ask::List { path: "/eph".into(), watch: false },
            Verb::WatchList => Ask::List { path: "/few".into(), watch: true },
            Verb::WatchAlways => Ask::WatchAlways { path: few },
            Verb::Sync => Ask::Sync,
            Verb::CloseSession => Ask::CloseSession,
            Verb::Move | Verb::Away => return None,
        })
    }

    /// Which client this is.
    pub const fn name(&self) -> Name {
        self.name
    }
}

fn see(seen: Seen, fx: &mut Fx) {
    fx.output(Output::Client(seen));
}
