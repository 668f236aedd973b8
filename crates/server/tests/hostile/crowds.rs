//! Many connections.

use crate::client::{Client, Raw};
use crate::requests::{EPHEMERAL, close_session, create, get_children, get_data, set_data};
use crate::world::{World, resident_bytes, until};
use std::time::Instant;

#[test]
fn one_address_has_so_many_connections() {
    let world = World::start("maxClientCnxns=3");
    let mut clients: Vec<Client> = (0..3).map(|_| world.client()).collect();
    for _ in 0..5 {
        assert_eq!(world.raw().frame(), None, "a fourth connection");
    }
    clients.iter_mut().for_each(Client::ping);
    let mut leaving = clients.pop().unwrap();
    leaving.call(close_session()).ok();
    leaving.raw.expect_close();
    until("room for a third connection again", || {
        let mut raw = world.raw();
        raw.write_to_the_deaf(b"ruok");
        raw.text() == "imok"
    });
}

#[test]
fn all_addresses_together_have_so_many_connections() {
    let world = World::start("maxClientCnxns=0\nmaxCnxns=5");
    let mut clients: Vec<Client> = (0..5).map(|_| world.client()).collect();
    assert_eq!(world.raw().frame(), None, "a sixth connection");
    clients.iter_mut().for_each(Client::ping);
}

#[test]
fn thousands_of_sessions_connect_ping_and_close() {
    const SESSIONS: usize = 3000;
    let world = World::start("maxClientCnxns=0\nclientPortListenBacklog=1000");
    world.client().ping();
    let before = resident_bytes();
    let began = Instant::now();
    let mut clients: Vec<Client> = (0..SESSIONS / 100)
        .flat_map(|_| {
            let handshake =
                crate::client::handshake(zoarium_proto::SessionId::NONE, &[0; 16], 40_000);
            let hundred: Vec<Raw> = (0..100)
                .map(|_| {
                    let mut raw = world.raw();
                    raw.write(&handshake);
                    raw
                })
                .collect();
            hundred.into_iter().map(|raw| Client::from_answered(raw).unwrap())
        })
        .collect();
    let connected = began.elapsed();
    let each = resident_bytes().saturating_sub(before) / SESSIONS as u64;
    println!(
        "{SESSIONS} sessions in {connected:?}; {each} bytes of memory each, of which 4096 and more \
         are the test's"
    );
    assert!(each < 40_000, "{each} bytes for an idle session");
    for client in &mut clients {
        client.raw.write(&crate::client::ping());
    }
    for client in &mut clients {
        assert_eq!(client.reply().error, 0);
    }
    let requests: Vec<i32> =
        clients.iter_mut().map(|client| client.send(close_session())).collect();
    for (client, xid) in clients.iter_mut().zip(requests) {
        assert_eq!(client.reply().xid, xid);
    }
    world.wait_for_connections(0);
    assert_eq!(world.metric("zk_global_sessions"), 1);
}

/// Watches among them that are set by reads which the peer loop answers when their connection may
/// be gone already.
#[test]
fn clients_that_vanish_with_requests_on_the_way_leave_nothing_behind() {
    let world = World::start("maxClientCnxns=0\ntickTime=100\nminSessionTimeout=100");
    for _ in 0..5 {
        let mut clients: Vec<Client> =
            (0..40).map(|_| Client::connect(world.address, 300)).collect();
        for (number, client) in clients.iter_mut().enumerate() {
            let path = format!("/{number}");
            let mut requests = client.number(create(&path, b"", EPHEMERAL)).1;
            for _ in 0..20 {
                requests.extend(client.number(set_data(&path, b"x")).1);
                requests.extend(client.number(get_data(&path, true)).1);
            }
            // On a busy machine the first sessions may be over when the last has begun.
            client.raw.write_to_the_deaf(&requests);
        }
    }
    world.wait_for_connections(0);
    for metric in ["zk_outstanding_requests", "zk_watch_count", "zk_global_sessions"] {
        until(metric, || world.metric(metric) == 0);
    }
    assert_eq!(world.client().call(get_children("/")).names(), ["zookeeper"]);
}

/// Many times, as others may go above or below the limit at every moment of a task that is about
/// to sleep.
#[test]
fn few_requests_under_way_at_a_time_are_enough_for_many_clients() {
    for limit in ["0", "1", "7"] {
        let world = World::start(&format!("maxClientCnxns=0\nglobalOutstandingLimit={limit}"));
        all_is_answered(&world, |n| n % 2 == 0);
    }
}

/// The write may be answered at every moment at which its connection takes the reads behind it.
#[test]
fn more_reads_than_may_wait_for_a_write_are_answered() {
    all_is_answered(&World::start("maxClientCnxns=0"), |n| n == 0);
}

/// Has many clients ask at once, again and again. `is_write` tells by its number whether a request
/// of 200 is one. The first is sent by itself.
fn all_is_answered(world: &World, is_write: fn(usize) -> bool) {
    world.client().call(create("/a", b"", 0)).ok();
    let mut clients: Vec<Client> = (0..20).map(|_| world.client()).collect();
    for _ in 0..20 {
        let ask = |client: &mut Client| {
            let request =
                |n| if is_write(n) { set_data("/a", b"x") } else { get_data("/a", false) };
            let (asked, frames): (Vec<i32>, Vec<Vec<u8>>) =
                (0..200).map(|n| client.number(request(n))).unzip();
            let (first, others) = frames.split_at(1);
            client.raw.write(&first.concat());
            client.raw.write(&others.concat());
            asked
        };
        let asked: Vec<Vec<i32>> = clients.iter_mut().map(ask).collect();
        for (client, asked) in clients.iter_mut().zip(asked) {
            for xid in asked {
                assert_eq!(client.reply().xid, xid);
            }
        }
    }
}
