//! Clients that read late, slowly or never.

use crate::client::{Client, Frame, Raw};
use crate::requests::{EPHEMERAL, create, get_children, get_data, multi, set_data, watch_below};
use crate::world::{World, resident_bytes, until};
use std::io::{ErrorKind, Read, Write};
use std::time::Duration;
use zoarium_proto::{OpCode, SessionId};

/// What the other tests of this process may take meanwhile, and this one's own buffers.
const NOISE_BYTES: u64 = 250 << 20;

/// Writes until the server takes no more; the result is how many bytes it took.
fn flood(raw: &mut Raw, bytes: &[u8]) -> usize {
    raw.stream.set_write_timeout(Some(Duration::from_millis(500))).unwrap();
    let mut taken = 0;
    while taken < bytes.len() {
        match raw.stream.write(&bytes[taken..]) {
            Ok(count) => taken += count,
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                break;
            }
            Err(error) => panic!("{error}"),
        }
    }
    taken
}

#[test]
fn replies_that_nobody_reads_do_not_pile_up() {
    let world = World::start("");
    let mut client = world.client();
    client.call(create("/long", &vec![7; 1_000_000], 0)).ok();
    let many: Vec<_> = (0..2000).map(|n| create(&format!("/long/{n:0400}"), b"", 0)).collect();
    client.call(multi(OpCode::Multi, &many)).ok();
    let before = resident_bytes();
    let mut greedy = world.client();
    let pair = |client: &mut Client| {
        let data = client.number(get_data("/long", false)).1;
        [data, client.number(get_children("/long")).1].concat()
    };
    // 40 GB of replies.
    let requests: Vec<u8> = (0..20_000).flat_map(|_| pair(&mut greedy)).collect();
    let taken = flood(&mut greedy.raw, &requests);
    let grown = resident_bytes().saturating_sub(before);
    println!("{taken} of {} bytes of requests taken, {} MiB", requests.len(), grown >> 20);
    assert!(grown < NOISE_BYTES, "{grown} bytes");
    client.ping();
    assert_eq!(client.call(get_data("/long", false)).data().len(), 1_000_000);
}

#[test]
fn client_that_reads_byte_by_byte_gets_everything() {
    let world = World::start("");
    let mut client = world.client();
    let data: Vec<u8> = (0..50_000_u32).map(|n| n.to_le_bytes()[n as usize % 3]).collect();
    client.call(create("/data", &data, 0)).ok();
    let frame = client.number(get_data("/data", false)).1;
    client.raw.write(&[&frame[..], &frame[..]].concat());
    let mut length = 0;
    for _ in 0..2 {
        let mut bytes = Vec::new();
        let mut byte = [0];
        while bytes.len() < 4 || bytes.len() < 4 + length {
            client.raw.stream.read_exact(&mut byte).unwrap();
            bytes.push(byte[0]);
            if bytes.len() == 4 {
                length = u32::from_be_bytes(bytes[..4].try_into().unwrap()) as usize;
            }
        }
        assert_eq!(bytes[24..24 + data.len()], data);
    }
}

/// All of the replies are built at once when the write before them is durable.
#[test]
fn long_replies_behind_a_write_all_come() {
    let world = World::start("");
    let mut client = world.client();
    client.call(create("/long", &vec![7; 1_000_000], 0)).ok();
    let mut requests = client.number(create("/before", b"", 0)).1;
    for _ in 0..40 {
        requests.extend(client.number(get_data("/long", false)).1);
    }
    client.raw.write(&requests);
    client.reply().ok();
    for _ in 0..40 {
        assert_eq!(client.reply().data().len(), 1_000_000);
    }
}

/// Multis that change a hundred znodes with long paths each: 100 KB of events by one write.
fn loud_znodes(client: &mut Client) -> Vec<crate::client::Request> {
    let paths: Vec<_> = (0..100).map(|n| format!("/loud/{n:01000}")).collect();
    client.call(create("/loud", b"", 0)).ok();
    for path in &paths {
        client.call(create(path, b"", 0)).ok();
    }
    paths.iter().map(|path| set_data(path, b"x")).collect()
}

#[test]
fn client_that_does_not_read_its_events_is_cut_off_and_may_come_back() {
    let world = World::start("");
    let mut writer = world.client();
    let changes = loud_znodes(&mut writer);
    let mut deaf = Client::connect(world.address, 40_000);
    deaf.call(watch_below("/loud")).ok();
    let before = resident_bytes();
    let mut rounds = 0;
    // The connection's buffers in the kernel hold several megabytes as well.
    while world.metric("zk_num_alive_connections") == 3 {
        rounds += 1;
        assert!(rounds < 1000, "100 MB of events wait for a client that does not read");
        writer.call(multi(OpCode::Multi, &changes)).ok();
    }
    let grown = resident_bytes().saturating_sub(before);
    println!("cut off after {rounds} rounds of 100 KB of events, {} MiB", grown >> 20);
    assert!(grown < NOISE_BYTES, "{grown} bytes");
    let mut again = Client::resume(world.address, &deaf);
    assert_eq!(again.session, deaf.session);
    assert_ne!(again.session, SessionId::NONE);
    assert_eq!(again.call(get_data("/loud", false)).data(), b"");
    assert_eq!(again.events, []);
    // What it had been sent until then is still there to read, up to the cut.
    deaf.raw.expect_close();
}

#[test]
fn client_that_reads_late_but_in_time_gets_every_event() {
    let world = World::start("");
    let mut writer = world.client();
    let changes = loud_znodes(&mut writer);
    let mut late = Client::connect(world.address, 40_000);
    late.call(watch_below("/loud")).ok();
    for _ in 0..120 {
        writer.call(multi(OpCode::Multi, &changes)).ok();
    }
    let ping = crate::client::ping();
    late.raw.write(&ping);
    let mut events = 0;
    while let Frame::Event(..) = late.next().expect("cut off") {
        events += 1;
    }
    assert_eq!(events, 120 * 100);
}

#[test]
fn answer_to_a_four_letter_word_waits_for_its_reader_only_so_long() {
    let world = World::start("nio.sessionlessCnxnTimeout=300");
    let mut writer = world.client();
    // 12 MB, more than sockets hold.
    let children: Vec<_> =
        (0..12_000).map(|n| create(&format!("/{n:01000}"), b"", EPHEMERAL)).collect();
    for part in children.chunks(500) {
        writer.call(multi(OpCode::Multi, part)).ok();
    }
    let mut many: Vec<Raw> = (0..4).map(|_| world.raw()).collect();
    for raw in &mut many {
        raw.write(b"dump");
    }
    until("all but one connection closed", || world.metric("zk_num_alive_connections") == 2);
}
