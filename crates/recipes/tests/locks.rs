//! Locks: who has them, in which order, and what ends that.

use crate::world::{TIMEOUT, in_world, soon};
use std::time::Duration;
use tokio::time::Instant;
use zoarium_recipes::{Holding, Lock, Lost, MultiLock, ReadWriteLock, ReentrantLock};

const SHORT: Duration = Duration::from_millis(100);

#[test]
fn holders_follow_each_other_in_the_order_of_coming() {
    in_world(1, async |world| {
        let client = world.client().await;
        let lock = Lock::new(&client, "/locks/a");
        let first = lock.acquire().await.unwrap();
        let mut waiting = Vec::new();
        for number in 0..10 {
            let lock = Lock::new(&world.client().await, "/locks/a").described([number]);
            waiting.push(tokio::spawn(async move { lock.acquire().await }));
            world.until("place", |world| world.children("/locks/a").len() > waiting.len()).await;
        }
        let contenders = lock.contenders().await.unwrap();
        assert_eq!(contenders[0].token, first.token());
        let said: Vec<_> = contenders[1..].iter().map(|it| it.data[0]).collect();
        assert_eq!(said, (0..10).collect::<Vec<_>>());
        let mut last = first.token();
        first.release().await.unwrap();
        for (next, contender) in waiting.into_iter().zip(&contenders[1..]) {
            let guard = soon(next).await.unwrap().unwrap();
            assert_eq!((guard.token(), guard.path()), (contender.token, &*contender.path));
            assert!(guard.token() > last);
            last = guard.token();
            guard.release().await.unwrap();
        }
    });
}

#[test]
fn each_waiter_watches_one_znode_and_one_release_wakes_one() {
    in_world(2, async |world| {
        let first = Lock::new(&world.client().await, "/a").acquire().await.unwrap();
        let mut waiting = Vec::new();
        for _ in 0..20 {
            let lock = Lock::new(&world.client().await, "/a");
            waiting.push(tokio::spawn(async move { lock.acquire().await }));
        }
        world.until("20 watches", |world| world.watches() == 20).await;
        first.release().await.unwrap();
        // The one that has it, and nobody else, does not watch any more.
        world.until("19 watches", |world| world.watches() == 19).await;
        tokio::time::sleep(TIMEOUT * 3).await;
        assert_eq!(world.watches(), 19);
        assert_eq!(waiting.iter().filter(|it| it.is_finished()).count(), 1);
    });
}

#[test]
fn who_gives_up_leaves_the_line_and_nothing_else() {
    in_world(3, async |world| {
        let (one, two, three) = (world.client().await, world.client().await, world.client().await);
        let first = Lock::new(&one, "/a").acquire().await.unwrap();
        assert!(Lock::new(&two, "/a").try_acquire().await.unwrap().is_none());
        let patience = Duration::from_secs(2);
        let (two, three) = (Lock::new(&two, "/a"), Lock::new(&three, "/a"));
        let (gave_up, got, ()) =
            tokio::join!(two.acquire_within(patience), three.acquire_within(patience * 4), async {
                tokio::time::sleep(patience * 2).await;
                first.release().await.unwrap();
            });
        assert!(gave_up.unwrap().is_none());
        let guard = got.unwrap().unwrap();
        assert_eq!(world.children("/a").len(), 1);
        guard.release().await.unwrap();
        assert!(world.children("/a").is_empty());
    });
}

#[test]
fn lock_is_lost_with_the_session_before_anybody_else_has_it() {
    in_world(4, async |world| {
        let ((holder, wire), other) = (world.wired().await, world.client().await);
        let guard = Lock::new(&holder, "/a").acquire().await.unwrap();
        assert_eq!(guard.holding(), Holding::Held);
        let waiting = tokio::spawn(async move {
            let guard = Lock::new(&other, "/a").acquire().await.unwrap();
            (Instant::now(), guard)
        });
        world.until("waiting", |world| world.children("/a").len() == 2).await;
        wire.take_down(TIMEOUT * 4);
        guard.doubtful().await;
        let Holding::Suspect { until } = guard.holding() else { panic!() };
        let work = guard.run(std::future::pending::<()>()).await;
        assert_eq!(work, Err(Lost::Session));
        let lost_at = Instant::now();
        assert!(lost_at >= until && lost_at < until + SHORT, "{:?}", lost_at - until);
        assert_eq!(guard.holding(), Holding::Lost);
        let (taken_at, next) = soon(waiting).await.unwrap();
        assert!(lost_at < taken_at && guard.token() < next.token());
        // The next session has nothing of it, and what it writes on the strength of the lock is
        // refused.
        let late = guard.transaction().create("/late").await;
        assert!(late.is_err());
        assert_eq!(world.children("/a").len(), 1);
    });
}

#[test]
fn short_loss_of_the_connection_loses_no_lock() {
    in_world(5, async |world| {
        let (client, wire) = world.wired().await;
        let guard = Lock::new(&client, "/a").acquire().await.unwrap();
        let work = async {
            wire.take_down(TIMEOUT / 4);
            tokio::time::sleep(TIMEOUT * 3).await;
        };
        assert_eq!(guard.run(work).await, Ok(()));
        guard.transaction().create("/written").await.unwrap();
        guard.release().await.unwrap();
    });
}

#[test]
fn lock_deleted_by_hand_is_lost() {
    in_world(6, async |world| {
        let (client, other) = (world.client().await, world.client().await);
        let guard = Lock::new(&client, "/a").acquire().await.unwrap();
        let path = guard.path().to_owned();
        let (lost, deleted) = tokio::join!(guard.lost(), async {
            tokio::time::sleep(SHORT).await;
            other.delete(path).await
        });
        deleted.unwrap();
        assert_eq!(lost, Lost::Deleted);
        let late = guard.transaction().create("/late").await.unwrap_err();
        assert!(late.is_no_node());
        guard.release().await.unwrap();
    });
}

#[test]
fn holder_is_asked_to_let_go_and_may_not_heed_it() {
    in_world(15, async |world| {
        let ((client, wire), other) = (world.wired().await, world.client().await);
        let (lock, others) = (Lock::new(&client, "/a"), Lock::new(&other, "/a"));
        let guard = lock.acquire().await.unwrap();
        assert!(tokio::time::timeout(TIMEOUT, guard.revoked()).await.is_err());
        let holder = others.contenders().await.unwrap().remove(0);
        // The wish outlives a connection, and whoever was not listening.
        wire.take_down(TIMEOUT / 4);
        holder.revoke(&other).await.unwrap();
        for _ in 0..2 {
            assert_eq!(soon(guard.revoked()).await, Ok(()));
        }
        assert_eq!(guard.holding(), Holding::Held);
        assert!(others.try_acquire().await.unwrap().is_none());
        guard.release().await.unwrap();
        // Who has left is not asked any more.
        holder.revoke(&other).await.unwrap();
        let guard = others.acquire().await.unwrap();
        assert!(tokio::time::timeout(TIMEOUT, guard.revoked()).await.is_err());
        let path = guard.path().to_owned();
        let (revoked, deleted) = tokio::join!(guard.revoked(), client.delete(path));
        deleted.unwrap();
        assert_eq!(revoked, Err(Lost::Deleted));
        other.close().await.unwrap();
        assert_eq!(guard.revoked().await, Err(Lost::Closed));
    });
}

#[test]
fn lock_ends_with_its_client() {
    in_world(7, async |world| {
        let client = world.client().await;
        let guard = Lock::new(&client, "/a").acquire().await.unwrap();
        client.close().await.unwrap();
        assert_eq!(guard.lost().await, Lost::Closed);
        assert!(Lock::new(&client, "/a").acquire().await.is_err());
    });
}

#[test]
fn kazoos_layout_has_its_names() {
    in_world(8, async |world| {
        let client = world.client().await;
        let lock = Lock::new(&client, "/a").like_kazoo();
        let guard = lock.acquire().await.unwrap();
        let name = world.children("/a").pop().unwrap();
        assert!(name.ends_with("__lock__0000000000"), "{name}");
        assert!(lock.try_acquire().await.unwrap().is_none());
        drop(guard);
        lock.acquire().await.unwrap().forget();
        tokio::time::sleep(TIMEOUT).await;
        assert_eq!(world.children("/a").len(), 1);
    });
}

#[test]
fn owner_enters_again_and_others_wait_for_the_last_entry() {
    in_world(9, async |world| {
        let (client, other) = (world.client().await, world.client().await);
        let lock = ReentrantLock::new(&client, "/a");
        let others = ReentrantLock::new(&other, "/a");
        let (one, two) = tokio::join!(lock.acquire(), lock.acquire());
        let (one, two) = (one.unwrap(), two.unwrap());
        assert_eq!(one.token(), two.token());
        one.release().await.unwrap();
        assert!(others.acquire_within(SHORT).await.unwrap().is_none());
        two.release().await.unwrap();
        let theirs = others.acquire().await.unwrap();
        assert!(lock.acquire_within(SHORT).await.unwrap().is_none());
        drop(theirs);
        lock.acquire().await.unwrap().release().await.unwrap();
    });
}

#[test]
fn lost_lock_is_not_entered_again() {
    in_world(10, async |world| {
        let (client, wire) = world.wired().await;
        let lock = ReentrantLock::new(&client, "/a");
        let old = lock.acquire().await.unwrap();
        wire.take_down(TIMEOUT * 3);
        old.lost().await;
        let new = lock.acquire().await.unwrap();
        assert!(new.token() > old.token());
        assert_eq!((old.holding(), new.holding()), (Holding::Lost, Holding::Held));
    });
}

#[test]
fn readers_share_and_writers_do_not() {
    in_world(11, async |world| {
        let lock = ReadWriteLock::new(&world.client().await, "/a");
        let other = ReadWriteLock::new(&world.client().await, "/a");
        let (one, two) = (lock.read().await.unwrap(), other.read().await.unwrap());
        assert!(lock.try_write().await.unwrap().is_none());
        let writing = other.clone();
        let writer = tokio::spawn(async move { writing.write().await.unwrap() });
        world.until("writer", |world| world.children("/a").len() == 3).await;
        // It would overtake.
        assert!(lock.try_read().await.unwrap().is_none());
        assert!(lock.read_within(SHORT).await.unwrap().is_none());
        drop(one);
        tokio::time::sleep(SHORT).await;
        assert!(!writer.is_finished());
        drop(two);
        let writer = soon(writer).await.unwrap();
        assert!(lock.write_within(SHORT).await.unwrap().is_none());
        assert_eq!(lock.contenders().await.unwrap().len(), 1);
        writer.release().await.unwrap();
        lock.read().await.unwrap().release().await.unwrap();
    });
}

#[test]
fn writer_becomes_a_reader_and_no_writer_comes_between() {
    in_world(12, async |world| {
        let lock = ReadWriteLock::new(&world.client().await, "/a");
        let other = ReadWriteLock::new(&world.client().await, "/a");
        let writer = lock.write().await.unwrap();
        let token = writer.token();
        let waiting = {
            let other = other.clone();
            tokio::spawn(async move { other.write().await.unwrap() })
        };
        world.until("second writer", |world| world.children("/a").len() == 2).await;
        let reader = writer.downgrade().await.unwrap();
        assert!(reader.token() > token);
        tokio::time::sleep(TIMEOUT).await;
        assert!(!waiting.is_finished());
        reader.release().await.unwrap();
        soon(waiting).await.unwrap().release().await.unwrap();
    });
}

#[test]
fn two_with_opposite_orders_do_not_wait_for_each_other() {
    in_world(13, async |world| {
        let mut tasks = Vec::new();
        for paths in [["/a", "/b", "/c"], ["/c", "/b", "/a"]] {
            let client = world.client().await;
            tasks.push(tokio::spawn(async move {
                let lock = MultiLock::new(paths.map(|path| Lock::new(&client, path)));
                for _ in 0..20 {
                    let guard = lock.acquire().await.unwrap();
                    assert_eq!(guard.holding(), Holding::Held);
                    guard.run(tokio::time::sleep(Duration::from_millis(5))).await.unwrap();
                    guard.release().await.unwrap();
                }
            }));
        }
        for task in tasks {
            soon(task).await.unwrap();
        }
    });
}

#[test]
fn several_locks_are_had_together_or_not_at_all() {
    in_world(14, async |world| {
        let (client, other) = (world.client().await, world.client().await);
        let theirs = Lock::new(&other, "/b").acquire().await.unwrap();
        let all = ["/c", "/b", "/a"].map(|path| Lock::new(&client, path));
        let all = MultiLock::new(all);
        assert!(all.try_acquire().await.unwrap().is_none());
        assert!(all.acquire_within(SHORT).await.unwrap().is_none());
        world
            .until("all free", |world| {
                world.children("/a").is_empty() && world.children("/b").len() == 1
            })
            .await;
        let path = theirs.path().to_owned();
        drop(theirs);
        let guard = all.acquire().await.unwrap();
        assert_ne!(guard.guards()[1].path(), path);
        let (lost, _) = tokio::join!(guard.lost(), other.delete(guard.guards()[1].path()));
        assert_eq!(lost, Lost::Deleted);
    });
}
