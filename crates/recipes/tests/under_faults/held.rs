//! What is held: the locks made of locks, and leadership in turns.

use super::{Room, be_inside, entries, work};
use crate::world::for_seeds;
use std::sync::{Arc, Mutex};
use zoarium_recipes::{LeaderSelector, Lock, MultiLock, NextTurn, ReentrantLock};

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
                    let _lost = inner.run(be_inside(&room, inner.token(), &dice)).await;
                    assert!(outer.token() <= inner.token());
                    outer.release().await.unwrap();
                    inner.release().await.unwrap();
                    tokio::time::sleep(dice.millis(100)).await;
                }
                client.close().await.ok();
            }
        })
        .await;
        assert!(entries(&room, 1).is_sorted());
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
                    let token = own.unwrap().token();
                    if guard.run(be_inside(&room, token, &dice)).await.is_ok() {
                        guard.release().await.unwrap();
                    }
                    tokio::time::sleep(dice.millis(100)).await;
                }
                client.close().await.ok();
            }
        })
        .await;
        assert!(entries(&room, 1).is_sorted());
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
                        be_inside(&room, guard.token(), &dice).await;
                        next
                    }
                });
                turns.await.unwrap();
                client.close().await.ok();
            }
        })
        .await;
        assert!(entries(&room, 1).is_sorted());
        world.until("empty", |world| world.children("/turns").is_empty()).await;
    });
}
