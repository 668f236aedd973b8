//! The order that is promised.

use crate::world::{World, soon};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_leave_in_the_order_in_which_they_were_made() {
    let world = World::start().await;
    let client = world.client().await;
    let other = client.clone();
    let mut pending: Vec<_> = (0..500)
        .map(|number| {
            let client = if number % 2 == 0 { &client } else { &other };
            client.create("/n-").data(number.to_string().into_bytes()).sequential().send()
        })
        .collect();
    let mut counters = vec![];
    while let Some(last) = pending.pop() {
        counters.push(soon(last).await.unwrap().path);
    }
    counters.reverse();
    for (number, path) in counters.iter().enumerate() {
        assert_eq!(*path, format!("/n-{number:010}"));
        assert_eq!(client.get(path).await.unwrap().data, number.to_string());
    }
}

#[tokio::test]
async fn read_sees_the_writes_made_before_it() {
    let world = World::start().await;
    let client = world.client().await;
    let made = client.create("/a").send();
    for number in 0..200_u32 {
        let set = client.set("/a", number.to_be_bytes().to_vec()).send();
        let read = client.get("/a").send();
        let next = client.set("/a", b"later").send();
        assert_eq!(soon(read).await.unwrap().data[..], number.to_be_bytes());
        drop((set, next));
    }
    soon(made).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_beyond_the_limit_wait_for_their_turn() {
    let world = World::start().await;
    let client = world.builder().requests_max(3).connect().await.unwrap();
    client.create("/a").await.unwrap();
    let done = Arc::new(AtomicUsize::new(0));
    let tasks: Vec<_> = (0..300)
        .map(|number| {
            let (client, done) = (client.clone(), Arc::clone(&done));
            tokio::spawn(async move {
                // Some give up: at once, or when their request may be anywhere.
                if number % 3 == 0 {
                    drop(client.set("/a", b"x").send());
                } else if number % 3 == 1 {
                    let set = client.set("/a", b"x").send();
                    tokio::select! {
                        biased;
                        () = tokio::task::yield_now() => {}
                        _ = set => {}
                    }
                } else {
                    soon(client.set("/a", b"x")).await.unwrap();
                    done.fetch_add(1, SeqCst);
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(done.load(SeqCst), 100);
    soon(client.get("/a")).await.unwrap();
}

#[tokio::test]
async fn requests_beyond_the_limit_need_nobody_who_polls_them() {
    let world = World::start().await;
    let client = world.client().await;
    client.create("/a").await.unwrap();
    let mut sets: Vec<_> = (0..3500).map(|_| client.set("/a", b"x").send()).collect();
    let last = soon(sets.pop().unwrap()).await.unwrap();
    assert_eq!(last.version, 3500);
    // Their answers have been there for long.
    for (set, version) in sets.into_iter().zip(1..) {
        assert_eq!(set.await.unwrap().version, version);
    }
}

#[tokio::test]
async fn those_who_wait_for_their_turn_learn_that_the_client_is_closed() {
    let world = World::start().await;
    let (client, wire) = world.wired().await;
    let client = client.chroot("/").unwrap();
    wire.take_down();
    let pending: Vec<_> = (0..1100).map(|_| client.get("/").send()).collect();
    client.detach();
    for read in pending {
        assert!(soon(read).await.is_err());
    }
}
