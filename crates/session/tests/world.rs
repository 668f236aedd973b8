//! A session, servers that share one state, and links between them, in virtual time.

mod ensemble;

pub(crate) use ensemble::{Ensemble, Lie};

use bytes::Bytes;
use std::collections::BTreeMap;
use std::time::Duration;
use zoarium_process::{Effect, Effects, Input, Instant, Now, Process};
use zoarium_proto::membership::HostPort;
use zoarium_session::failure::Failure;
use zoarium_session::fault::Fault;
use zoarium_session::frame::next_frame;
use zoarium_session::random::Random;
use zoarium_session::reply::Reply;
use zoarium_session::request::Request;
use zoarium_session::state::{Connected, State};
use zoarium_session::{Command, LinkId, Notice, Options, Output, Session, Timer, WatchId};

/// Time on the way, each way.
pub(crate) const LATENCY: Duration = Duration::from_millis(1);

/// The timeout that servers give; the session asks for more.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(6);

pub(crate) fn seconds(seconds: f64) -> Duration {
    Duration::from_secs_f64(seconds)
}

#[derive(Debug)]
enum Happening {
    Up(LinkId),
    Down(LinkId),
    ToServer(LinkId, Bytes),
    ToClient(LinkId, Bytes),
}

/// What the session has told, in order, and when.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Told {
    State(State),
    Answered { tag: u32, answer: Result<Reply, Failure>, watch: Option<WatchId> },
    Watch { watch: WatchId, notice: Notice },
    Dialled(LinkId, String),
    HungUp(LinkId, Fault),
}

#[derive(Debug)]
pub(crate) struct World {
    pub(crate) now: Instant,
    pub(crate) session: Session<u32>,
    pub(crate) ensemble: Ensemble,
    pub(crate) told: Vec<(Instant, Told)>,
    /// Longest time on the way; the shortest is [`LATENCY`].
    pub(crate) latency_max: Duration,
    random: Random,
    timers: BTreeMap<Timer, Instant>,
    agenda: BTreeMap<(Instant, u64), Happening>,
    happenings: u64,
    /// When the last bytes of each link arrive, to the server and to the client.
    arrivals: BTreeMap<LinkId, [Instant; 2]>,
    tags: u32,
}

impl World {
    pub(crate) fn new(options: Options, servers: usize, seed: u128) -> Self {
        let hosts = (0..servers).map(|host| HostPort { host: format!("s{host}"), port: 2181 });
        Self {
            now: Instant::ORIGIN + Duration::from_secs(1000),
            session: Session::new(options, hosts.collect(), seed),
            ensemble: Ensemble::new(servers),
            told: vec![],
            latency_max: LATENCY,
            random: Random::new(!seed),
            timers: BTreeMap::new(),
            agenda: BTreeMap::new(),
            happenings: 0,
            arrivals: BTreeMap::new(),
            tags: 0,
        }
    }

    /// A world in which the session is connected.
    pub(crate) fn connected(servers: usize) -> Self {
        let mut world = Self::new(Options::default(), servers, 1);
        world.step(Input::Start);
        world.run(seconds(0.1));
        assert!(matches!(world.session.state(), State::Connected(_)), "{:?}", world.told);
        world.told.clear();
        world
    }

    /// Asks for something; the result is its tag.
    pub(crate) fn submit(&mut self, request: Request<'static>) -> u32 {
        self.tags += 1;
        self.command(Command::Submit { request, tag: self.tags });
        self.tags
    }

    pub(crate) fn command(&mut self, command: Command<u32>) {
        self.step(Input::Request(command));
    }

    /// Lets this much time pass.
    pub(crate) fn run(&mut self, time: Duration) {
        let end = self.now + time;
        while self.next_before(end) {}
        self.now = end;
        self.ensemble.expire(end);
    }

    /// Carries out what is next, if it is due by `end`.
    fn next_before(&mut self, end: Instant) -> bool {
        let timer = self.timers.iter().map(|(timer, at)| (*at, *timer)).min();
        let happening = self.agenda.keys().next().copied();
        let timer = timer.filter(|(at, _)| *at <= end);
        match (timer, happening.filter(|(at, _)| *at <= end)) {
            (Some((at, timer)), happening) if happening.is_none_or(|(then, _)| at < then) => {
                self.now = self.now.max(at);
                self.timers.remove(&timer);
                self.ensemble.expire(self.now);
                self.step(Input::Timer(timer));
            }
            (_, Some(key)) => {
                self.now = self.now.max(key.0);
                self.ensemble.expire(self.now);
                let happening = self.agenda.remove(&key).unwrap();
                self.carry_out(happening);
            }
            (_, None) => return false,
        }
        true
    }

    fn carry_out(&mut self, happening: Happening) {
        match happening {
            Happening::Up(link) if self.ensemble.accepts(link) => self.step(Input::LinkUp(link)),
            Happening::Up(link) | Happening::Down(link) => {
                self.ensemble.closed(link);
                self.step(Input::LinkDown(link));
            }
            Happening::ToServer(link, frame) => {
                for (link, said) in self.ensemble.take(self.now, link, &frame) {
                    let at = self.arrival(link, 1);
                    self.schedule(
                        at,
                        match said {
                            Some(frame) => Happening::ToClient(link, frame),
                            None => Happening::Down(link),
                        },
                    );
                }
            }
            Happening::ToClient(from, message) => self.step(Input::Message { from, message }),
        }
    }

    /// Somebody else changes the ensemble's state; watches fire.
    pub(crate) fn change(&mut self, change: impl FnOnce(&mut Ensemble)) {
        change(&mut self.ensemble);
        for (link, frame) in self.ensemble.take_events() {
            let at = self.arrival(link, 1);
            self.schedule(at, Happening::ToClient(link, frame));
        }
    }

    /// Breaks the present link: what is under way on it is lost.
    pub(crate) fn cut(&mut self) {
        if let Some(link) = self.ensemble.last_connection() {
            self.agenda.retain(|_, it| match it {
                Happening::Up(other) | Happening::Down(other) => *other != link,
                Happening::ToServer(other, _) | Happening::ToClient(other, _) => *other != link,
            });
            self.schedule(self.now, Happening::Down(link));
        }
    }

    /// No server ends a session before the time that the client knows of.
    fn check_deadline(&mut self) {
        let Some(credentials) = self.session.credentials() else { return };
        for (session, until) in self.ensemble.expired.drain(..) {
            let deadline = self.session.alive_until().unwrap();
            assert!(session != credentials.session || deadline <= until, "{deadline:?} {until:?}");
        }
    }

    pub(crate) fn step(&mut self, input: Input<Session<u32>>) {
        self.check_deadline();
        let mut effects = Effects::new();
        self.session.step(Now { mono: self.now, wall_ms: 0 }, input, &mut effects);
        for effect in effects.drain() {
            match effect {
                Effect::Send { to, message } => self.send(to, &message),
                Effect::SetTimer { timer, at } => {
                    self.timers.insert(timer, at);
                }
                Effect::CancelTimer(timer) => {
                    self.timers.remove(&timer);
                }
                Effect::Persist { record, .. } => match record {},
                Effect::Output(output) => self.output(output),
            }
        }
    }

    fn send(&mut self, link: LinkId, frames: &[u8]) {
        let mut stream = frames.into();
        while let Some(frame) = next_frame(&mut stream, usize::MAX).unwrap() {
            let at = self.arrival(link, 0);
            self.schedule(at, Happening::ToServer(link, frame));
        }
        assert!(stream.is_empty(), "only whole frames are sent");
    }

    fn output(&mut self, output: Output<u32>) {
        let told = match output {
            Output::Dial { link, server } => {
                self.ensemble.dialled(link, server.host[1..].parse().unwrap());
                let at = self.arrival(link, 1);
                self.schedule(at, Happening::Up(link));
                Told::Dialled(link, server.host)
            }
            Output::HangUp { link, why } => {
                self.ensemble.closed(link);
                Told::HungUp(link, why)
            }
            Output::Seek { server } => {
                if self.ensemble.takes_writes(server.host[1..].parse().unwrap()) {
                    self.command(Command::FoundReadWrite(server));
                }
                return;
            }
            Output::State(state) => Told::State(state),
            Output::Answered { tag, answer, watch } => Told::Answered { tag, answer, watch },
            Output::Watch { watch, notice } => Told::Watch { watch, notice },
        };
        self.told.push((self.now, told));
    }

    fn arrival(&mut self, link: LinkId, direction: usize) -> Instant {
        let spread = self.latency_max.saturating_sub(LATENCY);
        let share = u32::try_from(self.random.below(1000)).unwrap();
        let at = self.now + LATENCY + spread * share / 1000;
        let last = &mut self.arrivals.entry(link).or_default()[direction];
        *last = at.max(*last);
        *last
    }

    fn schedule(&mut self, at: Instant, happening: Happening) {
        self.happenings += 1;
        self.agenda.insert((at, self.happenings), happening);
    }

    // What has been told.

    /// The answer to a request, if there is one.
    pub(crate) fn answer(&self, asked: u32) -> Option<Result<Reply, Failure>> {
        self.told.iter().find_map(|(_, told)| match told {
            Told::Answered { tag, answer, .. } if *tag == asked => Some(answer.clone()),
            _ => None,
        })
    }

    /// The watch that a request has set.
    pub(crate) fn watch(&self, asked: u32) -> WatchId {
        let watch = self.told.iter().find_map(|(_, told)| match told {
            Told::Answered { tag, watch, .. } if *tag == asked => *watch,
            _ => None,
        });
        watch.unwrap_or_else(|| panic!("no watch: {:?}", self.told))
    }

    /// What a watch was told.
    pub(crate) fn notices(&self, of: WatchId) -> Vec<Notice> {
        let notices = self.told.iter().filter_map(|(_, told)| match told {
            Told::Watch { watch, notice } if *watch == of => Some(notice.clone()),
            _ => None,
        });
        notices.collect()
    }

    /// The states since the last look, in short.
    pub(crate) fn states(&self) -> Vec<&'static str> {
        let states = self.told.iter().filter_map(|(_, told)| match told {
            Told::State(state) => Some(name(state)),
            _ => None,
        });
        states.collect()
    }

    /// Why connections were given up.
    pub(crate) fn faults(&self) -> Vec<Fault> {
        let faults = self.told.iter().filter_map(|(_, told)| match told {
            Told::HungUp(_, why) => Some(*why),
            _ => None,
        });
        faults.collect()
    }

    /// The link that the session is on.
    pub(crate) fn session_link(&self) -> LinkId {
        self.ensemble.last_connection().unwrap()
    }

    pub(crate) fn present(&self) -> &Connected {
        match self.session.state() {
            State::Connected(connected) => connected,
            other => panic!("{other:?}: {:?}", self.told),
        }
    }
}

pub(crate) fn name(state: &State) -> &'static str {
    match state {
        State::Connecting => "connecting",
        State::Connected(connected) if connected.read_only => "read-only",
        State::Connected(_) => "connected",
        State::Suspended { .. } => "suspended",
        State::Lost { .. } => "lost",
        State::AuthFailed => "auth failed",
        State::Closed => "closed",
    }
}
