//! Elections: one leader, seen by all.

use crate::world::{TIMEOUT, in_world, soon};
use zoarium_recipes::{LeaderLatch, LeaderSelector, Lost, NextTurn};

#[test]
fn leaders_follow_each_other_and_are_seen_in_order() {
    in_world(1, async |world| {
        let watcher = LeaderLatch::new(&world.client().await, "/leader", "watcher");
        let mut leaders = watcher.leaders();
        assert_eq!(watcher.leader().await.unwrap(), None);
        let mut tokens = Vec::new();
        for id in ["one", "two", "three"] {
            let latch = LeaderLatch::new(&world.client().await, "/leader", id);
            let leading = latch.lead().await.unwrap();
            let seen = soon(leaders.next()).await.unwrap();
            assert_eq!((&seen.data[..], seen.token), (id.as_bytes(), leading.token()));
            assert_eq!(watcher.leader().await.unwrap(), Some(seen));
            tokens.push(leading.token());
            leading.release().await.unwrap();
        }
        assert!(tokens.is_sorted());
        drop(leaders);
        world.until("no watches", |world| world.watches() == 0).await;
    });
}

#[test]
fn leader_without_a_connection_steps_down_before_the_next_one_leads() {
    in_world(2, async |world| {
        let ((client, wire), other) = (world.wired().await, world.client().await);
        let latch = LeaderLatch::new(&client, "/leader", "one");
        let leading = latch.lead().await.unwrap();
        let next = LeaderLatch::new(&other, "/leader", "two");
        let next = tokio::spawn(async move { next.lead().await.unwrap() });
        world.until("candidate", |world| world.children("/leader").len() == 2).await;
        wire.take_down(TIMEOUT * 2);
        assert_eq!(leading.lost().await, Lost::Session);
        assert!(!next.is_finished());
        let next = soon(next).await.unwrap();
        // It stands for election again, behind all others.
        let again = tokio::spawn(async move { latch.lead().await.unwrap() });
        world.until("candidate", |world| world.children("/leader").len() == 2).await;
        let leader = LeaderLatch::new(&other, "/leader", "two").leader().await.unwrap();
        assert_eq!(leader.unwrap().token, next.token());
        next.release().await.unwrap();
        assert!(soon(again).await.unwrap().token() > leading.token());
    });
}

#[test]
fn leaders_take_turns() {
    in_world(3, async |world| {
        let mut tasks = Vec::new();
        let (turns, mut taken) = tokio::sync::mpsc::unbounded_channel();
        for id in 0..3_u8 {
            let selector = LeaderSelector::new(&world.client().await, "/turns", [id]);
            let turns = turns.clone();
            tasks.push(tokio::spawn(async move {
                let mut left = 4;
                let turn = selector.lead_in_turns(|guard| {
                    turns.send((guard.token(), id)).unwrap();
                    left -= 1;
                    let next = if left > 0 { NextTurn::Wanted } else { NextTurn::None };
                    async move {
                        tokio::time::sleep(TIMEOUT / 2).await;
                        next
                    }
                });
                turn.await.unwrap();
            }));
        }
        for task in tasks {
            soon(task).await.unwrap();
        }
        drop(turns);
        let mut last = Vec::new();
        while let Some(turn) = taken.recv().await {
            last.push(turn);
        }
        assert!(last.is_sorted() && last.len() == 12);
        assert!(last.windows(2).all(|turns| turns[0].1 != turns[1].1), "{last:?}");
    });
}
