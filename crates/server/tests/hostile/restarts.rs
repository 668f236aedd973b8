//! What is there after the server was stopped and started again.

use crate::client::{Client, Frame, code};
use crate::requests::{EPHEMERAL, create, delete, exists, get_children, get_data, set_data};
use crate::world::World;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};
use zoarium_proto::ErrorCode;

/// Every znode with its reply to getData: data and stat.
pub(crate) fn whole_tree(client: &mut Client) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut open = vec!["/".to_owned()];
    while let Some(path) = open.pop() {
        let parent = path.trim_end_matches('/').to_owned();
        let names = client.call(get_children(&path)).names();
        open.extend(names.iter().map(|name| format!("{parent}/{name}")));
        found.insert(path.clone(), client.call(get_data(&path, false)).ok());
    }
    found
}

#[test]
fn sessions_and_ephemerals_live_on() {
    let mut world = World::start("");
    let mut client = world.client();
    client.call(create("/e", b"mine", EPHEMERAL)).ok();
    let before = whole_tree(&mut client);
    world.restart();
    client.raw.expect_close();
    let mut client = Client::resume(world.address, &client);
    assert_eq!(whole_tree(&mut client), before);
    client.call(crate::requests::close_session()).ok();
    assert_ne!(world.client().call(exists("/e", false)).error, 0);
}

#[test]
fn session_that_nobody_resumes_expires_after_the_restart() {
    let mut world = World::start("tickTime=100\nminSessionTimeout=100");
    let mut client = Client::connect(world.address, 500);
    client.call(create("/e", b"", EPHEMERAL)).ok();
    world.restart();
    let mut watcher = world.client();
    crate::world::until("the ephemeral is gone", || {
        watcher.call(exists("/e", false)).error == code(ErrorCode::NoNode)
    });
}

/// Clients write until the server is gone. What was acknowledged is there afterwards.
#[test]
fn everything_acknowledged_before_a_stop_is_there_after_it() {
    let mut world = World::start("");
    for round in 0..3 {
        let stopping = AtomicBool::new(false);
        let address = world.address;
        let acknowledged: Vec<String> = std::thread::scope(|scope| {
            let writers: Vec<_> = (0..4)
                .map(|writer| {
                    let stopping = &stopping;
                    scope.spawn(move || write_until_closed(address, round, writer, stopping))
                })
                .collect();
            let mut reader = world.client();
            let last = format!("/{round}-3-50");
            crate::world::until("some writes", || reader.call(exists(&last, false)).error == 0);
            stopping.store(true, Relaxed);
            world.stop();
            writers.into_iter().flat_map(|writer| writer.join().unwrap()).collect()
        });
        world.restart();
        let mut client = world.client();
        println!("{} writes acknowledged", acknowledged.len());
        for path in &acknowledged {
            assert_eq!(client.call(exists(path, false)).error, 0, "{path} is lost");
        }
    }
}

/// Eight creates are on the way at a time.
fn write_until_closed(
    address: std::net::SocketAddr,
    round: usize,
    writer: usize,
    stopping: &AtomicBool,
) -> Vec<String> {
    let mut client = Client::connect(address, 30_000);
    let path = |number| format!("/{round}-{writer}-{number}");
    let mut acknowledged = Vec::new();
    for number in 0..8 {
        client.send(create(&path(number), b"", 0));
    }
    for number in 0.. {
        match client.next() {
            Some(Frame::Reply(reply)) => drop(reply.ok()),
            Some(Frame::Event(..)) => panic!("nothing is watched"),
            None => break,
        }
        acknowledged.push(path(number));
        let frame = client.number(create(&path(number + 8), b"", 0)).1;
        client.raw.write_to_the_deaf(&frame);
    }
    assert!(stopping.load(Relaxed), "closed before the stop");
    acknowledged
}

/// A snapshot every hundred writes or so, and a new log with each.
#[test]
fn snapshots_under_load_hold_writes_up_for_moments_only_and_lose_nothing() {
    const WRITES: u32 = 6000;
    let mut world = World::start("snapCount=100\nforceSync=no\nautopurge.purgeInterval=1");
    let mut client = world.client();
    client.call(create("/d", b"", 0)).ok();
    let mut slow = Vec::new();
    for number in 0..WRITES / 3 {
        let path = format!("/d/{number}");
        let requests = [
            create(&path, &vec![b'.'; number as usize % 2000], 0),
            set_data("/d", &number.to_be_bytes()),
            if number % 3 == 2 {
                delete(&format!("/d/{}", number - 1))
            } else {
                set_data(&path, b"new")
            },
        ];
        for request in requests {
            let began = Instant::now();
            client.call(request).ok();
            let took = began.elapsed();
            slow.extend((took > Duration::from_secs(2)).then_some(took));
        }
    }
    let snapshots = std::fs::read_dir(world.dir().join("version-2")).unwrap();
    let names = snapshots.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let snapshots = names.filter(|name| name.starts_with("snapshot.")).count();
    println!("slow writes: {slow:?}, {snapshots} snapshots kept");
    assert!(snapshots >= 1);
    // A busy machine may be away for as long, but not each time that a snapshot is taken.
    assert!(slow.len() < 6, "{slow:?}");
    let before = whole_tree(&mut client);
    world.restart();
    let mut client = Client::resume(world.address, &client);
    assert_eq!(whole_tree(&mut client), before);
}
