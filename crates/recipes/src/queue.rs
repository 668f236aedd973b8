//! Queues whose items are handed out one at a time, and stay until they are done.
//!
//! ZooKeeper is no message broker: all items are in its memory, a znode holds less than 1 MiB, and
//! taking one costs some six requests and a listing of all that wait. Queues of some thousand items
//! are fine.

mod delivery;
mod kinds;

pub use delivery::Delivery;
pub use kinds::{DelayQueue, IdQueue, PriorityQueue, Queue};

use crate::again::{Pauses, until_answered};
use crate::error::{Error, Lost, may_work_later};
use crate::guard::{Guard, Token};
use crate::lock::Lock;
use crate::place::{Place, below, event, last_name};
use std::collections::HashSet;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::time::Duration;
use zoarium_client::ops::Lifetime;
use zoarium_client::{Children, Client, OneShot, Znode, protected};

const ITEM: &str = "queue-";

/// Between an item's name and that of the turn it was taken in.
const CLAIM: char = '~';

/// Digits of the number in a name.
const NUMBER_LENGTH: usize = 10;

/// How the items of a queue are ordered by the key in their names.
type Rank = fn(key: &str, now_ms: u64) -> Option<Due>;

/// When an item can be taken, and its place among those that can.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Due {
    /// At once; lower ones first.
    Now(i64),
    /// In so many milliseconds.
    InMs(u64),
}

/// What all queues have in common.
///
/// Items are persistent sequential znodes below `entries`, put along with an ephemeral below `putting`; one that is taken has an ephemeral below
/// `taken` that begins with its name. Of those who want one, only the holder of a lock looks for it: an item that
/// comes wakes one.
#[derive(Clone, Debug)]
struct Items {
    client: Client,
    entries: String,
    taken: String,
    putting: String,
    turn: Lock,
    rank: Rank,
    now_ms: fn() -> u64,
}

/// An item that waits.
#[derive(Debug)]
struct Item {
    name: String,
    due: Due,
    number: i32,
}

/// What there is to take.
enum Next {
    Item(Item),
    /// Nothing, before one of these.
    Wait(Wait),
}

struct Wait {
    entries: OneShot,
    taken: OneShot,
    due: Option<Duration>,
}

impl Items {
    fn new(client: &Client, path: &str, rank: Rank) -> Self {
        Self {
            client: client.clone(),
            entries: below(path, "entries"),
            taken: below(path, "taken"),
            putting: below(path, "putting"),
            turn: Lock::new(client, below(path, "turn")),
            rank,
            now_ms: wall_ms,
        }
    }

    /// Adds an item: one, even if answers are lost. To look for the item would not tell whether it was
    /// added, as somebody may have got it done by then; so an own znode is made along with it.
    async fn put(&self, key: &str, data: &[u8]) -> Result<(), Error> {
        let entry = below(&self.entries, &format!("{ITEM}{key}"));
        loop {
            if let Some(mark) = Place::planned(&self.client, below(&self.putting, &unique()))
                && self.put_marked(&mark, &entry, data).await?
            {
                return Ok(());
            }
            // There is no session, or it was lost and nothing was added in it: wait for another.
            until_answered(|| self.client.sync()).await?;
        }
    }

    /// Adds an item with its mark, which tells for as long as the session lives whether that was done;
    /// false if it was not, and the session is over.
    async fn put_marked(&self, mark: &Place, entry: &str, data: &[u8]) -> Result<bool, Error> {
        let mut pauses = Pauses::default();
        let mut undecided = None;
        while mark.is_alive() {
            let marked = Znode::new(mark.path.as_str()).lifetime(Lifetime::Ephemeral);
            let item = Znode::new(entry).data(data).sequential();
            let both = self.client.transaction().create(marked).create(item);
            match both.in_session(mark.owner).await {
                Ok(_) => return Ok(true),
                // Not in a later session, in which the mark would tell nothing.
                Err(error) if error.is_session_lost() && !error.may_be_done() => break,
                Err(error) if error.is_node_exists() && undecided.is_some() => return Ok(true),
                Err(error) if error.is_no_node() => {
                    self.make(&self.entries).await?;
                    self.make(&self.putting).await?;
                }
                Err(error) if may_work_later(&error) => {
                    undecided = undecided.or(error.may_be_done().then_some(error));
                    pauses.pause().await;
                }
                Err(error) => return Err(error.into()),
            }
        }
        undecided.map_or(Ok(false), |unknown| Err(unknown.into()))
    }

    async fn make(&self, path: &str) -> Result<(), Error> {
        match until_answered(|| self.client.create(path).parents()).await {
            Err(error) if error.is_node_exists() => Ok(()),
            made => Ok(made.map(drop)?),
        }
    }

    /// Takes the first item, when there is one.
    async fn take(&self) -> Result<Delivery, Error> {
        loop {
            let turn = self.turn.acquire().await?;
            if let Ok(taken) = turn.run(self.take_first(&turn)).await {
                let taken = taken?;
                turn.release().await?;
                return Ok(taken);
            }
        }
    }

    async fn take_first(&self, turn: &Guard) -> Result<Delivery, Error> {
        loop {
            match self.next().await? {
                Next::Item(item) => {
                    if let Some(delivery) = self.claim(turn, &item).await? {
                        return Ok(delivery);
                    }
                }
                Next::Wait(wait) => wait.wait().await?,
            }
        }
    }

    async fn next(&self) -> Result<Next, Error> {
        // In this order: an item that is done leaves both, so it is not seen as one that waits.
        let (entries, entries_changed) = self.list(&self.entries).await?;
        let (taken, taken_changed) = self.list(&self.taken).await?;
        let taken: HashSet<&str> = taken.names.iter().filter_map(|name| claimed(name)).collect();
        let now_ms = (self.now_ms)();
        let waiting = entries.names.iter().filter(|name| !taken.contains(name.as_str()));
        let first = waiting.filter_map(|name| self.item(name, now_ms)).min_by(|one, other| {
            let number = || one.number.wrapping_sub(other.number).cmp(&0);
            one.due.cmp(&other.due).then_with(number)
        });
        let due = match first {
            Some(item) if matches!(item.due, Due::Now(_)) => return Ok(Next::Item(item)),
            Some(Item { due: Due::InMs(ms), .. }) => Some(Duration::from_millis(ms)),
            Some(_) | None => None,
        };
        Ok(Next::Wait(Wait { entries: entries_changed, taken: taken_changed, due }))
    }

    /// The item of a name; none if it is somebody else's znode.
    fn item(&self, name: &str, now_ms: u64) -> Option<Item> {
        let rest = protected::unmarked(name).strip_prefix(ITEM)?;
        let (key, number) = rest.split_at_checked(rest.len().checked_sub(NUMBER_LENGTH)?)?;
        let due = (self.rank)(key, now_ms)?;
        Some(Item { name: name.to_owned(), due, number: number.parse().ok()? })
    }

    /// The children of a znode, which is made if it is not there.
    async fn list(&self, path: &str) -> Result<(Children, OneShot), Error> {
        loop {
            match until_answered(|| self.client.children(path).watch()).await {
                Err(error) if error.is_no_node() => self.make(path).await?,
                list => return Ok(list?),
            }
        }
    }

    /// Makes an item's claim; none if it is gone or changed meanwhile. The claim is made only while
    /// the turn is held, in one step, so nobody else has claimed the item since it was looked for.
    async fn claim(&self, turn: &Guard, item: &Item) -> Result<Option<Delivery>, Error> {
        let entry = below(&self.entries, &item.name);
        let read = match until_answered(|| self.client.get(entry.as_str())).await {
            Err(error) if error.is_no_node() => return Ok(None),
            read => read?,
        };
        // The name is nobody else's, so it can be deleted at any time when this is dropped.
        let name = format!("{}{CLAIM}{}", item.name, last_name(turn.path()));
        let mut place = turn.place().with_path(below(&self.taken, &name));
        let claim = || {
            let claim = Znode::new(place.path.as_str()).lifetime(Lifetime::Ephemeral);
            let data = read.data.to_vec();
            // The version counts how often the item was handed out, and who wants to remove it sees
            // that somebody has it.
            turn.transaction().create(claim).set_version(entry.as_str(), data, read.stat.version)
        };
        match until_answered(claim).await {
            // Of two attempts the first was done.
            Ok(_) => {}
            Err(error) if error.is_node_exists() => {}
            Err(error) if error.is_no_node() || error.is_bad_version() => return Ok(None),
            Err(error) => return Err(error.into()),
        }
        let stat = until_answered(|| self.client.exists(place.path.as_str())).await?;
        let stat = stat.filter(|_| place.is_alive()).ok_or(Lost::Session)?;
        place.token = Token(stat.czxid);
        let times = u32::try_from(read.stat.version).unwrap_or(0) + 1;
        Ok(Some(Delivery::new(Guard::new(place), entry, read.data, times)))
    }

    /// How many items there are, taken ones among them.
    async fn count(&self) -> Result<usize, Error> {
        match until_answered(|| self.client.exists(self.entries.as_str())).await? {
            Some(stat) => Ok(usize::try_from(stat.num_children).unwrap_or(0)),
            None => Ok(0),
        }
    }
}

impl Wait {
    async fn wait(self) -> Result<(), Error> {
        let due = async {
            match self.due {
                Some(due) => tokio::time::sleep(due).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            changed = event(self.entries) => changed.map(drop),
            changed = event(self.taken) => changed.map(drop),
            () = due => Ok(()),
        }
    }
}

/// The item that a claim is for.
fn claimed(name: &str) -> Option<&str> {
    name.rsplit_once(CLAIM).map(|(item, _)| item)
}

/// A name that nobody else uses: hash maps are keyed with the system's randomness.
fn unique() -> String {
    let half = || RandomState::new().hash_one(0);
    format!("{:016x}{:016x}", half(), half())
}

fn wall_ms() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(0, |since| u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}
