//! Watches: what is told, in which order, and what survives.

use crate::world::{Wire, World, soon};
use std::time::Duration;
use zoarium_client::{CHANGES_MAX, Change, Event, EventType, State, WatchEnd};

fn event(change: Option<Change>) -> Event {
    match change {
        Some(Change::Event(event)) => event,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn one_shot_watches_tell_of_their_change() {
    let world = World::start().await;
    let client = world.client().await;
    let (missing, made) = client.exists("/a").watch().await.unwrap();
    assert_eq!(missing, None);
    let stat = client.create("/a").await.unwrap().stat;
    let event = soon(made).await.unwrap();
    assert_eq!((event.kind, &*event.path), (EventType::NodeCreated, "/a"));
    assert_eq!(event.zxid, Some(stat.czxid));

    let (_, mut set) = client.get("/a").watch().await.unwrap();
    let (_, child) = client.children("/a").watch().await.unwrap();
    assert_eq!(set.try_event(), None);
    client.create("/a/b").await.unwrap();
    assert_eq!(soon(child).await.unwrap().kind, EventType::NodeChildrenChanged);
    client.set("/a", b"").await.unwrap();
    // It came before the answer to the write.
    assert_eq!(set.try_event().unwrap().unwrap().kind, EventType::NodeDataChanged);
    assert!(client.get("/none").watch().await.unwrap_err().is_no_node());
    world.metric_becomes("watch_count", 0.0).await;
}

#[tokio::test]
async fn event_comes_before_what_it_is_about() {
    let world = World::start().await;
    let (writer, reader) = (world.client().await, world.client().await);
    writer.create("/a").await.unwrap();
    for _ in 0..100 {
        let (before, mut watch) = reader.get("/a").watch().await.unwrap();
        let write = tokio::spawn(writer.set("/a", b"x").send());
        loop {
            let after = reader.get("/a").await.unwrap();
            if after.stat.mzxid > before.stat.mzxid {
                assert!(watch.try_event().is_some(), "{after:?} was shown and not told");
                break;
            }
        }
        write.await.unwrap().unwrap();
    }
}

#[tokio::test]
async fn one_shot_watches_survive_the_connection() {
    let world = World::start().await;
    let (client, wire) = world.wired().await;
    let other = world.client().await;
    client.create("/a").await.unwrap();
    let (_, missed) = client.get("/a").watch().await.unwrap();
    let (_, later) = client.children("/a").watch().await.unwrap();
    wire.take_down();
    other.set("/a", b"x").await.unwrap();
    wire.bring_up();
    assert_eq!(soon(missed).await.unwrap().kind, EventType::NodeDataChanged);
    other.create("/a/b").await.unwrap();
    assert_eq!(soon(later).await.unwrap().kind, EventType::NodeChildrenChanged);
}

#[tokio::test]
async fn persistent_watches_tell_of_every_change() {
    let world = World::start().await;
    let client = world.client().await;
    let mut one = client.watch("/a").await.unwrap();
    let mut all = client.watch("/").recursive().await.unwrap();
    client.create("/a").await.unwrap();
    client.create("/a/b").await.unwrap();
    client.set("/a/b", b"x").await.unwrap();
    client.delete("/a/b").await.unwrap();
    client.delete("/a").await.unwrap();
    let kinds = |changes: Vec<Event>| changes.into_iter().map(|it| (it.kind, it.path.to_string()));
    let (mut of_one, mut of_all) = (vec![], vec![]);
    while let Some(change) = one.try_next() {
        of_one.push(event(Some(change)));
    }
    while let Some(change) = all.try_next() {
        of_all.push(event(Some(change)));
    }
    use EventType::*;
    let at = |kind, path: &str| (kind, path.to_owned());
    let expected = [
        at(NodeCreated, "/a"),
        at(NodeChildrenChanged, "/a"),
        at(NodeChildrenChanged, "/a"),
        at(NodeDeleted, "/a"),
    ];
    assert!(kinds(of_one).eq(expected));
    let expected = [
        at(NodeCreated, "/a"),
        at(NodeCreated, "/a/b"),
        at(NodeDataChanged, "/a/b"),
        at(NodeDeleted, "/a/b"),
        at(NodeDeleted, "/a"),
    ];
    assert!(kinds(of_all).eq(expected));
}

#[tokio::test]
async fn persistent_watch_tells_of_a_gap_and_then_goes_on() {
    let world = World::start().await;
    let (client, wire) = world.wired().await;
    let other = world.client().await;
    let mut watch = client.watch("/").recursive().await.unwrap();
    wire.take_down();
    other.create("/missed").await.unwrap();
    wire.bring_up();
    assert_eq!(soon(watch.next()).await, Some(Change::Gap));
    assert!(client.exists("/missed").await.unwrap().is_some());
    other.create("/heard").await.unwrap();
    assert_eq!(&*event(soon(watch.next()).await).path, "/heard");
}

#[tokio::test]
async fn slow_reader_is_told_of_a_gap() {
    let world = World::start().await;
    let client = world.client().await;
    client.create("/a").await.unwrap();
    let mut watch = client.watch("/a").await.unwrap();
    let writes: Vec<_> = (0..CHANGES_MAX + 50).map(|_| client.set("/a", b"").send()).collect();
    for write in writes {
        soon(write).await.unwrap();
    }
    for _ in 0..CHANGES_MAX {
        event(watch.try_next());
    }
    assert_eq!(watch.try_next(), Some(Change::Gap));
    client.set("/a", b"").await.unwrap();
    event(watch.try_next());
}

#[tokio::test]
async fn watches_end_with_their_session_unless_they_are_to_outlive_it() {
    let world = World::start().await;
    let wire = Wire::default();
    let timeout = Duration::from_millis(1500);
    let builder = world.builder().connector(wire.clone()).session_timeout(timeout);
    let client = builder.connect().await.unwrap();
    let (_, one_shot) = client.exists("/a").watch().await.unwrap();
    let mut ends = client.watch("/").await.unwrap();
    let mut stays = client.watch("/").recursive().across_sessions().await.unwrap();
    let mut states = client.states();
    wire.take_down();
    while !matches!(soon(states.next()).await, Some(State::Lost { .. })) {}
    wire.bring_up();
    assert_eq!(soon(one_shot).await, Err(WatchEnd::SessionLost));
    while soon(ends.next()).await.is_some() {}
    assert_eq!(ends.end(), Some(WatchEnd::SessionLost));
    assert_eq!(soon(stays.next()).await, Some(Change::Gap));
    soon(client.create("/a")).await.unwrap();
    assert_eq!(&*event(soon(stays.next()).await).path, "/a");
    client.close().await.unwrap();
    while soon(stays.next()).await.is_some() {}
    assert_eq!(stays.end(), Some(WatchEnd::Closed));
}

#[tokio::test]
async fn many_watches_are_set_again() {
    const MANY: usize = 5000;
    let world = World::start().await;
    let (client, wire) = world.wired().await;
    let other = world.client().await;
    let padding = "x".repeat(60);
    let pending: Vec<_> = (0..MANY)
        .map(|number| client.exists(format!("/{padding}/{number}")).watch().send())
        .collect();
    let mut watches = vec![];
    for watch in pending {
        watches.push(soon(watch).await.unwrap().1);
    }
    wire.cut();
    soon(client.get("/").send()).await.ok();
    soon(client.sync()).await.unwrap();
    world.metric_becomes("watch_count", MANY as f64).await;
    let last = format!("/{padding}/{}", MANY - 1);
    other.create(last).parents().await.unwrap();
    soon(watches.pop().unwrap()).await.unwrap();
}
