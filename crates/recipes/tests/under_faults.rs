//! Many clients whose connections break and whose sessions end, on one server or on three that crash,
//! pause and are parted: what recipes promise holds all the same. `RECIPES_SEEDS=1000` runs more seeds
//! than usual.
//!
//! Every recipe is here; but for caches and double barriers, which are in files of their own.

mod held;
mod items;
mod present;
mod shared;

use crate::world::{Dice, TIMEOUT, Wire, World, for_seeds, soon};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use zoarium_client::Client;
use zoarium_recipes::{
    AtomicLong, Guard, LeaderLatch, Lock, Lost, ReadWriteLock, Semaphore, Token,
};

/// How many clients take part.
const CLIENTS: usize = 4;
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
    for _ in 0..CLIENTS {
        let (client, wire) = world.wired().await;
        tasks.push(tokio::spawn(trouble(wire, world.dice())));
        tasks.push(tokio::spawn(worker(client, world.dice())));
    }
    for task in tasks {
        soon(task).await.unwrap();
    }
}

/// Counts who is inside.
#[derive(Default)]
struct Room {
    inside: usize,
    entries: Vec<Token>,
    most: usize,
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
    match guard.run(be_inside(room, guard.token(), dice)).await {
        Ok(()) if dice.once_in(2) => drop(guard),
        Ok(()) => guard.release().await.ok().unwrap_or_default(),
        Err(why) => assert_eq!(why, Lost::Session),
    }
    tokio::time::sleep(dice.millis(100)).await;
}

async fn be_inside(room: &Arc<Mutex<Room>>, token: Token, dice: &Dice) {
    let _visit = Visit::enter(room, token);
    let longest = if dice.once_in(8) { 3000 } else { 200 };
    tokio::time::sleep(dice.millis(longest)).await;
}

fn entries(room: &Mutex<Room>, most: usize) -> Vec<Token> {
    let room = room.lock().unwrap();
    assert_eq!((room.inside, room.most), (0, most));
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
        assert!(entries(&room, 1).is_sorted());
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
        assert!(entries(&room, 1).is_sorted());
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
        entries(&room, 2);
        world.until("empty", |world| world.children("/semaphore/leases").is_empty()).await;
    });
}

#[test]
fn writers_are_alone_and_readers_among_themselves() {
    for_seeds("writers_are_alone_and_readers_among_themselves", 10, async |world| {
        // Readers inside, writers inside, whether there ever were several readers.
        let seen = Arc::<Mutex<(i32, i32, bool)>>::default();
        let inside = Arc::clone(&seen);
        work(&world, move |client, dice| {
            let lock = ReadWriteLock::new(&client, "/shared");
            let seen = Arc::clone(&inside);
            async move {
                for _ in 0..20 {
                    let is_writer = dice.once_in(3);
                    let step = |readers, writers| {
                        let mut seen = seen.lock().unwrap();
                        (seen.0, seen.1) = (seen.0 + readers, seen.1 + writers);
                        assert!(seen.1 == 0 || (seen.0, seen.1) == (0, 1), "{seen:?}");
                        seen.2 |= seen.0 > 1;
                    };
                    if is_writer {
                        let guard = lock.write().await.unwrap();
                        let _lost = stay(&guard, &dice, || step(0, 1), || step(0, -1)).await;
                        if let Ok(reader) = guard.downgrade().await {
                            let _lost = stay(&reader, &dice, || step(1, 0), || step(-1, 0)).await;
                        }
                    } else {
                        let guard = lock.read().await.unwrap();
                        let _lost = stay(&guard, &dice, || step(1, 0), || step(-1, 0)).await;
                    }
                }
                client.close().await.ok();
            }
        })
        .await;
        assert!(seen.lock().unwrap().2, "no two readers at the same time");
        world.until("empty", |world| world.children("/shared").is_empty()).await;
    });
}

/// Calls `leave` when work that has entered is done or dropped.
async fn stay(guard: &Guard, dice: &Dice, enter: impl Fn(), leave: impl Fn()) -> Result<(), Lost> {
    struct Leave<L: Fn()>(L);
    impl<L: Fn()> Drop for Leave<L> {
        fn drop(&mut self) {
            self.0();
        }
    }
    let inside = async {
        enter();
        let _leave = Leave(leave);
        tokio::time::sleep(dice.millis(200)).await;
    };
    guard.run(inside).await
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
        let value = AtomicLong::open(&client, "/n").await.unwrap().value().await.unwrap();
        assert_eq!(value, *sum.lock().unwrap());
        let unsure = AtomicLong::open(&client, "/unsure").await.unwrap().value().await.unwrap();
        let made = *made.lock().unwrap();
        assert!((made..=40 * i64::try_from(CLIENTS).unwrap()).contains(&unsure), "{made} {unsure}");
    });
}
