//! The task behind a client: it moves bytes and keeps timers for the session, and carries out what
//! the session says. Nothing is decided here.

use crate::connector::{Connecting, Connector, HostPort, Transport, takes_writes};
use crate::error::WatchEnd;
use crate::shared::{Answer, SetWatch, Shared, Tag, Watching};
use crate::slot::slot;
use crate::states::State;
use crate::watch::{Channel, Guard, Sink};
use bytes::{Bytes, BytesMut};
use std::collections::HashMap;
use std::future::{Future, pending, poll_fn};
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Instant, Sleep, sleep_until};
use zoarium_process::{Effect, Effects, Input};
use zoarium_session::failure::Failure;
use zoarium_session::fault::Fault;
use zoarium_session::frame::next_frame;
use zoarium_session::reply::{Data, Reply};
use zoarium_session::state::State as SessionState;
use zoarium_session::{Command, LinkId, Notice, Output, Session, Timer, WatchId};

/// Room in the input buffer before each read, in bytes: the least, and the most that a connection
/// on which reads fill it gets.
const READ_BYTES_MIN: usize = 4 * 1024;
const READ_BYTES_MAX: usize = 256 * 1024;

/// Room for output that is kept when it is written, in bytes: a burst should not cost its memory for
/// ever.
const OUTPUT_BYTES_KEPT: usize = 256 * 1024;

/// Data up to this size, in bytes, is copied out of the input buffer, so that a few bytes somebody
/// keeps do not keep the whole buffer.
const COPIED_BYTES_MAX: usize = 4096;

/// How long a look for a server that takes writes may last.
const SEEK_TIME: std::time::Duration = std::time::Duration::from_secs(2);

/// What a driver is made with.
pub(crate) struct Setup {
    pub(crate) connector: Arc<dyn Connector>,
    pub(crate) frame_bytes_max: usize,
}

pub(crate) struct Driver {
    shared: Arc<Shared>,
    setup: Setup,
    connection: Connection,
    timers: [Option<zoarium_process::Instant>; Timer::ALL.len()],
    /// Fires at the earliest timer.
    sleep: Pin<Box<Sleep>>,
    sinks: HashMap<WatchId, Sink>,
    seeking: Option<Pin<Box<dyn Future<Output = Option<HostPort>> + Send>>>,
    /// What was taken over from the session to be carried out.
    effects: Effects<Session<Tag>>,
    is_over: bool,
}

/// The link that the session is on, or is to be on.
enum Connection {
    None,
    Dialing(LinkId, HostPort, Connecting<'static>),
    Up(Line),
}

/// A connection that is made.
struct Line {
    link: LinkId,
    server: HostPort,
    stream: Box<dyn Transport>,
    input: BytesMut,
    /// Room that the next read gets, in bytes.
    room: usize,
    output: Vec<u8>,
    /// How much of the output is written.
    written: usize,
}

/// Everything that can wake the driver.
enum Wake {
    /// A handle has left something to do.
    Told,
    /// The earliest timer is due.
    Due,
    Dialled(io::Result<Box<dyn Transport>>),
    Sought(Option<HostPort>),
    /// Bytes have come.
    Read,
    /// Bytes have gone.
    Written,
    Broken(io::Error),
}

impl Driver {
    pub(crate) fn new(shared: Arc<Shared>, setup: Setup) -> Self {
        Self {
            shared,
            setup,
            connection: Connection::None,
            timers: [None; Timer::ALL.len()],
            sleep: Box::pin(sleep_until(Instant::now())),
            sinks: HashMap::new(),
            seeking: None,
            effects: Effects::new(),
            is_over: false,
        }
    }

    /// Runs until the session is over for good.
    pub(crate) async fn run(mut self) {
        self.handle([Input::Start]);
        while !self.is_over {
            match self.wait().await {
                Wake::Told | Wake::Written => self.handle([]),
                Wake::Due => self.on_due(),
                Wake::Read => self.on_read(),
                Wake::Dialled(dialled) => self.on_dialled(dialled),
                Wake::Broken(error) => self.on_broken(&error),
                Wake::Sought(found) => {
                    self.seeking = None;
                    self.handle(found.map(|it| Input::Request(Command::FoundReadWrite(it))));
                }
            }
        }
    }

    async fn wait(&mut self) -> Wake {
        let Self { shared, connection, sleep, seeking, .. } = self;
        tokio::select! {
            // A busy connection must not keep timers from firing.
            biased;
            () = sleep => Wake::Due,
            found = async {
                match seeking {
                    Some(seeking) => seeking.await,
                    None => pending().await,
                }
            } => Wake::Sought(found),
            wake = poll_fn(|cx| connection.poll(cx)) => wake,
            () = shared.notify.notified() => Wake::Told,
        }
    }

    /// Hands inputs to the session, takes what it has to send, and carries out the rest. All that
    /// handles have left to do is taken along.
    fn handle(&mut self, inputs: impl IntoIterator<Item = Input<Session<Tag>>>) {
        let now = self.shared.now();
        let mut core = self.shared.core();
        core.is_told = false;
        let session = &mut *core;
        for input in inputs {
            session.session.handle(now, input, &mut session.effects);
        }
        if let Connection::Up(line) = &mut self.connection
            && line.has_room()
        {
            let link = core.session.take_outgoing(now, &mut line.output);
            debug_assert!(link.is_none_or(|link| link == line.link));
        }
        std::mem::swap(&mut core.effects, &mut self.effects);
        for watch in core.unwatched.drain(..) {
            self.sinks.remove(&watch);
        }
        drop(core);
        self.carry_out();
    }

    fn on_read(&mut self) {
        let Connection::Up(line) = &mut self.connection else { return };
        let (from, max) = (line.link, self.setup.frame_bytes_max);
        let mut input = std::mem::take(&mut line.input);
        self.handle(std::iter::from_fn(|| match next_frame(&mut input, max) {
            Ok(None) => None,
            Ok(Some(message)) => Some(Input::Message { from, message }),
            Err(error) => {
                input.clear();
                let why = Fault::NoFrame(error);
                Some(Input::Request(Command::Break { link: from, why }))
            }
        }));
        if let Connection::Up(line) = &mut self.connection {
            // What has come of the next frame, and the room behind it.
            line.input = input;
        }
    }

    fn on_dialled(&mut self, dialled: io::Result<Box<dyn Transport>>) {
        let Connection::Dialing(link, server, _) = &self.connection else { return };
        let link = *link;
        match dialled {
            Ok(stream) => {
                self.connection = Connection::Up(Line::new(link, server.clone(), stream));
                self.handle([Input::LinkUp(link)]);
            }
            Err(error) => {
                tracing::debug!(%server, %error, "no connection");
                self.shared.core().last_failure = Some(format!("{server}: {error}"));
                self.connection = Connection::None;
                self.handle([Input::LinkDown(link)]);
            }
        }
    }

    fn on_broken(&mut self, error: &io::Error) {
        let Connection::Up(line) = &self.connection else { return };
        let (link, server) = (line.link, &line.server);
        tracing::debug!(%server, %error, "the connection broke");
        self.shared.core().last_failure = Some(format!("{server}: {error}"));
        self.connection = Connection::None;
        self.handle([Input::LinkDown(link)]);
    }

    fn on_due(&mut self) {
        let now = self.shared.now();
        let mut due = Vec::new();
        for (timer, at) in Timer::ALL.into_iter().zip(&mut self.timers) {
            if at.is_some_and(|at| at <= now) {
                *at = None;
                due.push(Input::Timer(timer));
            }
        }
        self.handle(due);
        self.reset_sleep();
    }

    /// Without a timer the sleep is left as it is: far in the future it fires for nothing, once.
    fn reset_sleep(&mut self) {
        let next = self.timers.iter().flatten().min();
        let far = Instant::now() + std::time::Duration::from_secs(3600);
        let next = next.map_or(far, |at| self.shared.instant(*at));
        if next != self.sleep.deadline() {
            self.sleep.as_mut().reset(next);
        }
    }

    fn carry_out(&mut self) {
        let mut effects = std::mem::take(&mut self.effects);
        let mut timers_changed = false;
        for effect in effects.drain() {
            match effect {
                Effect::SetTimer { timer, at } => {
                    self.timers[timer as usize] = Some(at);
                    timers_changed = true;
                }
                Effect::CancelTimer(timer) => {
                    self.timers[timer as usize] = None;
                    timers_changed = true;
                }
                Effect::Output(output) => self.on_output(output),
                Effect::Persist { record, .. } => match record {},
                Effect::Send { .. } => unreachable!("`Session::handle` leaves it in the buffer"),
            }
        }
        self.effects = effects;
        if timers_changed && !self.is_over {
            self.reset_sleep();
        }
    }

    fn on_output(&mut self, output: Output<Tag>) {
        match output {
            Output::Answered { tag, answer, watch } => self.answer(tag, answer, watch),
            Output::Watch { watch, notice } => self.notify(watch, notice),
            Output::State(state) => self.on_state(state),
            Output::Dial { link, server } => {
                tracing::debug!(%server, "connecting");
                let connector = Arc::clone(&self.setup.connector);
                let dial = {
                    let server = server.clone();
                    async move { connector.connect(&server).await }
                };
                self.connection = Connection::Dialing(link, server, Box::pin(dial));
            }
            Output::HangUp { why, .. } => {
                tracing::debug!(%why, "hanging up");
                self.shared.core().last_failure = Some(why.to_string());
                self.connection = Connection::None;
            }
            Output::Seek { server } => {
                let connector = Arc::clone(&self.setup.connector);
                self.seeking = Some(Box::pin(async move {
                    let look = takes_writes(&*connector, &server);
                    let found = tokio::time::timeout(SEEK_TIME, look).await;
                    matches!(found, Ok(Ok(true))).then_some(server)
                }));
            }
        }
    }

    fn answer(&mut self, tag: Tag, mut result: Result<Reply, Failure>, watch: Option<WatchId>) {
        if let Ok(Reply::Data(Data { data: Some(data), .. })) = &mut result
            && data.len() <= COPIED_BYTES_MAX
        {
            *data = Bytes::copy_from_slice(data);
        }
        let watch = watch.zip(tag.watch).map(|(id, (watching, path))| {
            let guard = Guard::new(Arc::clone(&self.shared), path, id);
            match watching {
                Watching::OneShot => {
                    let (sender, receiver) = slot();
                    self.sinks.insert(id, Sink::OneShot(sender));
                    Box::new(SetWatch::OneShot(receiver, guard))
                }
                Watching::Stream => {
                    let channel = Arc::new(Channel::default());
                    self.sinks.insert(id, Sink::Stream(Arc::clone(&channel)));
                    Box::new(SetWatch::Stream(channel, guard))
                }
            }
        });
        // If nobody waits for it any more, the watch is removed by dropping its guard.
        tag.to.send(Answer { result, watch });
    }

    fn notify(&mut self, watch: WatchId, notice: Notice) {
        match (self.sinks.get(&watch), notice) {
            (Some(Sink::Stream(channel)), Notice::Event(event)) => channel.put(Some(event)),
            (Some(Sink::Stream(channel)), Notice::Gap { .. }) => channel.put(None),
            (Some(_), notice) => {
                let end = match notice {
                    Notice::Event(event) => Ok(event),
                    Notice::Gap { .. } | Notice::SessionLost => Err(WatchEnd::SessionLost),
                };
                if let Some(sink) = self.sinks.remove(&watch) {
                    finish(sink, end);
                }
            }
            // Dropped meanwhile.
            (None, _) => {}
        }
    }

    fn on_state(&mut self, state: SessionState) {
        tracing::info!(?state, "session");
        let state = match state {
            SessionState::Connecting => State::Connecting,
            SessionState::Connected(connected) => State::Connected(connected),
            SessionState::Suspended { generation, until, why } => {
                let until = self.shared.instant(until);
                State::Suspended { generation, until, why }
            }
            SessionState::Lost { generation, why } => State::Lost { generation, why },
            SessionState::AuthFailed => State::AuthFailed,
            SessionState::Closed => State::Closed,
        };
        self.is_over = state.is_final();
        self.shared.states.put(state);
        if self.is_over {
            self.sinks.drain().for_each(|(_, sink)| finish(sink, Err(WatchEnd::Closed)));
        }
    }
}

/// However the driver ends, nobody is left waiting: not when its runtime is shut down either.
impl Drop for Driver {
    fn drop(&mut self) {
        if !self.is_over {
            self.handle([Input::Request(Command::Detach)]);
        }
    }
}

fn finish(sink: Sink, end: Result<zoarium_session::Event, WatchEnd>) {
    match (sink, end) {
        (Sink::OneShot(to), end) => to.send(Box::new(end)),
        (Sink::Stream(channel), Err(end)) => channel.finish(end),
        (Sink::Stream(channel), Ok(event)) => channel.put(Some(event)),
    }
}

impl Connection {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Wake> {
        match self {
            Self::None => Poll::Pending,
            Self::Dialing(.., dial) => dial.as_mut().poll(cx).map(Wake::Dialled),
            Self::Up(line) => line.poll(cx),
        }
    }
}

impl Line {
    fn new(link: LinkId, server: HostPort, stream: Box<dyn Transport>) -> Self {
        let (input, output) = (BytesMut::new(), Vec::new());
        Self { link, server, stream, input, room: READ_BYTES_MIN, output, written: 0 }
    }

    /// Empties the output if all of it is written; whether there is room for more.
    fn has_room(&mut self) -> bool {
        let is_written = self.written == self.output.len();
        if is_written {
            self.written = 0;
            self.output.clear();
            self.output.shrink_to(OUTPUT_BYTES_KEPT);
        }
        is_written
    }

    /// Writes what there is to write, and reads what there is to read.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Wake> {
        let rest = &self.output[self.written..];
        if !rest.is_empty()
            && let Poll::Ready(written) = pin!(self.stream.write(rest)).poll(cx)
        {
            return Poll::Ready(match written {
                Ok(0) => Wake::Broken(io::ErrorKind::WriteZero.into()),
                Ok(written) => {
                    self.written += written;
                    Wake::Written
                }
                Err(error) => Wake::Broken(error),
            });
        }
        if self.input.is_empty() && self.input.capacity() > READ_BYTES_MAX {
            // It has grown with a long answer.
            self.input = BytesMut::new();
        }
        self.input.reserve(self.room);
        pin!(self.stream.read_buf(&mut self.input)).poll(cx).map(|read| match read {
            Ok(0) => Wake::Broken(io::ErrorKind::UnexpectedEof.into()),
            Ok(read) => {
                if read >= self.room {
                    self.room = (self.room * 2).min(READ_BYTES_MAX);
                }
                Wake::Read
            }
            Err(error) => Wake::Broken(error),
        })
    }
}
