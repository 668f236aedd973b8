//! Whatever is dropped, whenever: nothing leaks, and the rest goes on.

use crate::world::{World, soon};
use std::future::poll_fn;
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;
use zoarium_client::{Cause, Client, Error, Failure, Pending, Verdict};

/// Polls so many times, with room for others in between, then drops.
async fn poll_and_drop<R>(mut pending: Pending<'_, R>, times: usize) {
    for _ in 0..times {
        let polled = poll_fn(|cx| Poll::Ready(Pin::new(&mut pending).poll(cx))).await;
        if polled.is_ready() {
            return;
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn operations_may_be_dropped_at_any_point() {
    let world = World::start().await;
    let client = world.client().await;
    client.create("/a/b").parents().await.unwrap();
    for times in 0..12 {
        poll_and_drop(client.create(format!("/c{times}")).send(), times).await;
        poll_and_drop(client.create(format!("/d{times}/e")).parents().send(), times).await;
        poll_and_drop(client.set("/a", b"x").send(), times).await;
        poll_and_drop(client.get("/a").send(), times).await;
        poll_and_drop(client.get("/a").watch().send(), times).await;
        poll_and_drop(client.exists("/none").watch().send(), times).await;
        poll_and_drop(client.children("/a").watch().send(), times).await;
        poll_and_drop(client.watch("/a").recursive().send(), times).await;
        poll_and_drop(client.transaction().check("/a", 1).delete("/none").send(), times).await;
        poll_and_drop(client.delete("/none").recursive().send(), times).await;
        poll_and_drop(client.reads().get("/a").send(), times).await;
        soon(client.get("/a/b")).await.unwrap();
    }
    world.metric_becomes("watch_count", 0.0).await;
}

#[tokio::test]
async fn what_is_dropped_in_between_breaks_no_order() {
    let world = World::start().await;
    let client = world.client().await;
    client.create("/s").await.unwrap();
    let mut kept = Vec::new();
    for number in 0..2000_u32 {
        let data = number.to_be_bytes().to_vec();
        let pending = client.create("/s/n-").data(data).sequential().send();
        match number % 4 {
            0 => drop(pending),
            1 => poll_and_drop(pending, 1).await,
            _ => kept.push(pending),
        }
    }
    let mut last = String::new();
    for pending in kept {
        let made = soon(pending).await.unwrap();
        assert!(made.path > last, "{} behind {last}", made.path);
        last = made.path;
    }
    // Those that were dropped too, as far as they were done.
    let mut names = client.children("/s").await.unwrap().names;
    names.sort();
    let reads: Vec<_> = names.iter().map(|name| client.get(format!("/s/{name}")).send()).collect();
    let mut numbers = Vec::new();
    for read in reads {
        let data = soon(read).await.unwrap().data;
        numbers.push(u32::from_be_bytes(data[..].try_into().unwrap()));
    }
    assert!(numbers.len() >= 1000 && numbers.is_sorted_by(|one, next| one < next), "{numbers:?}");
}

#[tokio::test]
async fn request_that_waits_for_a_connection_is_not_sent_when_dropped() {
    let world = World::start().await;
    let (client, wire) = world.wired().await;
    wire.take_down();
    let mut states = client.states();
    while soon(states.next()).await.unwrap().is_connected() {}
    let (dropped, kept) = (client.create("/dropped").send(), client.create("/kept").send());
    drop(dropped);
    wire.bring_up();
    soon(kept).await.unwrap();
    assert_eq!(client.exists("/dropped").await.unwrap(), None);
}

#[tokio::test]
async fn dropped_watches_are_removed_from_the_server() {
    let world = World::start().await;
    let client = world.client().await;
    client.create("/a").await.unwrap();
    let (_, data) = client.get("/a").watch().await.unwrap();
    let (_, children) = client.children("/a").watch().await.unwrap();
    let (_, none) = client.exists("/none").watch().await.unwrap();
    let recursive = client.watch("/r").recursive().await.unwrap();
    // One for each path and kind.
    world.metric_becomes("watch_count", 4.0).await;
    drop((data, none));
    world.metric_becomes("watch_count", 3.0).await;
    drop(recursive);
    world.metric_becomes("watch_count", 2.0).await;
    drop(children);
    world.metric_becomes("watch_count", 0.0).await;
}

#[tokio::test]
async fn session_ends_with_the_last_clone_behind_what_was_asked_for() {
    let world = World::start().await;
    let (client, other) = (world.client().await, world.client().await);
    client.create("/e").ephemeral().await.unwrap();
    let (_, gone) = other.exists("/e").watch().await.unwrap();
    let pending = client.clone().create("/p").send();
    let mut states = client.states();
    drop(client);
    soon(pending).await.unwrap();
    soon(gone).await.unwrap();
    assert_eq!(other.exists("/e").await.unwrap(), None);
    while soon(states.next()).await.is_some() {}
    drop(other);
    world.metric_becomes("global_sessions", 0.0).await;
}

#[tokio::test]
async fn connecting_may_be_dropped_at_any_point() {
    let world = World::start().await;
    for times in 0..30 {
        let mut connecting = Box::pin(world.builder().connect());
        for _ in 0..times {
            let polled = poll_fn(|cx| Poll::Ready(connecting.as_mut().poll(cx))).await;
            if polled.is_ready() {
                break;
            }
            tokio::time::sleep(Duration::from_micros(200)).await;
        }
    }
    // Sessions live for 30 s unless they are closed.
    world.metric_becomes("global_sessions", 0.0).await;
}

#[test]
fn nobody_waits_for_a_runtime_that_is_gone() {
    let serving = tokio::runtime::Runtime::new().unwrap();
    let world = serving.block_on(World::start());
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let (client, read, mut watch) = runtime.block_on(async {
        let (client, wire) = world.wired().await;
        let watch = client.watch("/").await.unwrap();
        wire.mute();
        let read = client.get("/").send();
        (client, read, watch)
    });
    runtime.shutdown_timeout(Duration::from_secs(5));
    serving.block_on(async {
        let Err(Error::Request { failure, .. }) = soon(read).await else { panic!() };
        let causes = [Failure::Unanswered(Cause::Closed), Failure::NotSent(Cause::Closed)];
        assert!(causes.contains(&failure), "{failure}");
        assert_eq!(soon(watch.next()).await, None);
        let late = soon(client.get("/")).await.unwrap_err();
        assert_eq!(late.verdict(), Verdict::Never);
        soon(client.close()).await.unwrap();
        assert!(soon(client.authenticate("digest", "a:b")).await.is_err());
    });
    drop(client);
    serving.block_on(async move { drop(world) });
}

#[tokio::test]
async fn operations_of_a_spawned_task_need_no_client_around() {
    let world = World::start().await;
    let client = world.client().await;
    let pending = |client: Client| client.create("/a".to_owned()).send();
    let made = tokio::spawn(pending(client.clone()));
    assert_eq!(soon(made).await.unwrap().unwrap().path, "/a");
}
