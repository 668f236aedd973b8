//! One thread, one poll, many connections. The requests of one wake-up leave in one write, so that
//! generating load takes little CPU.

mod connection;
mod pace;

use crate::error::BenchError;
use crate::session::{STALL, Session};
use crate::source::Source;
use crate::tally::Tally;
use connection::{Connection, nanos};
use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token};
use pace::Pace;
use std::io::ErrorKind;
use std::time::{Duration, Instant};

/// The token of the timer; connections have theirs from 0.
const TIMER: Token = Token(usize::MAX - 1);

/// How long a poll waits for nothing.
const POLL_MAX: Duration = Duration::from_millis(50);

/// Bytes read at once.
const SCRATCH_BYTES: usize = 256 << 10;

/// How often idle connections are looked for.
const PING_CHECK_NS: u64 = 1_000_000_000;

/// What one thread does.
#[derive(Debug)]
pub(crate) struct Engine {
    poll: Poll,
    connections: Vec<Connection>,
    pipeline: usize,
    source: Source,
    pace: Option<Pace>,
    /// Which connection has the next turn in an open loop.
    turn: usize,
    scratch: Vec<u8>,
    /// Time is counted from here.
    origin: Instant,
}

/// What to measure, from the origin of the run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Window {
    pub(crate) begin: Duration,
    pub(crate) duration: Duration,
}

impl Engine {
    /// `rate` is that of this thread's connections; without one each connection has as many
    /// requests under way as it may.
    pub(crate) fn new(
        sessions: Vec<Session>,
        pipeline: usize,
        source: Source,
        rate: Option<f64>,
    ) -> Result<Self, BenchError> {
        let failed = BenchError::system("polling");
        let poll = Poll::new().map_err(&failed)?;
        let mut connections = Vec::with_capacity(sessions.len());
        for (index, session) in sessions.into_iter().enumerate() {
            let mut connection = Connection::new(session, pipeline)?;
            let interest = Interest::READABLE | Interest::WRITABLE;
            let stream = &mut connection.stream;
            poll.registry().register(stream, Token(index), interest).map_err(&failed)?;
            connections.push(connection);
        }
        let pace = rate.map(Pace::new).transpose().map_err(BenchError::system("a timer"))?;
        if let Some(pace) = &pace {
            let timer = pace.timer();
            let registered =
                poll.registry().register(&mut SourceFd(&timer), TIMER, Interest::READABLE);
            registered.map_err(&failed)?;
        }
        let (scratch, origin) = (vec![0; SCRATCH_BYTES], Instant::now());
        Ok(Self { poll, connections, pipeline, source, pace, turn: 0, scratch, origin })
    }

    pub(crate) fn source(&self) -> &Source {
        &self.source
    }

    fn now_ns(&self) -> u64 {
        nanos(self.origin.elapsed())
    }

    /// Runs from `origin` to the end of the window, then waits for all replies.
    pub(crate) fn run(&mut self, origin: Instant, window: Window) -> Result<Tally, BenchError> {
        self.origin = origin;
        let (begin_ns, end_ns) = (nanos(window.begin), nanos(window.begin + window.duration));
        let mut tally = Tally::new(begin_ns, window.duration);
        let mut events = Events::with_capacity(1024);
        let mut watchdog = Watchdog::new(self.now_ns());
        match &mut self.pace {
            Some(pace) => pace.begin(nanos(origin.elapsed())),
            None => (0..self.connections.len()).try_for_each(|index| {
                self.refill(index);
                self.flush(index)
            })?,
        }
        let mut pinged_ns = 0;
        loop {
            self.turn_once(&mut events, &mut tally, true)?;
            let now_ns = self.now_ns();
            if now_ns >= end_ns {
                tally.measured = Duration::from_nanos(now_ns - begin_ns);
                break;
            }
            watchdog.look(now_ns, tally.replies, self)?;
            if now_ns - pinged_ns > PING_CHECK_NS {
                pinged_ns = now_ns;
                self.ping_idle(now_ns)?;
            }
        }
        let waiting: usize = self.connections.iter().map(|it| it.due_before(end_ns)).sum();
        let backlog = self.pace.as_ref().map_or(0, |pace| pace.backlog(end_ns));
        tally.unanswered = waiting as u64 + backlog;
        self.drain(&mut events, &mut unmeasured())?;
        Ok(tally)
    }

    /// Ends all sessions and waits until that is done.
    pub(crate) fn close(&mut self) -> Result<(), BenchError> {
        let now_ns = self.now_ns();
        for index in 0..self.connections.len() {
            self.connections[index].close(now_ns);
            self.flush(index)?;
        }
        self.drain(&mut Events::with_capacity(1024), &mut unmeasured())
    }

    fn waiting(&self) -> usize {
        self.connections.iter().map(Connection::waiting).sum()
    }

    fn drain(&mut self, events: &mut Events, tally: &mut Tally) -> Result<(), BenchError> {
        let mut watchdog = Watchdog::new(self.now_ns());
        while self.waiting() > 0 {
            self.turn_once(events, tally, false)?;
            watchdog.look(self.now_ns(), tally.replies, self)?;
        }
        Ok(())
    }

    /// Waits once for events; with `asks`, replies are followed by requests.
    fn turn_once(
        &mut self,
        events: &mut Events,
        tally: &mut Tally,
        asks: bool,
    ) -> Result<(), BenchError> {
        match self.poll.poll(events, Some(POLL_MAX)) {
            Err(error) if error.kind() != ErrorKind::Interrupted => {
                return Err(BenchError::system("polling")(error));
            }
            Ok(()) | Err(_) => {}
        }
        for event in events.iter() {
            let Token(index) = event.token();
            if event.token() == TIMER {
                let heard = self.pace.as_ref().map_or(Ok(()), Pace::heard);
                heard.map_err(BenchError::system("a timer"))?;
                continue;
            }
            if event.is_readable() {
                self.receive(index, event.is_read_closed(), tally)?;
            }
            if asks && self.pace.is_none() {
                self.refill(index);
            }
            self.flush(index)?;
        }
        if asks && self.pace.is_some() { self.send_due() } else { Ok(()) }
    }

    fn receive(
        &mut self,
        index: usize,
        hung_up: bool,
        tally: &mut Tally,
    ) -> Result<(), BenchError> {
        let Self { connections, scratch, source, origin, .. } = self;
        let now = || nanos(origin.elapsed());
        let connection = &mut connections[index];
        let received = connection.receive(scratch, hung_up, now, tally, source);
        received.map_err(|fault| connection.error(fault))
    }

    /// Has as many requests under way as there may be.
    fn refill(&mut self, index: usize) {
        let now_ns = self.now_ns();
        let Self { connections, source, pipeline, .. } = self;
        let connection = &mut connections[index];
        while connection.waiting() < *pipeline {
            connection.ask(index, source, now_ns, now_ns);
        }
    }

    /// Sends the requests whose time has come, as far as connections are free. The others stay due
    /// since when they were: that they have to wait is part of how long they take.
    fn send_due(&mut self) -> Result<(), BenchError> {
        let now_ns = self.now_ns();
        loop {
            let due_ns = self.pace.as_ref().map_or(u64::MAX, Pace::next_due_ns);
            if due_ns > now_ns {
                break;
            }
            let Some(index) = self.next_free() else { break };
            self.connections[index].ask(index, &mut self.source, due_ns, now_ns);
            if let Some(pace) = &mut self.pace {
                pace.take();
            }
        }
        (0..self.connections.len()).try_for_each(|index| self.flush(index))
    }

    /// The next connection, in turn, that may have one more request under way.
    fn next_free(&mut self) -> Option<usize> {
        let count = self.connections.len();
        let free = (0..count)
            .map(|step| (self.turn + step) % count)
            .find(|index| self.connections[*index].waiting() < self.pipeline)?;
        self.turn = free + 1;
        Some(free)
    }

    fn ping_idle(&mut self, now_ns: u64) -> Result<(), BenchError> {
        for index in 0..self.connections.len() {
            self.connections[index].ping_if_idle(now_ns);
            self.flush(index)?;
        }
        Ok(())
    }

    fn flush(&mut self, index: usize) -> Result<(), BenchError> {
        let connection = &mut self.connections[index];
        connection.flush().map_err(|fault| connection.error(fault))
    }
}

/// For replies that nobody wants to know about.
fn unmeasured() -> Tally {
    Tally::new(u64::MAX, Duration::ZERO)
}

/// Notices when replies no longer come.
#[derive(Debug)]
struct Watchdog {
    replies: u64,
    since_ns: u64,
}

impl Watchdog {
    const fn new(now_ns: u64) -> Self {
        Self { replies: 0, since_ns: now_ns }
    }

    fn look(&mut self, now_ns: u64, replies: u64, engine: &Engine) -> Result<(), BenchError> {
        if replies != self.replies {
            *self = Self { replies, since_ns: now_ns };
        } else if now_ns.saturating_sub(self.since_ns) > nanos(STALL) {
            let waiting = engine.waiting();
            if waiting == 0 {
                self.since_ns = now_ns;
                return Ok(());
            }
            return Err(BenchError::Stalled { after: STALL, waiting });
        }
        Ok(())
    }
}
