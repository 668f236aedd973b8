//! Sessions over broken connections, and their ends.

use crate::world::{World, soon};
use std::time::Duration;
use tokio::time::Instant;
use zoarium_client::connector::HostPort;
use zoarium_client::{
    Cause, Client, ConnectError, Error, Failure, Fault, Generation, State, States, Verdict, retry,
};

/// A session's timeout, where its end is waited for; longer than a busy machine keeps a client from
/// its pings.
const SHORT: Duration = Duration::from_millis(1500);

async fn next(states: &mut States) -> State {
    soon(states.next()).await.unwrap()
}

#[tokio::test]
async fn session_survives_its_connection() {
    let world = World::start().await;
    let (client, wire) = world.wired().await;
    let session = client.session_id();
    client.create("/e").ephemeral().await.unwrap();
    let mut states = client.states();
    assert!(next(&mut states).await.is_connected());
    wire.cut();
    let suspended = next(&mut states).await;
    assert!(matches!(suspended, State::Suspended { why: Fault::Closed, .. }), "{suspended:?}");
    let State::Connected(again) = next(&mut states).await else { panic!() };
    assert_eq!((Some(again.session), again.generation), (session, Generation(1)));
    assert!(client.exists("/e").await.unwrap().is_some());
    assert_eq!(wire.connections(), 2);
}

#[tokio::test]
async fn session_survives_its_server() {
    let mut world = World::start().await;
    let client = world.client().await;
    client.create("/e").ephemeral().await.unwrap();
    world.restart().await;
    let later = client.create("/later").send();
    // What was made before the client has noticed may be told to be lost.
    match soon(later).await {
        Ok(_) => {}
        Err(error) => assert_ne!(error.verdict(), Verdict::Never, "{error}"),
    }
    assert!(soon(client.exists("/e").send()).await.unwrap().is_some());
    assert_eq!(client.generation(), Generation(1));
}

#[tokio::test]
async fn silent_network_is_noticed_before_the_session_ends() {
    let world = World::start().await;
    let wire = crate::world::Wire::default();
    let builder = world.builder().connector(wire.clone()).session_timeout(Duration::from_secs(3));
    let client = builder.connect().await.unwrap();
    let session = client.session_id();
    let mut states = client.states();
    next(&mut states).await;
    let read = client.get("/").send();
    soon(read).await.unwrap();
    wire.mute();
    let suspended = next(&mut states).await;
    assert!(matches!(suspended, State::Suspended { why: Fault::Silent(_), .. }), "{suspended:?}");
    wire.bring_up();
    assert!(next(&mut states).await.is_connected());
    assert_eq!(client.session_id(), session);
}

#[tokio::test]
async fn lost_session_is_followed_by_another_one() {
    let world = World::start().await;
    let wire = crate::world::Wire::default();
    let builder = world.builder().connector(wire.clone()).session_timeout(SHORT);
    let client = builder.connect().await.unwrap();
    client.create("/e").ephemeral().await.unwrap();
    let mut states = client.states();
    next(&mut states).await;
    wire.take_down();
    let State::Suspended { until, .. } = next(&mut states).await else { panic!() };
    assert!(until <= Instant::now() + SHORT);
    let waiting = client.create("/waiting").send();
    let State::Lost { generation, .. } = next(&mut states).await else { panic!() };
    assert_eq!(generation, Generation(1));
    assert!(Instant::now() >= until);
    let error = soon(waiting).await.unwrap_err();
    assert!(error.is_session_lost());
    assert_eq!(error.verdict(), Verdict::Retry);
    wire.bring_up();
    let State::Connected(connected) = next(&mut states).await else { panic!() };
    assert_eq!(connected.generation, Generation(2));
    while client.exists("/e").await.unwrap().is_some() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn client_may_end_with_its_session() {
    let world = World::start().await;
    let wire = crate::world::Wire::default();
    let builder = world.builder().connector(wire.clone()).session_timeout(SHORT);
    let client = builder.ends_with_session().connect().await.unwrap();
    let mut states = client.states();
    wire.take_down();
    let mut last = State::Connecting;
    while let Some(state) = soon(states.next()).await {
        last = state;
    }
    assert_eq!(last, State::Closed);
    let failed = soon(client.get("/")).await;
    let closed = Failure::NotSent(Cause::Closed);
    assert!(matches!(failed, Err(Error::Request { failure, .. }) if failure == closed));
}

#[tokio::test]
async fn close_takes_the_ephemerals_along() {
    let world = World::start().await;
    let (client, other) = (world.client().await, world.client().await);
    client.create("/e").ephemeral().await.unwrap();
    soon(client.close()).await.unwrap();
    assert_eq!(other.exists("/e").await.unwrap(), None);
    assert_eq!(client.state(), State::Closed);
    soon(client.close()).await.unwrap();
    assert_eq!(soon(client.get("/")).await.unwrap_err().verdict(), Verdict::Never);
    assert_eq!((client.session_id(), client.alive_until().is_some()), (None, false));
}

#[tokio::test]
async fn close_without_a_server_gives_up_after_a_while() {
    let world = World::start().await;
    let (client, wire) = world.wired().await;
    wire.take_down();
    let start = Instant::now();
    let error = soon(client.close()).await.unwrap_err();
    assert_eq!(error.verdict(), Verdict::Unknown);
    assert!(start.elapsed() >= Duration::from_millis(900));
}

#[tokio::test]
async fn detached_session_is_taken_up_elsewhere() {
    let world = World::start().await;
    let client = world.client().await;
    client.create("/e").ephemeral().await.unwrap();
    let credentials = client.detach().unwrap();
    assert!(!format!("{credentials:?}").contains("["), "{credentials:?}");
    let mut states = client.states();
    while soon(states.next()).await.is_some() {}
    let client = world.builder().resume(credentials).connect().await.unwrap();
    assert_eq!(client.session_id(), Some(credentials.session));
    let stat = client.exists("/e").await.unwrap().unwrap();
    assert_eq!(stat.ephemeral_owner, credentials.session);
    // Once it is over, there is nothing to take up.
    client.close().await.unwrap();
    let over = world.builder().resume(credentials).ends_with_session().connect().await;
    assert!(matches!(over, Err(ConnectError::SessionLost)));
}

#[tokio::test]
async fn connecting_in_vain_ends_in_time() {
    let builder = Client::builder("127.0.0.1:1").connect_timeout(Duration::from_millis(50));
    let error = soon(builder.connect()).await.unwrap_err();
    assert!(matches!(error, ConnectError::Unreachable { .. }), "{error}");
    assert!(error.to_string().contains("127.0.0.1:1: "), "{error}");
    let world = World::start().await;
    let refused = world.builder().auth("nonsense", "x").connect().await;
    match refused {
        Err(ConnectError::AuthFailed) => {}
        // The session comes before the answer.
        Ok(client) => {
            let mut states = client.states();
            while !matches!(next(&mut states).await, State::AuthFailed) {}
        }
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn client_outside_of_a_runtime_is_refused() {
    assert!(matches!(Client::builder("a").start(), Err(ConnectError::NoRuntime(_))));
}

#[tokio::test]
async fn reads_are_tried_again_where_that_is_wanted() {
    let world = World::start().await;
    let wire = crate::world::Wire::default();
    let policy = retry::Fixed { delay: Duration::from_millis(1), retries_max: 10 };
    let client = world.builder().connector(wire.clone()).retry(policy).connect().await.unwrap();
    for bytes in 0..40 {
        wire.cut_after(bytes);
        soon(client.get("/")).await.unwrap();
    }
    // A write may have been done.
    wire.cut_after(0);
    assert!(soon(client.create("/a")).await.unwrap_err().may_be_done());
    let never = soon(client.get("/none")).await.unwrap_err();
    assert!(never.is_no_node());
}

#[tokio::test]
async fn client_follows_the_list_of_servers() {
    let (old, new) = (World::start().await, World::start().await);
    let client = old.builder().session_timeout(SHORT).connect().await.unwrap();
    client.create("/old").await.unwrap();
    let mut states = client.states();
    next(&mut states).await;
    let address: std::net::SocketAddr = new.address().parse().unwrap();
    let server = HostPort { host: address.ip().to_string(), port: address.port() };
    client.set_servers(vec![server.clone()]);
    // The new server is behind what the session has seen, so it takes another session.
    let moved = loop {
        if let State::Connected(connected) = next(&mut states).await {
            break connected;
        }
    };
    assert_eq!(moved.server, server);
    assert_eq!(client.exists("/old").await.unwrap(), None);
}

#[tokio::test]
async fn client_that_follows_the_ensemble_is_not_moved_by_a_server_that_says_nothing() {
    let world = World::start().await;
    let client = world.builder().follows_ensemble().connect().await.unwrap();
    let mut states = client.states();
    next(&mut states).await;
    // A persistent watch counts for data and for children.
    world.metric_becomes("watch_count", 2.0).await;
    soon(client.sync()).await.unwrap();
    soon(client.close()).await.unwrap();
    assert_eq!(next(&mut states).await, State::Closed);
}

#[tokio::test]
async fn what_is_for_a_lost_session_is_never_sent_in_another_one() {
    let world = World::start().await;
    let wire = crate::world::Wire::default();
    let builder = world.builder().connector(wire.clone()).session_timeout(SHORT);
    let client = builder.retry(retry::Exponential::default()).connect().await.unwrap();
    client.create("/a").await.unwrap();
    let lost = client.session_id().unwrap();
    let mut states = client.states();
    next(&mut states).await;
    wire.take_down();
    assert!(matches!(next(&mut states).await, State::Suspended { .. }));
    let waiting = client.set("/a", b"x").in_session(lost).send();
    assert!(matches!(next(&mut states).await, State::Lost { .. }));
    let late = client.delete("/a").in_session(lost).send();
    wire.bring_up();
    for error in [soon(waiting).await.unwrap_err(), soon(late).await.unwrap_err()] {
        let Error::Request { failure, .. } = &error else { panic!("{error}") };
        assert_eq!(*failure, Failure::NotSent(Cause::OtherSession));
        assert!(error.is_session_lost() && error.verdict() == Verdict::Never);
    }
    assert_eq!(client.get("/a").await.unwrap().data, "");
    let present = client.session_id().unwrap();
    assert_ne!(present, lost);
    client.set("/a", b"y").in_session(present).await.unwrap();
    client.delete("/a").version(1).in_session(present).await.unwrap();
}
