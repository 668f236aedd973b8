//! What clients are asked to do, in words that stand in plans.

use crate::participant::{Name, Request, Wish};
use crate::segment::Port;
use std::time::Duration;
use zoarium_sim::{Action, Intensity, Keep, Names, Plan, Rng};

/// A kind of request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    /// Create a znode of a unique name that is never deleted.
    Keep,
    /// Create one of a few znodes.
    Create,
    /// Set its data.
    Set,
    /// Delete it.
    Delete,
    /// Create one of a few ephemerals.
    Ephemeral,
    /// Create a persistent sequential znode.
    Sequential,
    /// Create an ephemeral sequential znode.
    EphemeralSequential,
    /// Delete the newest sequential znode of this client.
    DeleteSequential,
    /// Set both znodes of the pair to one value.
    Pair,
    /// The same with a check that fails.
    FailingPair,
    /// Read both znodes of the pair at once.
    ReadPair,
    /// Read one of a few znodes.
    Get,
    /// The same, with a watch.
    Watch,
    /// The same by exists.
    WatchExists,
    /// List the ephemerals.
    List,
    /// List the few znodes, with a watch.
    WatchList,
    /// Set a persistent watch on one of a few znodes.
    WatchAlways,
    /// Ask to be brought up to date.
    Sync,
    /// End the session.
    CloseSession,
    /// Connect to another server, whatever is under way.
    Move,
    /// Let a server vote.
    AddVoter,
    /// Let a server observe.
    AddObserver,
    /// Take a server out of the ensemble.
    Remove,
    /// Let those vote whose bits are set, the first server's being the lowest, and nobody else.
    Members,
    /// Let go of the session and come back to it: in time, or too late.
    Away,
}

impl Verb {
    /// All verbs, their words, and how often they are drawn.
    const ALL: [(Self, &'static str, u32); 25] = [
        (Self::Keep, "keep", 10),
        (Self::Create, "create", 10),
        (Self::Set, "set", 15),
        (Self::Delete, "delete", 8),
        (Self::Ephemeral, "ephemeral", 8),
        (Self::Sequential, "sequential", 8),
        (Self::EphemeralSequential, "ephemeral-sequential", 6),
        (Self::DeleteSequential, "delete-sequential", 6),
        (Self::Pair, "pair", 10),
        (Self::FailingPair, "failing-pair", 4),
        (Self::ReadPair, "read-pair", 10),
        (Self::Get, "get", 10),
        (Self::Watch, "watch", 10),
        (Self::WatchExists, "watch-exists", 5),
        (Self::List, "list", 8),
        (Self::WatchList, "watch-list", 5),
        (Self::WatchAlways, "watch-always", 2),
        (Self::Sync, "sync", 4),
        (Self::CloseSession, "close", 1),
        (Self::Move, "move", 2),
        (Self::Away, "away", 2),
        // These are drawn where the ensemble may change.
        (Self::AddVoter, "add-voter", 0),
        (Self::AddObserver, "add-observer", 0),
        (Self::Remove, "remove", 0),
        (Self::Members, "members", 0),
    ];
}

/// How many znodes a verb chooses from.
const CHOICES: u64 = 4;

/// How many requests in a million are that connections between two servers break.
const BREAK_PARTS: u32 = 10_000;

/// How many requests in a million change the ensemble, if it may change.
const CHANGE_PARTS: u32 = 50_000;

/// How many requests come in one go, at most.
const BURST_MAX: usize = 6;

/// Reads the words of a plan's request: `set:2 get:2 sync:0`.
///
/// # Errors
/// With the word that is none.
pub fn parse(words: &str) -> Result<Vec<Wish>, String> {
    let wish = |word: &str| {
        let (verb, which) = word.split_once(':')?;
        let (verb, _, _) = Verb::ALL.into_iter().find(|(_, name, _)| *name == verb)?;
        Some(Wish { verb, which: which.parse().ok()? })
    };
    words.split(' ').map(|word| wish(word).ok_or_else(|| format!("no request: {word}"))).collect()
}

/// Reads the words of a plan's request to a server: `break election 2`.
///
/// # Errors
/// With the words that are none.
pub fn parse_break(words: &str) -> Result<Request, String> {
    let request = match words.split(' ').collect::<Vec<_>>()[..] {
        ["break", "election", server] => {
            server.parse().map(|it| Request::Break(Port::Election, it))
        }
        ["break", "quorum", server] => server.parse().map(|it| Request::Break(Port::Quorum, it)),
        _ => return Err(format!("no request: {words}")),
    };
    request.map_err(|_| format!("no server: {words}"))
}

fn draw(rng: &mut Rng) -> String {
    let all: u32 = Verb::ALL.iter().map(|(_, _, weight)| weight).sum();
    let mut at = rng.below(u64::from(all));
    let mut chosen = Verb::ALL[0].1;
    for (_, word, weight) in Verb::ALL {
        if at < u64::from(weight) {
            chosen = word;
            break;
        }
        at -= u64::from(weight);
    }
    format!("{chosen}:{}", rng.below(CHOICES))
}

/// A change of the ensemble.
fn draw_change(rng: &mut Rng, servers: usize) -> String {
    let verb = ["add-voter", "add-voter", "add-observer", "remove", "members"][rng.index(5)];
    match verb {
        "members" => format!("members:{}", 1 + rng.below((1 << servers.min(8)) - 1)),
        verb => format!("{verb}:{}", 1 + rng.index(servers)),
    }
}

/// How much goes wrong, and how often clients ask.
fn intensity() -> Intensity {
    Intensity { lasts: Duration::from_secs(20), requests: 900, ..Intensity::default() }
}

/// How long all clients have to be served once nothing fails any more: a session timeout to give
/// up what is left of old connections, and some.
const SETTLE_WITHIN: Duration = Duration::from_secs(30);

/// What is asked for besides the usual.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Extras {
    /// Changes of the ensemble.
    pub changes: bool,
    /// One client does nothing but sync and read: with its own writes before them, syncs wait where
    /// they matter.
    pub syncs: bool,
    /// A bit flips on one server's disk.
    pub damage: bool,
}

/// The label of the stream that damage is drawn from.
const DAMAGE_STREAM: u64 = 0x6461_6d61;

/// How many seeds in a million have damage, if their servers can do without one.
const DAMAGE_PARTS: u32 = 250_000;

/// Whether a plan of this seed has damage.
pub fn draws_damage(seed: u64) -> bool {
    Rng::stream(seed, &[DAMAGE_STREAM]).chance(DAMAGE_PARTS)
}

/// Adds that a server crashes, and that its disk is damaged before it starts again. If it notices,
/// it stays down.
fn add_damage(plan: Plan<Name>, servers: &[Name]) -> Plan<Name> {
    let mut rng = Rng::stream(plan.seed, &[DAMAGE_STREAM, 1]);
    let victim = servers[rng.index(servers.len())];
    let at = Duration::from_millis(rng.below(u64::try_from(plan.lasts.as_millis()).unwrap_or(0)));
    let keep = Keep::EACH[rng.index(Keep::EACH.len())];
    plan.at(at, Action::crash(victim, keep))
        .at(at, Action::Corrupt(victim))
        .at(at + DAMAGED_FOR, Action::Restart(victim))
}

/// How long a server is down while its disk is damaged.
const DAMAGED_FOR: Duration = Duration::from_millis(200);

/// The plan of a seed: bursts of requests for all clients, and faults of all.
pub fn plan(seed: u64, names: &Names<Name>, extras: Extras) -> Plan<Name> {
    let clients: Vec<Name> = names.ids().filter(|id| matches!(id, Name::Client(_))).collect();
    let servers: Vec<Name> = names.ids().filter(|id| matches!(id, Name::Server(_))).collect();
    // The server is what is tested: it gets three faults of four.
    let victims = [&servers[..], &servers[..], &servers[..], &clients[..1]].concat();
    let mut request = |rng: &mut Rng| {
        if servers.len() > 1 && rng.chance(BREAK_PARTS) {
            let (one, other) = (rng.index(servers.len()), 1 + rng.index(servers.len()));
            let port = if rng.coin() { "election" } else { "quorum" };
            return (servers[one], format!("break {port} {other}"));
        }
        let client = clients[rng.index(clients.len())];
        if extras.syncs && Some(&client) == clients.last() {
            return (client, format!("sync:0 get:{}", rng.below(CHOICES)));
        }
        if extras.changes && rng.chance(CHANGE_PARTS) {
            return (client, draw_change(rng, servers.len()));
        }
        let burst: Vec<String> = (0..=rng.index(BURST_MAX)).map(|_| draw(rng)).collect();
        (client, burst.join(" "))
    };
    let plan = Plan::random(seed, &intensity(), names, &victims, &mut request);
    let plan = if extras.damage { add_damage(plan, &servers) } else { plan };
    plan.settling(names.ids(), SETTLE_WITHIN)
}
