//! What is held: the locks made of locks, and leadership in turns.

use super::{Room, be_inside, judge, visit, work};
use crate::world::for_seeds;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use zoarium_recipes::{
    LeaderSelector, Lock, MultiLock, NextTurn, ReentrantLock, Semaphore, SharedCount,
};

/// Longer than who waits takes to ask, but not so long that the last one holds up a test.
const LONG: Duration = Duration::from_secs(20);

#[test]
fn reentrant_lock_has_one_owner() {
    for_seeds("reentrant_lock_has_one_owner", 6, async |world| {
        let room = Arc::<Mutex<Room>>::default();
        let inside = Arc::clone(&room);
        work(&world, move |client, dice| {
            let (lock, room) = (ReentrantLock::new(&client, "/lock"), Arc::clone(&inside));
            async move {
                for _ in 0..15 {
                    let outer = lock.acquire().await.unwrap();
                    // At once, unless the first is lost: then with another token.
                    let inner = lock.acquire().await.unwrap();
                    let _lost = inner.run(be_inside(&room, &inner, &dice)).await;
                    assert!(outer.token() <= inner.token());
                    outer.release().await.unwrap();
                    inner.release().await.unwrap();
                    tokio::time::sleep(dice.millis(100)).await;
                }
                client.close().await.ok();
            }
        })
        .await;
        assert!(judge(&world, &room, 1).is_sorted());
        world.until("empty", |world| world.children("/lock").is_empty()).await;
    });
}

#[test]
fn several_locks_have_one_holder() {
    for_seeds("several_locks_have_one_holder", 6, async |world| {
        let room = Arc::<Mutex<Room>>::default();
        let inside = Arc::clone(&room);
        work(&world, move |client, dice| {
            // All want the middle one; the order in which they are named is of no importance.
            let paths = if dice.once_in(2) { ["/b", "/a"] } else { ["/b", "/c"] };
            let lock = MultiLock::new(paths.map(|path| Lock::new(&client, path)));
            let room = Arc::clone(&inside);
            async move {
                for _ in 0..15 {
                    let guard = lock.acquire().await.unwrap();
                    let own = guard.guards().iter().find(|it| it.path().starts_with("/b/"));
                    if guard.run(be_inside(&room, own.unwrap(), &dice)).await.is_ok() {
                        guard.release().await.unwrap();
                    }
                    tokio::time::sleep(dice.millis(100)).await;
                }
                client.close().await.ok();
            }
        })
        .await;
        assert!(judge(&world, &room, 1).is_sorted());
        let all = ["/a", "/b", "/c"];
        let is_empty = |path: &&str| world.children(path).is_empty();
        world.until("empty", |_| all.iter().all(is_empty)).await;
    });
}

#[test]
fn turns_of_leaders_do_not_overlap() {
    for_seeds("turns_of_leaders_do_not_overlap", 6, async |world| {
        let room = Arc::<Mutex<Room>>::default();
        let inside = Arc::clone(&room);
        work(&world, move |client, dice| {
            let selector = LeaderSelector::new(&client, "/turns", "x");
            let room = Arc::clone(&inside);
            async move {
                let mut left = 12;
                let turns = selector.lead_in_turns(|guard| {
                    left -= 1;
                    let next = if left > 0 { NextTurn::Wanted } else { NextTurn::None };
                    let (room, dice) = (Arc::clone(&room), dice.clone());
                    async move {
                        be_inside(&room, &guard, &dice).await;
                        next
                    }
                });
                turns.await.unwrap();
                client.close().await.ok();
            }
        })
        .await;
        assert!(judge(&world, &room, 1).is_sorted());
        world.until("empty", |world| world.children("/turns").is_empty()).await;
    });
}

#[test]
fn changing_limit_is_kept_to() {
    for_seeds("changing_limit_is_kept_to", 6, async |world| {
        let room = Arc::<Mutex<Room>>::default();
        let inside = Arc::clone(&room);
        work(&world, move |client, dice| {
            let room = Arc::clone(&inside);
            async move {
                let count = SharedCount::open(&client, "/limit", 1).await.unwrap();
                let semaphore = Semaphore::limited_by(&client, "/semaphore", &count);
                for _ in 0..15 {
                    let limit = 1 + i32::try_from(dice.below(2)).unwrap();
                    count.set(limit).await.unwrap();
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

#[test]
fn who_waits_gets_a_lock_by_asking_for_it() {
    for_seeds("who_waits_gets_a_lock_by_asking_for_it", 6, async |world| {
        let room = Arc::<Mutex<Room>>::default();
        let inside = Arc::clone(&room);
        work(&world, move |client, dice| {
            let (lock, room) = (Lock::new(&client, "/lock"), Arc::clone(&inside));
            async move {
                let ask = async || loop {
                    if let Some(holder) = lock.contenders().await.unwrap().first() {
                        holder.revoke(&client).await.unwrap();
                    }
                    tokio::time::sleep(dice.millis(500)).await;
                };
                for _ in 0..10 {
                    let guard = tokio::select! {
                        guard = lock.acquire() => guard.unwrap(),
                        never = ask() => never,
                    };
                    let hold = async {
                        be_inside(&room, &guard, &dice).await;
                        // As nobody lets go without being asked, somebody has to ask in the end.
                        let _lost = tokio::time::timeout(LONG, guard.revoked()).await;
                    };
                    if guard.run(hold).await.is_ok() {
                        guard.release().await.unwrap();
                    }
                }
                client.close().await.ok();
            }
        })
        .await;
        assert!(judge(&world, &room, 1).is_sorted());
        world.until("empty", |world| world.children("/lock").is_empty()).await;
    });
}
