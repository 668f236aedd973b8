//! A session that outlives its connections: it moves from server to server until one takes it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::Result;

use crate::session::{Reply, Session};
use crate::wire::{Hello, Jute};

/// How long a server may be silent before the client tries another one.
const PATIENCE: Duration = Duration::from_millis(2500);
/// Pause between two attempts to find a server.
const RETRY: Duration = Duration::from_millis(20);
/// How long the end of a session may take to be confirmed, over lost connections.
const CLOSE_LIMIT: Duration = Duration::from_secs(30);
/// The timeout that sessions ask for, in milliseconds. All clients are busy, so none may expire: it
/// is several rounds over three servers that are silent.
pub(crate) const SESSION_TIMEOUT_MS: i32 = 24_000;

/// How a request ended.
#[derive(Debug)]
pub(crate) enum Answer {
    Reply(Reply),
    /// It was sent and the connection was lost: it may have been carried out.
    Lost,
    /// It was not sent, because the load ends.
    Stopped,
    /// The session is over.
    Expired,
}

#[derive(Debug)]
pub(crate) struct Roamer {
    ports: Vec<u16>,
    /// The server to try next.
    next: usize,
    session: Option<Session>,
    id: i64,
    password: Vec<u8>,
    last_zxid: i64,
    stop: Arc<AtomicBool>,
    pub(crate) moves: usize,
}

impl Roamer {
    /// A client that begins with the server at `ports[first]`.
    pub(crate) fn new(ports: &[u16], first: usize, stop: Arc<AtomicBool>) -> Self {
        Self {
            ports: ports.to_vec(),
            next: first,
            session: None,
            id: 0,
            password: vec![0; 16],
            last_zxid: 0,
            stop,
            moves: 0,
        }
    }

    pub(crate) fn id(&self) -> i64 {
        self.id
    }

    /// Sends a request, on a new connection if the last one was lost.
    pub(crate) fn call(&mut self, op: i32, body: Jute) -> Answer {
        let mut session = match self.session.take() {
            Some(session) => session,
            None => match self.find() {
                Ok(session) => session,
                Err(answer) => return answer,
            },
        };
        match session.call(op, body) {
            Ok(reply) => {
                // Zxid -1 stands in replies that no transaction or read has anything to do with.
                self.last_zxid = self.last_zxid.max(reply.zxid);
                self.session = Some(session);
                Answer::Reply(reply)
            }
            Err(_) => Answer::Lost,
        }
    }

    /// Tries the servers in turn.
    fn find(&mut self) -> Result<Session, Answer> {
        loop {
            if self.stop.load(Ordering::Relaxed) {
                return Err(Answer::Stopped);
            }
            match self.connect() {
                Ok(Some(session)) => {
                    self.moves += usize::from(self.id != 0);
                    (self.id, self.password) = (session.id, session.password.clone());
                    return Ok(session);
                }
                Ok(None) => return Err(Answer::Expired),
                Err(_) => std::thread::sleep(RETRY),
            }
        }
    }

    /// Tries the next server.
    fn connect(&mut self) -> Result<Option<Session>> {
        let port = self.ports[self.next % self.ports.len()];
        self.next += 1;
        let hello = Hello {
            last_zxid_seen: self.last_zxid,
            timeout_ms: SESSION_TIMEOUT_MS,
            session_id: self.id,
            password: self.password.clone().into(),
            ..Hello::default()
        };
        Session::connect(port, &hello, PATIENCE)
    }

    /// Ends the session, whether the load goes on or not. A lost connection leaves open whether the
    /// session is over, so the next server is asked.
    pub(crate) fn close(&mut self) -> Result<()> {
        let deadline = Instant::now() + CLOSE_LIMIT;
        while self.id != 0 {
            let connected = self.session.take().map_or_else(|| self.connect(), |it| Ok(Some(it)));
            match connected.and_then(|session| session.map_or(Ok(()), Session::close)) {
                Ok(()) => break,
                Err(error) if Instant::now() > deadline => return Err(error),
                Err(_) => std::thread::sleep(RETRY),
            }
        }
        Ok(())
    }
}
