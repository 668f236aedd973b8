//! Creates and deletes that are seen through over broken connections.

use crate::world::{Wire, World, soon};
use std::future::poll_fn;
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;
use zoarium_client::{Client, State, Verdict, protected::unmarked};

/// What is in `/lock`. The wire may be cut in the answer.
async fn names(client: &Client) -> Vec<String> {
    loop {
        match client.children("/lock").await {
            Ok(children) => return children.names,
            Err(error) => assert_eq!(error.verdict(), Verdict::Retry),
        }
    }
}

#[tokio::test]
async fn protected_create_makes_one_znode_wherever_the_wire_is_cut() {
    let world = World::start().await;
    let (client, wire) = world.wired().await;
    client.create("/lock").await.unwrap();
    // The answer to a create is about 150 bytes long.
    for bytes in (0..160).step_by(9) {
        wire.cut_after(bytes);
        let create = client.create("/lock/x-").ephemeral().sequential().protected();
        let made = soon(create).await.unwrap();
        let name = made.path.strip_prefix("/lock/").unwrap();
        assert!(unmarked(name).starts_with("x-0000"), "{name}");
        assert_eq!(names(&client).await, [name], "{bytes}");
        assert_eq!(client.exists(&made.path).await.unwrap(), Some(made.stat));
        client.delete(made.path).await.unwrap();
    }
}

#[tokio::test]
async fn protected_create_finds_its_parents_made() {
    let world = World::start().await;
    let (client, wire) = world.wired().await;
    for bytes in [0, 20, 70, 200] {
        wire.cut_after(bytes);
        let create = client.create(format!("/lock/{bytes}/x-")).sequential().protected();
        let made = soon(create.container_parents()).await.unwrap();
        assert_eq!(client.children(format!("/lock/{bytes}")).await.unwrap().names.len(), 1);
        assert!(made.path.starts_with(&format!("/lock/{bytes}/_c_")));
    }
}

#[tokio::test]
async fn znode_of_a_lost_session_is_not_taken_for_ones_own() {
    let world = World::start().await;
    let wire = Wire::default();
    let timeout = Duration::from_millis(300);
    let builder = world.builder().connector(wire.clone()).session_timeout(timeout);
    // Whose session is long enough for a busy machine.
    world.client().await.create("/lock").await.unwrap();
    let client = builder.connect().await.unwrap();
    let mut states = client.states();
    // The request gets through, its answer does not, and the session is lost.
    wire.mute();
    let create = client.create("/lock/x-").ephemeral().sequential().protected().send();
    let create = tokio::spawn(create);
    tokio::time::sleep(Duration::from_millis(20)).await;
    wire.take_down();
    while !matches!(soon(states.next()).await, Some(State::Lost { .. })) {}
    wire.bring_up();
    let made = soon(create).await.unwrap().unwrap();
    assert_eq!(Some(made.stat.ephemeral_owner), client.session_id());
    let wait = async {
        while names(&client).await.len() != 1 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    soon(Box::pin(wait)).await;
    assert_eq!(client.exists(&made.path).await.unwrap(), Some(made.stat));
}

#[tokio::test]
async fn dropped_protected_create_leaves_nothing() {
    let world = World::start().await;
    let (client, wire) = world.wired().await;
    client.create("/lock").await.unwrap();
    for times in 0..40_usize {
        if times % 4 == 3 {
            wire.cut_after(times);
        }
        let mut create = client.create("/lock/x-").sequential().protected().send();
        for _ in 0..times {
            let polled = poll_fn(|cx| Poll::Ready(Pin::new(&mut create).poll(cx))).await;
            if let Poll::Ready(made) = polled {
                client.delete(made.unwrap().path).if_exists().await.ok();
                break;
            }
            tokio::task::yield_now().await;
        }
        drop(create);
    }
    wire.bring_up();
    let wait = async {
        loop {
            tokio::time::sleep(Duration::from_millis(20)).await;
            let left = client.children("/lock").await;
            if left.is_ok_and(|left| left.names.is_empty()) {
                break;
            }
        }
    };
    soon(Box::pin(wait)).await;
}

#[tokio::test]
async fn guaranteed_delete_is_done_even_if_nobody_waits() {
    let world = World::start().await;
    let (client, wire) = world.wired().await;
    let other = world.client().await;
    for drops in [false, true] {
        client.create("/a").await.unwrap();
        let (_, gone) = other.exists("/a").watch().await.unwrap();
        wire.take_down();
        let mut states = client.states();
        while soon(states.next()).await.unwrap().is_connected() {}
        let delete = client.delete("/a").guaranteed().send();
        if drops {
            drop(delete);
        } else {
            tokio::spawn(delete);
        }
        wire.bring_up();
        soon(gone).await.unwrap();
        while !client.state().is_connected() {
            tokio::task::yield_now().await;
        }
    }
}
