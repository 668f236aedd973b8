//! Three servers in the simulator, with disks and links of their own, that crash, pause and are
//! parted as a seed says; and their clients' way to them.
//!
//! The simulator has processes, and the clients under test are none: each stands behind a *guest*,
//! which passes on what it is handed. Both run on one virtual time: [`drive`] moves the simulator on
//! to where tokio's clock is.

use super::dice::Dice;
use bytes::Bytes;
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::convert::Infallible;
use std::rc::Rc;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;
use tokio::sync::{Notify, mpsc};
use tokio::time::Instant;
use zoarium_ensemble_sim::{Body, Member, Message, Name, Participant, ServerDisk, Setup, Timer};
use zoarium_process::{Effect, Effects, Input, Now, Process, Protocol};
use zoarium_sim::{
    Checker, Event, Intensity, Names, Options, Outside, Plan, Running, Sim, Start, StartError,
    Time, Violation, World,
};

/// How many servers there are.
const SERVERS: u8 = 3;
/// Behind how many guests the clients stand: several clients may share one.
const GUESTS: u32 = 6;
/// How long servers and links fail.
const TROUBLE: Duration = Duration::from_secs(30);
/// Longer than any test takes.
const AFTERWARDS: Duration = Duration::from_hours(24);
/// Shorter than in production, so that sessions of a second outlive elections.
const TICK: Duration = Duration::from_millis(200);

/// A server, or a guest.
#[derive(Debug)]
enum Party {
    Server(Participant, Effects<Participant>),
    Guest,
}

#[derive(Debug)]
enum Asked {
    /// A server: what the simulator asks.
    Server(zoarium_ensemble_sim::Request),
    /// A guest: to say this to a server.
    Say(u8, Message),
}

/// What a guest hears.
#[derive(Debug)]
enum Heard {
    Up(u8),
    Down(u8),
    Said(Message),
}

impl Protocol for Party {
    type Id = Name;
    type Message = Message;
    type Timer = Timer;
    type Record = <Participant as Protocol>::Record;
    type Request = Asked;
    type Output = Heard;
}

impl Process for Party {
    fn step(&mut self, now: Now, input: Input<Self>, effects: &mut Effects<Self>) {
        match self {
            Self::Guest => step_guest(input, effects),
            Self::Server(server, done) => {
                let Some(input) = for_server(input) else { return };
                server.step(now, input, done);
                for effect in done.drain() {
                    match effect {
                        Effect::Send { to, message } => effects.send(to, message),
                        Effect::Persist { seq, record } => effects.persist(seq, record),
                        Effect::SetTimer { timer, at } => effects.set_timer(timer, at),
                        Effect::CancelTimer(timer) => effects.cancel_timer(timer),
                        // These are for checkers.
                        Effect::Output(_) => {}
                    }
                }
            }
        }
    }
}

fn step_guest(input: Input<Party>, effects: &mut Effects<Party>) {
    match input {
        Input::LinkUp(Name::Server(server)) => effects.output(Heard::Up(server)),
        Input::LinkDown(Name::Server(server)) => effects.output(Heard::Down(server)),
        Input::Message { message, .. } => effects.output(Heard::Said(message)),
        Input::Request(Asked::Say(to, message)) => effects.send(Name::Server(to), message),
        Input::Start
        | Input::LinkUp(Name::Client(_))
        | Input::LinkDown(Name::Client(_))
        | Input::Timer(_)
        | Input::Persisted { .. }
        | Input::Request(Asked::Server(_)) => {}
    }
}

fn for_server(input: Input<Party>) -> Option<Input<Participant>> {
    Some(match input {
        Input::Start => Input::Start,
        Input::LinkUp(of) => Input::LinkUp(of),
        Input::LinkDown(of) => Input::LinkDown(of),
        Input::Message { from, message } => Input::Message { from, message },
        Input::Timer(timer) => Input::Timer(timer),
        Input::Persisted { upto } => Input::Persisted { upto },
        Input::Request(Asked::Server(request)) => Input::Request(request),
        Input::Request(Asked::Say(..)) => return None,
    })
}

/// Servers and guests, as the simulator has them.
#[derive(Debug)]
struct Parties {
    setup: Setup,
    servers: zoarium_ensemble_sim::Ensemble,
    post: Post,
}

impl World for Parties {
    type Process = Party;
    type Disk = ServerDisk;

    fn names(&self) -> Names<Name> {
        let servers = (1..=SERVERS).map(|id| (Name::Server(id), format!("s{id}")));
        let guests = (0..GUESTS).map(|number| (guest(number), format!("g{number}")));
        Names::new(servers.chain(guests))
    }

    fn disk(&mut self, of: Name) -> ServerDisk {
        self.servers.disk(of)
    }

    fn start(&mut self, start: Start<'_, Self>) -> Result<Party, StartError> {
        let Name::Server(id) = start.process else { return Ok(Party::Guest) };
        let mut options = self.setup.member(id, None);
        options.peer.tick = TICK;
        options.peer.session_timeout_ms_min = 200;
        options.peer.session_timeout_ms_max = 60_000;
        options.peer.reaper_interval = Duration::from_millis(500);
        if let Some(ensemble) = &mut options.ensemble {
            ensemble.zab.tick = TICK;
        }
        let member = Member::start(options, start.disk, start.now, start.seed, start.restarts)?;
        Ok(Party::Server(Participant::Member(Box::new(member)), Effects::new()))
    }

    fn request(&mut self, _: Name, words: &str) -> Result<Asked, String> {
        Err(format!("nothing is planned, not {words}"))
    }

    fn is_linked(&self, one: Name, other: Name) -> bool {
        self.servers.is_linked(one, other)
    }

    fn stream(&self, message: &Message) -> u64 {
        self.servers.stream(message)
    }

    fn on_output(&mut self, output: &Heard, outside: &mut Outside<'_, Self>) {
        self.post.deliver(outside.process(), output);
    }

    fn on_disk_full(&mut self, of: Name, full: bool) -> Option<Asked> {
        self.servers.on_disk_full(of, full).map(Asked::Server)
    }
}

fn guest(number: u32) -> Name {
    Name::Client(u8::try_from(number % GUESTS).unwrap())
}

/// Keeps a run from ending before its clients do.
#[derive(Debug)]
struct Open;

impl Checker<Party> for Open {
    fn on_event(&mut self, _: &Event<'_, Party>, _: &Running<Party>) -> Result<(), Violation> {
        Ok(())
    }

    fn settled(&self, _: &Running<Party>) -> Result<(), Violation> {
        Err(Violation::new("clients come to an end", "they do not"))
    }
}

/// What is between clients and guests. Clones are the same.
#[derive(Clone, Debug, Default)]
pub(crate) struct Post {
    mail: Arc<Mutex<Mail>>,
    news: Arc<Notify>,
}

#[derive(Debug, Default)]
struct Mail {
    /// What guests are to say.
    outgoing: VecDeque<(Name, u8, Message)>,
    calls: BTreeMap<u64, Call>,
    reachable: BTreeSet<(Name, u8)>,
    last: u64,
}

/// A client's connection.
#[derive(Debug)]
struct Call {
    guest: Name,
    server: u8,
    /// Dropped when the connection ends.
    frames: mpsc::UnboundedSender<Vec<u8>>,
}

impl Post {
    fn mail(&self) -> MutexGuard<'_, Mail> {
        self.mail.lock().unwrap()
    }

    /// A client's connection to a server: its number, and what comes on it. None if the server
    /// cannot be reached.
    pub(super) fn dial(
        &self,
        number: u32,
        host: &str,
    ) -> Option<(u64, mpsc::UnboundedReceiver<Vec<u8>>)> {
        let (guest, server) = (guest(number), host.strip_prefix('s')?.parse().ok()?);
        let mut mail = self.mail();
        if !mail.reachable.contains(&(guest, server)) {
            return None;
        }
        mail.last += 1;
        let (call, (frames, receiver)) = (mail.last, mpsc::unbounded_channel());
        mail.calls.insert(call, Call { guest, server, frames });
        drop(mail);
        self.say(call, Body::Open);
        Some((call, receiver))
    }

    /// Sends what the connection's client says.
    pub(super) fn say(&self, call: u64, body: Body) {
        let mut mail = self.mail();
        let Some(Call { guest, server, .. }) = mail.calls.get(&call) else { return };
        let outgoing = (*guest, *server, Message::Client { connection: call, body });
        mail.outgoing.push_back(outgoing);
        self.news.notify_one();
    }

    pub(super) fn hang_up(&self, call: u64) {
        self.say(call, Body::Close);
        self.mail().calls.remove(&call);
    }

    fn deliver(&self, to: Name, heard: &Heard) {
        let mut mail = self.mail();
        match heard {
            Heard::Up(server) => drop(mail.reachable.insert((to, *server))),
            Heard::Down(server) => {
                mail.reachable.remove(&(to, *server));
                mail.calls.retain(|_, call| (call.guest, call.server) != (to, *server));
            }
            Heard::Said(Message::Client { connection, body: Body::Frame(frame) }) => {
                if let Some(call) = mail.calls.get(connection) {
                    let length = u32::try_from(frame.len()).unwrap().to_be_bytes();
                    // Its client may have gone.
                    let _gone = call.frames.send([&length[..], frame].concat());
                }
            }
            Heard::Said(Message::Client { connection, body: Body::Close }) => {
                mail.calls.remove(connection);
            }
            Heard::Said(Message::Client { body: Body::Open, .. } | Message::Server(_)) => {}
        }
    }
}

/// The servers in motion.
#[derive(Debug)]
pub(crate) struct Ensemble {
    sim: Sim<Parties>,
    origin: Instant,
    post: Post,
}

impl Ensemble {
    pub(crate) fn new(dice: &Dice) -> Self {
        let (setup, post) = (Setup::scripted(SERVERS, 0, None), Post::default());
        let servers = zoarium_ensemble_sim::Ensemble::new(setup);
        let parties = Parties { setup, servers, post: post.clone() };
        let (seed, names) = (dice.seed(), parties.names());
        let victims: Vec<Name> = (1..=SERVERS).map(Name::Server).collect();
        // How long something is held is measured by clocks that run equally fast.
        let intensity =
            Intensity { lasts: TROUBLE, requests: 0, drifts: 0, ..Intensity::default() };
        let request = &mut |_: &mut zoarium_sim::Rng| unreachable!("requests come from clients");
        let plan = Plan::random(seed, &intensity, &names, &victims, request);
        let plan = plan.settling(names.ids(), AFTERWARDS);
        let options = Options { events_max: u64::MAX, ..Options::default() };
        let sim = Sim::new(parties, options, plan, vec![Box::new(Open)]);
        Self { sim, origin: Instant::now(), post }
    }

    pub(super) fn post(&self) -> Post {
        self.post.clone()
    }

    /// Whether nothing fails any more.
    pub(super) fn is_calm(&self) -> bool {
        self.sim.is_calm()
    }

    /// The names of a znode's children on the server that has seen most.
    pub(super) fn children(&self, path: &str) -> Vec<String> {
        let members = self.sim.running().values().filter_map(|party| match party {
            Party::Server(Participant::Member(member), _) => Some(member),
            Party::Server(Participant::Client(_), _) | Party::Guest => None,
        });
        let newest = members.map(|it| it.tree()).max_by_key(|tree| tree.last_zxid());
        let znode = newest.and_then(|tree| tree.find(path));
        znode.map_or_else(Vec::new, |znode| znode.children().map(str::to_owned).collect())
    }

    /// Lets all happen up to now, with what clients say; the result is when it goes on.
    fn catch_up(&mut self) -> Instant {
        let now = Time::after_start(self.origin.elapsed());
        self.sim.run_until(now).unwrap_or_else(|failure| panic!("{failure}"));
        loop {
            let said = self.post.mail().outgoing.pop_front();
            let Some((guest, server, message)) = said else { break };
            self.sim.request(guest, Asked::Say(server, message)).unwrap();
        }
        let next = self.sim.next_time().expect("the run ends later");
        self.origin + next.since_start()
    }
}

/// Moves the servers on, for as long as there are any.
pub(super) async fn drive(ensemble: Rc<RefCell<Ensemble>>) -> Infallible {
    let news = Arc::clone(&ensemble.borrow().post.news);
    loop {
        let next = ensemble.borrow_mut().catch_up();
        tokio::select! {
            biased;
            () = news.notified() => {}
            () = tokio::time::sleep_until(next) => {}
        }
    }
}

/// A frame, as a body.
pub(super) fn frame(bytes: Vec<u8>) -> Body {
    Body::Frame(Bytes::from(bytes))
}
