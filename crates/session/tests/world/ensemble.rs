//! Servers that share one state and do what is asked, unless they are told to lie.

use super::TIMEOUT;
use bytes::{BufMut, Bytes};
use std::collections::{BTreeMap, BTreeSet};
use zoarium_process::Instant;
use zoarium_proto::connect::{ConnectRequest, ConnectResponse};
use zoarium_proto::jute::{put_buffer, put_text};
use zoarium_proto::multi::{MultiHeader, MultiRequest, WriteOp};
use zoarium_proto::reply::ReplyHeader;
use zoarium_proto::request::{
    AuthRequest, CreateRequest, PathModeRequest, PathVersionRequest, PathWatchRequest,
    RequestHeader, SetDataRequest, SetWatchesRequest,
};
use zoarium_proto::watch::WatcherType;
use zoarium_proto::{
    CreateMode, ErrorCode, EventType, OpCode, Reader, SessionId, Stat, WatchedEvent, Xid, Zxid,
};
use zoarium_session::LinkId;

/// Bytes for a link, or its end.
type Said = (LinkId, Option<Bytes>);

/// What a server does wrong with the next reply to a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lie {
    WrongXid,
    CutShort,
    OldZxid,
    UnaskedPong,
    /// The request is done, and the connection ends instead of the reply.
    NoReply,
    /// In the handshake: another session than the one asked for.
    OtherSession,
    /// In the handshake: a reply header instead of the response, as 3.8 in read-only mode.
    NoResponse,
    /// A SASL token that means nothing.
    Token,
}

#[derive(Debug, Default)]
pub(crate) struct Server {
    pub(crate) down: bool,
    pub(crate) read_only: bool,
    /// Takes connections and never answers.
    pub(crate) mute: bool,
}

#[derive(Debug)]
struct Session {
    until: Instant,
    link: Option<LinkId>,
    local: bool,
}

#[derive(Debug, Default)]
struct Connection {
    server: usize,
    /// Nothing is taken from it any more.
    stuck: bool,
    session: Option<SessionId>,
    data: BTreeSet<String>,
    child: BTreeSet<String>,
    persistent: BTreeSet<String>,
    recursive: BTreeSet<String>,
}

#[derive(Debug)]
pub(crate) struct Ensemble {
    pub(crate) servers: Vec<Server>,
    pub(crate) zxid: u64,
    pub(crate) znodes: BTreeMap<String, Stat>,
    /// The data of every write that was done, in order.
    pub(crate) done: Vec<Vec<u8>>,
    /// The data of every write that was asked for, in order.
    pub(crate) tried: Vec<Vec<u8>>,
    /// Every change of a znode: when, by which transaction, and what.
    pub(crate) changes: Vec<(Instant, Zxid, EventType, String)>,
    now: Instant,
    /// Sessions that were not heard of for too long, and when that was.
    pub(crate) expired: Vec<(SessionId, Instant)>,
    /// Requests of all connections, in order: what they are and on which path.
    pub(crate) heard: Vec<(OpCode, String)>,
    pub(crate) lie: Option<Lie>,
    /// Refuse every identity.
    pub(crate) refuses_auth: bool,
    sessions: BTreeMap<SessionId, Session>,
    last_session: i64,
    connections: BTreeMap<LinkId, Connection>,
    events: Vec<(LinkId, Bytes)>,
}

impl Ensemble {
    pub(super) fn new(servers: usize) -> Self {
        Self {
            servers: (0..servers).map(|_| Server::default()).collect(),
            zxid: 100,
            znodes: BTreeMap::from([("/".into(), Stat::default())]),
            done: vec![],
            tried: vec![],
            changes: vec![],
            now: Instant::ORIGIN,
            expired: vec![],
            heard: vec![],
            lie: None,
            refuses_auth: false,
            sessions: BTreeMap::new(),
            last_session: 0x1_0000,
            connections: BTreeMap::new(),
            events: vec![],
        }
    }

    pub(super) fn dialled(&mut self, link: LinkId, server: usize) {
        self.connections.insert(link, Connection { server, ..Connection::default() });
    }

    pub(super) fn accepts(&self, link: LinkId) -> bool {
        self.connections.get(&link).is_some_and(|it| !self.servers[it.server].down)
    }

    pub(super) fn takes_writes(&self, server: usize) -> bool {
        !self.servers[server].down && !self.servers[server].read_only
    }

    pub(super) fn closed(&mut self, link: LinkId) {
        self.connections.remove(&link);
    }

    /// The newest connection.
    pub(super) fn last_connection(&self) -> Option<LinkId> {
        self.connections.keys().next_back().copied()
    }

    pub(crate) fn sessions(&self) -> Vec<SessionId> {
        self.sessions.keys().copied().collect()
    }

    /// Ends sessions on the spot.
    pub(crate) fn kill_sessions(&mut self) {
        self.sessions.clear();
    }

    pub(super) fn expire(&mut self, now: Instant) {
        self.now = now;
        let over = self.sessions.extract_if(.., |_, session| session.until < now);
        self.expired.extend(over.map(|(id, session)| (id, session.until)));
    }

    /// When the server ends the session, if nothing more is heard.
    pub(crate) fn session_until(&self, session: SessionId) -> Option<Instant> {
        self.sessions.get(&session).map(|session| session.until)
    }

    /// Watches that connections have set.
    pub(crate) fn watches(&self) -> usize {
        let count = |it: &Connection| {
            it.data.len() + it.child.len() + it.persistent.len() + it.recursive.len()
        };
        self.connections.values().map(count).sum()
    }

    pub(super) fn take_events(&mut self) -> Vec<(LinkId, Bytes)> {
        std::mem::take(&mut self.events)
    }

    /// Takes a frame from a client; the result is what to say, in order.
    pub(super) fn take(&mut self, now: Instant, link: LinkId, frame: &Bytes) -> Vec<Said> {
        let Some(connection) = self.connections.get_mut(&link) else { return vec![] };
        // What a connection has not taken it does not skip.
        connection.stuck |= self.servers[connection.server].mute;
        if connection.stuck {
            return vec![];
        }
        if self.servers[connection.server].down {
            connection.stuck = true;
            return vec![(link, None)];
        }
        let Some(session) = connection.session else { return self.greet(now, link, frame) };
        let Some(live) = self.sessions.get_mut(&session) else { return vec![(link, None)] };
        if live.link != Some(link) {
            return vec![(link, None)];
        }
        live.until = now + TIMEOUT;
        let mut reader = Reader::new(frame);
        let header = RequestHeader::decode(&mut reader).unwrap();
        let op = header.op().unwrap();
        let mut body = vec![];
        let answer = self.serve(link, op, &mut reader, &mut body);
        let mut said: Vec<Said> =
            self.take_events().into_iter().map(|(link, event)| (link, Some(event))).collect();
        let is_normal = header.xid.0 > 0;
        let lie = if is_normal { self.lie.take() } else { None };
        if lie == Some(Lie::NoReply) {
            self.closed(link);
            said.push((link, None));
            return said;
        }
        let no_zxid = [OpCode::Auth, OpCode::Ping].contains(&op);
        let (zxid, error) = (if no_zxid { 0 } else { self.zxid }, answer.err());
        let error = error.map_or(0, ErrorCode::to_wire);
        let zxid = if lie == Some(Lie::OldZxid) { 1 } else { zxid };
        let xid = if lie == Some(Lie::WrongXid) { header.xid.0 + 1 } else { header.xid.0 };
        let header = ReplyHeader { xid: Xid(xid), zxid: zxid.cast_signed(), error };
        let mut out = vec![];
        header.encode(&mut out);
        if error == 0 {
            out.extend(body);
        }
        if lie == Some(Lie::CutShort) {
            out.pop();
        }
        if lie == Some(Lie::UnaskedPong) {
            let mut pong = vec![];
            ReplyHeader::ok(Xid::PING, Zxid::ZERO).encode(&mut pong);
            said.push((link, Some(pong.into())));
        }
        said.push((link, Some(out.into())));
        if op == OpCode::CloseSession || (op == OpCode::Auth && error != 0) {
            said.push((link, None));
        }
        said
    }

    fn greet(&mut self, now: Instant, link: LinkId, frame: &[u8]) -> Vec<Said> {
        let request = ConnectRequest::decode(&mut Reader::new(frame)).unwrap();
        let server = &self.servers[self.connections[&link].server];
        let read_only = server.read_only;
        let is_ahead = request.is_ahead_of(Zxid(self.zxid));
        if is_ahead || (read_only && request.read_only != Some(true)) {
            return vec![(link, None)];
        }
        let lie = self.lie.take_if(|lie| matches!(lie, Lie::OtherSession | Lie::NoResponse));
        if lie == Some(Lie::NoResponse) {
            return vec![(link, Some(Bytes::from_static(&[0; 16]))), (link, None)];
        }
        let session = if request.session == SessionId::NONE {
            self.last_session += 1;
            SessionId(self.last_session)
        } else {
            let known = self.sessions.get(&request.session);
            let right = request.password == Some(&request.session.password());
            if !right || known.is_none_or(|session| session.local) {
                let mut out = vec![];
                ConnectResponse::expired(Some(read_only)).encode(&mut out);
                return vec![(link, Some(out.into())), (link, None)];
            }
            request.session
        };
        let until = now + TIMEOUT;
        self.sessions.insert(session, Session { until, link: Some(link), local: read_only });
        self.connections.get_mut(&link).unwrap().session = Some(session);
        let timeout_ms = i32::try_from(TIMEOUT.as_millis()).unwrap();
        let answered = if lie.is_some() { SessionId(1) } else { session };
        let password = session.password();
        let response =
            ConnectResponse { timeout_ms, session: answered, password, read_only: Some(read_only) };
        let mut out = vec![];
        response.encode(&mut out);
        vec![(link, Some(out.into()))]
    }

    fn serve(
        &mut self,
        link: LinkId,
        op: OpCode,
        reader: &mut Reader<'_>,
        body: &mut Vec<u8>,
    ) -> Result<(), ErrorCode> {
        let mut heard = String::new();
        let read_only = self.servers[self.connections[&link].server].read_only;
        let result = match op {
            _ if read_only && (op.is_write() && op != OpCode::CloseSession) => {
                Err(ErrorCode::NotReadOnly)
            }
            OpCode::Create2 => {
                let request = CreateRequest::decode(op, reader).unwrap();
                heard = request.path.clone().unwrap().into_owned();
                self.zxid += 1;
                self.tried.push(request.data.unwrap_or_default().to_vec());
                self.create(&request, body)
            }
            OpCode::SetData => {
                let request = SetDataRequest::decode(reader).unwrap();
                heard = request.path.clone().unwrap().into_owned();
                self.zxid += 1;
                self.tried.push(request.data.unwrap_or_default().to_vec());
                let stat = self.set(&heard, request.data.unwrap_or_default());
                stat.map(|stat| stat.encode(body))
            }
            OpCode::Delete => {
                let request = PathVersionRequest::decode(reader).unwrap();
                heard = request.path.unwrap().into_owned();
                self.zxid += 1;
                self.delete(&heard)
            }
            OpCode::Multi => {
                self.zxid += 1;
                self.multi(&MultiRequest::decode(reader).unwrap(), body);
                Ok(())
            }
            OpCode::GetData | OpCode::Exists | OpCode::GetChildren2 => {
                let request = PathWatchRequest::decode(reader).unwrap();
                heard = request.path.unwrap().into_owned();
                self.read(link, op, &heard, request.watch, body)
            }
            OpCode::AddWatch | OpCode::RemoveWatches => {
                let request = PathModeRequest::decode(reader).unwrap();
                heard = request.path.clone().unwrap().into_owned();
                if op == OpCode::AddWatch {
                    self.add_watch(link, &request);
                    body.put_i32(0);
                    Ok(())
                } else {
                    self.remove_watches(link, &heard, WatcherType::from_wire(request.mode).unwrap())
                }
            }
            OpCode::SetWatches | OpCode::SetWatches2 => {
                self.set_watches(link, &SetWatchesRequest::decode(op, reader).unwrap());
                Ok(())
            }
            OpCode::Auth => {
                let request = AuthRequest::decode(reader).unwrap();
                heard = String::from_utf8(request.auth.unwrap().to_vec()).unwrap();
                if self.refuses_auth { Err(ErrorCode::AuthFailed) } else { Ok(()) }
            }
            OpCode::Sasl => {
                heard = String::from_utf8(reader.buffer().unwrap().unwrap().to_vec()).unwrap();
                self.token(&heard).map(|token| put_text(body, token))
            }
            OpCode::CloseSession => {
                self.sessions.remove(&self.connections[&link].session.unwrap());
                Ok(())
            }
            OpCode::Ping => Ok(()),
            other => panic!("{other:?} is not asked in these tests"),
        };
        self.heard.push((op, heard));
        result
    }

    /// The answer to a SASL token.
    fn token(&mut self, heard: &str) -> Result<&'static str, ErrorCode> {
        match heard {
            _ if self.lie.take_if(|lie| *lie == Lie::Token).is_some() => Ok("nonsense"),
            "" => Ok("who?"),
            "app" => Ok("welcome"),
            _ => Err(ErrorCode::AuthFailed),
        }
    }

    fn create(&mut self, request: &CreateRequest<'_>, body: &mut Vec<u8>) -> Result<(), ErrorCode> {
        let mut path = request.path.clone().unwrap().into_owned();
        if CreateMode::from_wire(request.flags).unwrap().is_sequential() {
            path = format!("{path}{:010}", self.zxid);
        }
        if self.znodes.contains_key(&path) {
            return Err(ErrorCode::NodeExists);
        }
        self.done.push(request.data.unwrap_or_default().to_vec());
        let stat = new_stat(Zxid(self.zxid));
        put_text(body, &path);
        stat.encode(body);
        self.znodes.insert(path.clone(), stat);
        self.fire(EventType::NodeCreated, &path);
        self.children_changed(&path);
        Ok(())
    }

    fn set(&mut self, path: &str, data: &[u8]) -> Result<Stat, ErrorCode> {
        let stat = self.znodes.get_mut(path).ok_or(ErrorCode::NoNode)?;
        stat.version += 1;
        stat.mzxid = Zxid(self.zxid);
        let stat = *stat;
        self.done.push(data.to_vec());
        self.fire(EventType::NodeDataChanged, path);
        Ok(stat)
    }

    fn delete(&mut self, path: &str) -> Result<(), ErrorCode> {
        self.znodes.remove(path).ok_or(ErrorCode::NoNode)?;
        self.fire(EventType::NodeDeleted, path);
        self.children_changed(path);
        Ok(())
    }

    /// Somebody else's write.
    pub(crate) fn other_sets(&mut self, path: &str) {
        self.zxid += 1;
        if self.set(path, b"other").is_err() {
            self.znodes.insert(path.into(), new_stat(Zxid(self.zxid)));
            self.fire(EventType::NodeCreated, path);
            self.children_changed(path);
        } else {
            self.done.pop();
        }
    }

    /// Somebody else's delete.
    pub(crate) fn other_deletes(&mut self, path: &str) {
        self.zxid += 1;
        let _was_there = self.delete(path);
    }

    fn multi(&mut self, request: &MultiRequest<'_>, body: &mut Vec<u8>) {
        let MultiRequest::Writes(writes) = request else { panic!("{request:?}") };
        for write in writes {
            let WriteOp::SetData(set) = write else { panic!("{write:?}") };
            let path = set.path.as_deref().unwrap();
            match self.set(path, set.data.unwrap_or_default()) {
                Ok(stat) => {
                    MultiHeader::result(OpCode::SetData).encode(body);
                    stat.encode(body);
                }
                Err(code) => MultiHeader::encode_error(code.to_wire(), body),
            }
        }
        MultiHeader::END.encode(body);
    }

    fn read(
        &mut self,
        link: LinkId,
        op: OpCode,
        path: &str,
        watch: bool,
        body: &mut Vec<u8>,
    ) -> Result<(), ErrorCode> {
        let stat = self.znodes.get(path).copied();
        let connection = self.connections.get_mut(&link).unwrap();
        if watch && (stat.is_some() || op == OpCode::Exists) {
            let table = if op == OpCode::GetChildren2 {
                &mut connection.child
            } else {
                &mut connection.data
            };
            table.insert(path.into());
        }
        let stat = stat.ok_or(ErrorCode::NoNode)?;
        if op == OpCode::GetData {
            put_buffer(body, Some(path.as_bytes()));
        } else if op == OpCode::GetChildren2 {
            body.put_i32(0);
        }
        stat.encode(body);
        Ok(())
    }

    fn add_watch(&mut self, link: LinkId, request: &PathModeRequest<'_>) {
        let connection = self.connections.get_mut(&link).unwrap();
        let path = request.path.clone().unwrap().into_owned();
        match request.mode {
            0 => connection.persistent.insert(path),
            _ => connection.recursive.insert(path),
        };
    }

    fn remove_watches(
        &mut self,
        link: LinkId,
        path: &str,
        kind: WatcherType,
    ) -> Result<(), ErrorCode> {
        let connection = self.connections.get_mut(&link).unwrap();
        let any = kind == WatcherType::Any;
        let mut removed = false;
        for (table, of) in [
            (&mut connection.data, WatcherType::Data),
            (&mut connection.child, WatcherType::Children),
            (&mut connection.persistent, WatcherType::Persistent),
            (&mut connection.recursive, WatcherType::PersistentRecursive),
        ] {
            removed |= (any || kind == of) && table.remove(path);
        }
        if removed { Ok(()) } else { Err(ErrorCode::NoWatcher) }
    }

    fn set_watches(&mut self, link: LinkId, request: &SetWatchesRequest<'_>) {
        let since = Zxid::from_wire(request.relative_zxid);
        let mut missed = vec![];
        let connection = self.connections.get_mut(&link).unwrap();
        for path in request.data.iter() {
            match self.znodes.get(&*path) {
                None => missed.push((EventType::NodeDeleted, path)),
                Some(stat) if stat.mzxid > since => missed.push((EventType::NodeDataChanged, path)),
                Some(_) => {
                    connection.data.insert(path.into());
                }
            }
        }
        for path in request.exist.iter() {
            match self.znodes.contains_key(&*path) {
                true => missed.push((EventType::NodeCreated, path)),
                false => {
                    connection.data.insert(path.into());
                }
            }
        }
        for path in request.child.iter() {
            match self.znodes.get(&*path) {
                None => missed.push((EventType::NodeDeleted, path)),
                Some(stat) if stat.pzxid > since => {
                    missed.push((EventType::NodeChildrenChanged, path));
                }
                Some(_) => {
                    connection.child.insert(path.into());
                }
            }
        }
        connection.persistent.extend(request.persistent.iter().map(String::from));
        connection.recursive.extend(request.persistent_recursive.iter().map(String::from));
        let events = missed.into_iter().map(|(kind, path)| (link, event(kind, &path, None)));
        self.events.extend(events);
    }

    fn children_changed(&mut self, path: &str) {
        let (parent, _) = zoarium_proto::path::split(path).unwrap();
        if let Some(stat) = self.znodes.get_mut(parent) {
            stat.pzxid = Zxid(self.zxid);
        }
        self.fire(EventType::NodeChildrenChanged, parent);
    }

    /// Tells every connection of a change, once.
    fn fire(&mut self, kind: EventType, path: &str) {
        self.changes.push((self.now, Zxid(self.zxid), kind, path.into()));
        let is_below = |above: &String| {
            path == above || above == "/" || path.starts_with(&format!("{above}/"))
        };
        for (link, connection) in &mut self.connections {
            let hears = match kind {
                EventType::NodeChildrenChanged => {
                    connection.child.remove(path) | connection.persistent.contains(path)
                }
                EventType::NodeCreated | EventType::NodeDeleted | EventType::NodeDataChanged => {
                    let is_deleted = kind == EventType::NodeDeleted;
                    connection.data.remove(path)
                        | (is_deleted && connection.child.remove(path))
                        | connection.persistent.contains(path)
                        | connection.recursive.iter().any(is_below)
                }
            };
            if hears {
                self.events.push((*link, event(kind, path, Some(Zxid(self.zxid)))));
            }
        }
    }
}

fn new_stat(zxid: Zxid) -> Stat {
    Stat { czxid: zxid, mzxid: zxid, pzxid: zxid, ..Stat::default() }
}

fn event(kind: EventType, path: &str, zxid: Option<Zxid>) -> Bytes {
    let mut out = vec![];
    WatchedEvent { kind, path: path.into(), zxid }.encode(&mut out);
    out.into()
}
