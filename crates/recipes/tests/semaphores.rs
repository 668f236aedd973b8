//! Semaphores: never more holders than permits.

use crate::world::{TIMEOUT, in_world, soon};
use std::time::Duration;
use zoarium_recipes::{Error, Lost, Semaphore, SharedCount};

#[test]
fn there_are_as_many_holders_as_permits() {
    in_world(1, async |world| {
        let semaphore = Semaphore::new(&world.client().await, "/s", 3);
        let mut held = semaphore.acquire_many(3).await.unwrap();
        assert_eq!(semaphore.taken().await.unwrap(), 3);
        assert!(semaphore.try_acquire().await.unwrap().is_none());
        let short = Duration::from_millis(200);
        assert!(semaphore.acquire_within(short).await.unwrap().is_none());
        world.until("given up", |world| world.children("/s/leases").len() == 3).await;
        held.pop().unwrap().release().await.unwrap();
        let again = semaphore.try_acquire().await.unwrap().unwrap();
        assert!(held.iter().all(|held| held.token() < again.token()));
    });
}

#[test]
fn only_the_one_whose_turn_it_is_looks_at_the_leases() {
    in_world(2, async |world| {
        let held = Semaphore::new(&world.client().await, "/s", 1).acquire().await.unwrap();
        let mut waiting = Vec::new();
        for _ in 0..10 {
            let semaphore = Semaphore::new(&world.client().await, "/s", 1);
            waiting.push(tokio::spawn(async move { semaphore.acquire().await.unwrap() }));
        }
        // Nine watch the one before them in the line, and one its own turn and the leases.
        world.until("11 watches", |world| world.watches() == 11).await;
        assert_eq!(world.children("/s/leases").len(), 2);
        assert_eq!(world.children("/s/locks").len(), 10);
        held.release().await.unwrap();
        for _ in 0..10 {
            world.until("next", |_| waiting.iter().any(|it| it.is_finished())).await;
            let next = waiting.iter().position(|it| it.is_finished()).unwrap();
            soon(waiting.swap_remove(next)).await.unwrap().release().await.unwrap();
        }
    });
}

/// Two with leases that nobody may use would wait for each other for ever.
#[test]
fn who_loses_its_turn_waits_for_another() {
    in_world(5, async |world| {
        let held = Semaphore::new(&world.client().await, "/s", 1).acquire().await.unwrap();
        let mut waiting = Vec::new();
        for locks in 1..=2 {
            let semaphore = Semaphore::new(&world.client().await, "/s", 1);
            waiting.push(tokio::spawn(async move {
                semaphore.acquire().await.unwrap().release().await.unwrap();
            }));
            world.until("waiting", |world| world.children("/s/locks").len() == locks).await;
        }
        world.until("two leases", |world| world.children("/s/leases").len() == 2).await;
        let locks = world.children("/s/locks").into_iter();
        let turn = locks.min_by_key(|name| name.rsplit('-').next().unwrap().to_owned()).unwrap();
        world.client().await.delete(format!("/s/locks/{turn}")).await.unwrap();
        tokio::time::sleep(TIMEOUT).await;
        held.release().await.unwrap();
        for acquired in waiting {
            soon(acquired).await.unwrap();
        }
    });
}

#[test]
fn permit_of_a_lost_session_is_given_to_another() {
    in_world(3, async |world| {
        let ((client, wire), other) = (world.wired().await, world.client().await);
        let lost = Semaphore::new(&client, "/s", 1).acquire().await.unwrap();
        wire.take_down(TIMEOUT * 3);
        let (why, next) = tokio::join!(lost.lost(), async {
            Semaphore::new(&other, "/s", 1).acquire().await.unwrap()
        });
        assert_eq!(why, Lost::Session);
        assert!(next.token() > lost.token());
    });
}

#[test]
fn limit_follows_a_number() {
    in_world(4, async |world| {
        let (client, other) = (world.client().await, world.client().await);
        let count = SharedCount::open(&client, "/limit", 1).await.unwrap();
        let semaphore = Semaphore::limited_by(&client, "/s", &count);
        let first = semaphore.acquire().await.unwrap();
        let waiting = tokio::spawn({
            let semaphore = Semaphore::limited_by(&other, "/s", &count);
            async move { semaphore.acquire_many(2).await.unwrap() }
        });
        world.until("waiting", |world| world.children("/s/leases").len() == 2).await;
        tokio::time::sleep(TIMEOUT).await;
        assert!(!waiting.is_finished());
        count.set(3).await.unwrap();
        let more = soon(waiting).await.unwrap();
        // Nobody loses anything.
        count.set(2).await.unwrap();
        assert!(semaphore.try_acquire().await.unwrap().is_none());
        first.release().await.unwrap();
        assert!(semaphore.try_acquire().await.unwrap().is_none());
        drop(more);
        world.until("given back", |world| world.children("/s/leases").is_empty()).await;
        count.set(-1).await.unwrap();
        assert!(semaphore.try_acquire().await.unwrap().is_none());
        other.delete("/limit").await.unwrap();
        let error = semaphore.acquire().await.unwrap_err();
        assert!(matches!(error, Error::Client(error) if error.is_no_node()));
        world.until("left", |world| world.children("/s/locks").is_empty()).await;
        assert!(world.children("/s/leases").is_empty());
    });
}
