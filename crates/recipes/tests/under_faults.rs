//! Many clients whose connections break and whose sessions end, on one server or on three that crash,
//! pause and are parted: what recipes promise holds all the same. `cargo xtask sim --recipes --seeds 1000`
//! runs more seeds than usual.
//!
//! Every recipe is here; but for caches and double barriers, which are in files of their own. That what
//! judges them would find them wrong is shown in `planted`.

mod held;
mod items;
mod planted;
mod present;
mod shared;

use crate::world::{Dice, TIMEOUT, Wire, World, for_seeds, soon};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use zoarium_client::ops::Transaction;
use zoarium_client::{Client, Verdict, Written, Zxid};
use zoarium_recipes::{
    AtomicLong, Guard, LeaderLatch, Lock, Lost, ReadWriteLock, Semaphore, Token,
};

/// How many clients take part.
const CLIENTS: usize = 4;
/// What holders write.
const REGISTER: &str = "/register";
/// How long connections break.
const TROUBLE: Duration = Duration::from_secs(30);

/// Breaks a client's connection now and then, and for so long that its session ends one time in
/// three; from some time on no more.
async fn trouble(wire: Wire, dice: Dice) {
    let end = Instant::now() + TROUBLE;
    wire.break_once_in(Some(60));
    while Instant::now() < end {
        tokio::time::sleep(dice.millis(4000)).await;
        let longest = if dice.once_in(3) { 3 * TIMEOUT } else { TIMEOUT / 2 };
        wire.take_down(dice.millis(u64::try_from(longest.as_millis()).unwrap()));
    }
    wire.break_once_in(None);
}

/// Runs a worker for each of some clients in trouble, and waits for them.
async fn work<F>(world: &World, worker: impl Fn(Client, Dice) -> F)
where
    F: Future<Output = ()> + Send + 'static,
{
    let mut tasks: Vec<JoinHandle<()>> = Vec::new();
    let client = world.client().await;
    while !client.exists(REGISTER).await.is_ok_and(|it| it.is_some()) {
        // It may be done although it fails.
        drop(client.create(REGISTER).await);
    }
    for _ in 0..CLIENTS {
        let (client, wire) = world.wired().await;
        tasks.push(tokio::spawn(trouble(wire, world.dice())));
        tasks.push(tokio::spawn(worker(client, world.dice())));
    }
    for task in tasks {
        soon(task).await.unwrap();
    }
}

/// Who is inside, and who was.
#[derive(Default)]
struct Room {
    inside: usize,
    most: usize,
    entries: Vec<Token>,
    /// For each who stayed: the zxids of its first and its last write that was done because it held
    /// what it held.
    stays: Vec<Stay>,
}

#[derive(Clone, Copy, Debug)]
struct Stay {
    first: Zxid,
    last: Zxid,
    token: Token,
}

struct Visit(Arc<Mutex<Room>>);

impl Visit {
    fn enter(room: &Arc<Mutex<Room>>, token: Token) -> Self {
        let mut inner = room.lock().unwrap();
        inner.inside += 1;
        inner.most = inner.most.max(inner.inside);
        inner.entries.push(token);
        drop(inner);
        Self(Arc::clone(room))
    }
}

impl Drop for Visit {
    fn drop(&mut self) {
        self.0.lock().unwrap().inside -= 1;
    }
}

/// Stays inside for a while, sometimes longer than a session may last without a connection, unless
/// what is held is lost.
async fn visit(room: &Arc<Mutex<Room>>, guard: Guard, dice: &Dice) {
    match guard.run(be_inside(room, &guard, dice)).await {
        Ok(()) if dice.once_in(2) => drop(guard),
        Ok(()) => guard.release().await.ok().unwrap_or_default(),
        Err(why) => assert_eq!(why, Lost::Session),
    }
    tokio::time::sleep(dice.millis(100)).await;
}

async fn be_inside(room: &Arc<Mutex<Room>>, guard: &Guard, dice: &Dice) {
    stay(room, guard.token(), || guard.transaction(), dice).await;
}

async fn stay(
    room: &Arc<Mutex<Room>>,
    token: Token,
    fenced: impl Fn() -> Transaction<'static>,
    dice: &Dice,
) {
    let _visit = Visit::enter(room, token);
    let Some(first) = fenced_write(&fenced).await else { return };
    let longest = if dice.once_in(8) { 3000 } else { 200 };
    tokio::time::sleep(dice.millis(longest)).await;
    if let Some(last) = fenced_write(&fenced).await {
        room.lock().unwrap().stays.push(Stay { first, last, token });
    }
}

/// The zxid of a write that is done only if what it is for is held; none if it is not.
async fn fenced_write(fenced: impl Fn() -> Transaction<'static>) -> Option<Zxid> {
    loop {
        match fenced().set(REGISTER, b"").await {
            Ok(written) => {
                let Some(Written::Set(stat)) = written.get(1) else { panic!("{written:?}") };
                return Some(stat.mzxid);
            }
            Err(error) if error.verdict() == Verdict::Never => return None,
            // Done or not, another one does no harm.
            Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
        }
    }
}

/// Holds visits against the number of those that may be inside together; the tokens in the order of
/// entries.
///
/// One server ends no session before its client knows. Of three, a leader may end one whose client
/// still gets answers from a follower that is cut off: then somebody else may enter before that one
/// leaves, but nothing more is written on the strength of what is lost.
fn judge(world: &World, room: &Mutex<Room>, most: usize) -> Vec<Token> {
    let room = room.lock().unwrap();
    assert_eq!(room.inside, 0);
    let is_right = room.most == most || (world.is_ensemble() && room.most > most);
    assert!(is_right, "{} together, and not {most}", room.most);
    for stay in &room.stays {
        let with = room.stays.iter().filter(|it| it.first <= stay.first && stay.first < it.last);
        let with: Vec<_> = with.collect();
        assert!(with.len() <= most, "together: {with:?}");
    }
    let mut stays = room.stays.clone();
    stays.sort_by_key(|stay| stay.first);
    assert!(most > 1 || stays.is_sorted_by_key(|stay| stay.token), "{stays:?}");
    assert!(room.stays.len() > 15, "only {} stays", room.stays.len());
    assert!(room.entries.len() > 20, "only {} entries", room.entries.len());
    room.entries.clone()
}

#[test]
fn lock_has_one_holder_and_tokens_grow() {
    for_seeds("lock_has_one_holder_and_tokens_grow", 15, async |world| {
        let room = Arc::<Mutex<Room>>::default();
        let inside = Arc::clone(&room);
        work(&world, move |client, dice| {
            let (lock, room) = (Lock::new(&client, "/locks/a"), Arc::clone(&inside));
            async move {
                for _ in 0..30 {
                    visit(&room, lock.acquire().await.unwrap(), &dice).await;
                }
                client.close().await.ok();
            }
        })
        .await;
        assert!(judge(&world, &room, 1).is_sorted());
        world.until("empty", |world| world.children("/locks/a").is_empty()).await;
    });
}

#[test]
fn election_has_one_leader_and_tokens_grow() {
    for_seeds("election_has_one_leader_and_tokens_grow", 10, async |world| {
        let room = Arc::<Mutex<Room>>::default();
        let inside = Arc::clone(&room);
        let watcher = LeaderLatch::new(&world.client().await, "/leader", "").leaders();
        work(&world, move |client, dice| {
            let (latch, room) = (LeaderLatch::new(&client, "/leader", "x"), Arc::clone(&inside));
            async move {
                for _ in 0..20 {
                    visit(&room, latch.lead().await.unwrap(), &dice).await;
                }
                client.close().await.ok();
            }
        })
        .await;
        assert!(judge(&world, &room, 1).is_sorted());
        let mut watcher = watcher;
        let mut seen = Vec::new();
        while let Some(leader) = watcher.try_next() {
            seen.push(leader.token);
        }
        assert!(seen.is_sorted() && seen.len() > 10);
    });
}

#[test]
fn semaphore_has_no_more_holders_than_permits() {
    for_seeds("semaphore_has_no_more_holders_than_permits", 10, async |world| {
        let room = Arc::<Mutex<Room>>::default();
        let inside = Arc::clone(&room);
        work(&world, move |client, dice| {
            let semaphore = Semaphore::new(&client, "/semaphore", 2);
            let room = Arc::clone(&inside);
            async move {
                for _ in 0..20 {
                    visit(&room, semaphore.acquire().await.unwrap(), &dice).await;
                }
                client.close().await.ok();
            }
        })
        .await;
        judge(&world, &room, 2);
        world.until("empty", |world| world.children("/semaphore/leases").is_empty()).await;
    });
}

/// Writers and readers: each in a room of its own as well as, for whom that matters, in the other's.
#[derive(Clone, Default)]
struct Library {
    readers: Arc<Mutex<Room>>,
    writers: Arc<Mutex<Room>>,
}

impl Library {
    fn judge(&self, world: &World) {
        let most = self.readers.lock().unwrap().most;
        assert!(most > 1, "no two readers at the same time");
        assert!(judge(world, &self.writers, 1).is_sorted());
        let (readers, writers) = (self.readers.lock().unwrap(), self.writers.lock().unwrap());
        for writer in &writers.stays {
            let mut with = readers.stays.iter();
            let with = with.find(|it| it.first < writer.last && writer.first < it.last);
            assert!(with.is_none(), "{writer:?} with {with:?}");
        }
    }
}

#[test]
fn writers_are_alone_and_readers_among_themselves() {
    for_seeds("writers_are_alone_and_readers_among_themselves", 10, async |world| {
        let library = Library::default();
        let rooms = library.clone();
        work(&world, move |client, dice| {
            let (lock, rooms) = (ReadWriteLock::new(&client, "/shared"), rooms.clone());
            async move {
                for _ in 0..30 {
                    if dice.once_in(2) {
                        visit(&rooms.readers, lock.read().await.unwrap(), &dice).await;
                        continue;
                    }
                    let guard = lock.write().await.unwrap();
                    let _lost = guard.run(be_inside(&rooms.writers, &guard, &dice)).await;
                    if let Ok(reader) = guard.downgrade().await {
                        visit(&rooms.readers, reader, &dice).await;
                    }
                }
                client.close().await.ok();
            }
        })
        .await;
        library.judge(&world);
        world.until("empty", |world| world.children("/shared").is_empty()).await;
    });
}

/// Holds a number against the steps that were made.
async fn judge_steps(client: &Client, sum: i64) {
    let value = AtomicLong::open(client, "/n").await.unwrap().value().await.unwrap();
    assert_eq!(value, sum, "steps are lost or made twice");
}

#[test]
fn no_step_of_a_number_is_lost_or_made_twice() {
    for_seeds("no_step_of_a_number_is_lost_or_made_twice", 15, async |world| {
        let (sum, made) = (Arc::<Mutex<i64>>::default(), Arc::<Mutex<i64>>::default());
        let (sums, mades) = (Arc::clone(&sum), Arc::clone(&made));
        work(&world, move |client, dice| {
            let (sum, made) = (Arc::clone(&sums), Arc::clone(&mades));
            async move {
                let value = AtomicLong::open(&client, "/n").await.unwrap().exactly_once();
                let unsure = AtomicLong::open(&client, "/unsure").await.unwrap();
                for _ in 0..40 {
                    value.add(1).await.unwrap();
                    *sum.lock().unwrap() += 1;
                    match unsure.add(1).await {
                        Ok(_) => *made.lock().unwrap() += 1,
                        Err(error) => assert!(error.may_be_done(), "{error}"),
                    }
                    tokio::time::sleep(dice.millis(400)).await;
                }
            }
        })
        .await;
        let client = world.client().await;
        let sum = *sum.lock().unwrap();
        judge_steps(&client, sum).await;
        let unsure = AtomicLong::open(&client, "/unsure").await.unwrap().value().await.unwrap();
        let made = *made.lock().unwrap();
        assert!((made..=40 * i64::try_from(CLIENTS).unwrap()).contains(&unsure), "{made} {unsure}");
    });
}
