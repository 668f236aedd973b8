//! Znodes that are kept, groups, and services.

use crate::world::{TIMEOUT, in_world, soon};
use std::time::Duration;
use tokio::time::Instant;
use zoarium_recipes::discovery::{Discovery, RoundRobin, ServiceInstance};
use zoarium_recipes::{Error, GroupEvent, GroupMember, PersistentNode, Presence};

#[test]
fn znode_comes_back_whatever_becomes_of_it() {
    in_world(1, async |world| {
        let ((client, wire), other) = (world.wired().await, world.client().await);
        let mut node = PersistentNode::keep(&client, "/hosts/a", "1");
        let first = node.present().await.unwrap();
        other.delete("/hosts/a").await.unwrap();
        let second = node.present_after(first).await.unwrap();
        node.set("2");
        wire.take_down(TIMEOUT * 4);
        tokio::time::sleep(TIMEOUT * 2).await;
        assert_eq!(node.presence(), Presence::Absent);
        node.present_after(second).await.unwrap();
        assert_eq!(other.get("/hosts/a").await.unwrap().data, "2");
        node.close().await.unwrap();
        assert!(world.children("/hosts").is_empty());
    });
}

#[test]
fn kept_znode_says_what_it_was_told_last() {
    in_world(7, async |world| {
        let (client, other) = (world.client().await, world.client().await);
        let dice = world.dice();
        let mut node = PersistentNode::keep(&client, "/a", "first");
        for round in 0..40_u8 {
            // Some of these come while the keeper looks at what it has written.
            for step in 0..8 {
                node.set([round, step]);
                tokio::time::sleep(dice.millis(8)).await;
            }
            let token = node.present().await.unwrap();
            tokio::time::sleep(TIMEOUT / 10).await;
            assert_eq!(other.get("/a").await.unwrap().data, [round, 7][..]);
            if round % 4 == 3 {
                other.delete("/a").await.unwrap();
                node.present_after(token).await.unwrap();
            }
        }
    });
}

#[test]
fn kept_znode_is_not_taken_over() {
    in_world(2, async |world| {
        let (one, two) = (world.client().await, world.client().await);
        let mut first = PersistentNode::keep(&one, "/a", "one");
        first.present().await.unwrap();
        let mut second = PersistentNode::keep(&two, "/a", "two");
        assert_eq!(second.settled().await.unwrap(), Presence::Taken);
        drop(first);
        second.present().await.unwrap();
        assert_eq!(one.get("/a").await.unwrap().data, "two");
        let mut third = PersistentNode::keep(&one, "/a", "one");
        assert_eq!(third.settled().await.unwrap(), Presence::Taken);
        third.close().await.unwrap();
        assert_eq!(second.presence(), Presence::Present(second.present().await.unwrap()));
    });
}

#[test]
fn what_was_asked_of_a_lost_session_is_not_done_to_somebody_elses_znode() {
    in_world(8, async |world| {
        let ((client, wire), other) = (world.wired().await, world.client().await);
        let dice = world.dice();
        for round in 0..40 {
            let mut node = PersistentNode::keep(&client, "/a", "ours");
            node.present().await.unwrap();
            // Under way, on the way back, or done when the connection breaks.
            let closing = match round % 2 {
                0 => {
                    node.set("late");
                    tokio::time::sleep(dice.millis(12)).await;
                    None
                }
                _ => {
                    let closing = tokio::spawn(
                        std::mem::replace(&mut node, PersistentNode::keep(&client, "/b", ""))
                            .close(),
                    );
                    tokio::time::sleep(dice.millis(20)).await;
                    Some(closing)
                }
            };
            wire.take_down(TIMEOUT * 3);
            // As early as it can be.
            while other.create("/a").data(b"theirs").ephemeral().await.is_err() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            tokio::time::sleep(TIMEOUT * 5).await;
            let read = other.get("/a").await.unwrap();
            assert_eq!((&read.data[..], read.stat.version), (&b"theirs"[..], 0), "round {round}");
            if let Some(closing) = closing {
                soon(closing).await.unwrap().unwrap();
            }
            other.delete("/a").await.unwrap();
            node.close().await.unwrap();
        }
    });
}

#[test]
fn dropped_keeper_leaves_nothing_however_early() {
    in_world(3, async |world| {
        let (client, wire) = world.wired().await;
        let dice = world.dice();
        for round in 0..60 {
            wire.break_once_in((round > 30).then_some(10));
            let node = PersistentNode::keep(&client, format!("/hosts/{}", round % 3), "x");
            tokio::time::sleep(dice.millis(40)).await;
            drop(node);
        }
        wire.break_once_in(None);
        tokio::time::sleep(TIMEOUT * 5).await;
        assert_eq!(world.children("/hosts"), Vec::<String>::new());
    });
}

#[test]
fn keeper_ends_with_its_client() {
    in_world(4, async |world| {
        let client = world.client().await;
        let mut node = PersistentNode::keep(&client, "/a", "");
        let token = node.present().await.unwrap();
        client.close().await.unwrap();
        assert!(node.present_after(token).await.is_err());
    });
}

#[test]
fn group_sees_who_comes_and_goes() {
    in_world(5, async |world| {
        let ((one, wire), two) = (world.wired().await, world.client().await);
        let watcher = GroupMember::join(&two, "/group", "two", "").await.unwrap();
        let mut events = watcher.events();
        let mut member = GroupMember::join(&one, "/group", "one", "x").await.unwrap();
        assert_eq!(member.members().into_keys().collect::<Vec<_>>(), ["one", "two"]);
        let taken = GroupMember::join(&two, "/group", "one", "").await.unwrap_err();
        assert_eq!(taken, Error::Taken { path: "/group/one".to_owned() });
        member.describe("y");
        let joined = |id: &str, data: &'static str| GroupEvent::Joined(id.to_owned(), data.into());
        assert_eq!(soon(events.next()).await, Some(joined("two", "")));
        assert_eq!(soon(events.next()).await, Some(joined("one", "x")));
        let changed = GroupEvent::Changed("one".to_owned(), "y".into());
        assert_eq!(soon(events.next()).await, Some(changed));
        wire.take_down(TIMEOUT * 3);
        let left = || Some(GroupEvent::Left("one".to_owned()));
        assert_eq!(soon(events.next()).await, left());
        assert_eq!(soon(events.next()).await, Some(joined("one", "y")));
        member.leave().await.unwrap();
        assert_eq!(soon(events.next()).await, left());
        assert_eq!(watcher.members().len(), 1);
    });
}

#[test]
fn services_are_found_while_they_are_there() {
    in_world(6, async |world| {
        let ((one, wire), two) = (world.wired().await, world.client().await);
        let (ours, theirs) = (Discovery::new(&one, "/services"), Discovery::new(&two, "/services"));
        let provider = theirs.provider("search", RoundRobin::default());
        provider.ready().await.unwrap();
        assert!(provider.pick().is_none());
        let instance = |id: &str| ServiceInstance::new("search", id).address("10.0.0.1");
        let mut registered = ours.register(instance("a")).await.unwrap();
        let other = theirs.register(instance("b")).await.unwrap();
        let taken = theirs.register(instance("a")).await.unwrap_err();
        assert!(matches!(taken, Error::Taken { .. }));
        assert_eq!(theirs.names().await.unwrap(), ["search"]);
        assert_eq!(theirs.instances("search").await.unwrap().len(), 2);
        let known = async |count: usize| {
            while provider.instances().len() != count {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        soon(known(2)).await;
        let picked: Vec<_> = (0..3).map(|_| provider.pick().unwrap().id.clone()).collect();
        assert_eq!(picked, ["a", "b", "a"]);
        // One that does not work is left alone, unless it is the only one.
        provider.note_error(other.instance());
        provider.note_error(other.instance());
        assert!((0..4).all(|_| provider.pick().unwrap().id == "a"));
        registered.drain();
        soon(known(1)).await;
        assert_eq!(provider.pick().unwrap().id, "b");
        registered.update(|instance| instance.enabled(true).port(80));
        soon(known(2)).await;
        let start = Instant::now();
        wire.take_down(TIMEOUT * 4);
        soon(known(1)).await;
        assert!(start.elapsed() < TIMEOUT * 2);
        soon(known(2)).await;
        assert_eq!(provider.instances()[0].port, Some(80));
        registered.withdraw().await.unwrap();
        soon(known(1)).await;
    });
}
