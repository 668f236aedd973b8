//! What one client sees, and when, while it and others write.

use crate::client::{Client, Frame, Request};
use crate::requests::{create, delete, exists, get_children, get_data, multi, set_data};
use crate::world::World;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use zoarium_proto::{OpCode, Reader};

/// A generator of numbers; which, is of no importance.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (self.0 >> 33) % bound
    }
}

#[test]
fn read_shows_the_write_before_it_and_not_the_one_after() {
    let world = World::start("");
    let mut client = world.client();
    client.call(create("/a", b"", 0)).ok();
    let mut dice = Dice(0x5EED);
    for _ in 0..40 {
        let mut bytes = Vec::new();
        let mut expected = Vec::new();
        let mut written = 0_u64;
        for number in 0..100_u64 {
            let write = number == 0 || dice.below(2) == 0;
            let request = if write {
                written = number;
                set_data("/a", &number.to_be_bytes())
            } else {
                get_data("/a", false)
            };
            expected.push((!write).then_some(written));
            bytes.extend(client.number(request).1);
        }
        client.raw.write(&bytes);
        for written in expected {
            let reply = client.reply();
            match written {
                Some(written) => assert_eq!(reply.data(), written.to_be_bytes()),
                None => drop(reply.ok()),
            }
        }
    }
}

/// More of them than may be under way at a time, so that the server stops reading in between.
#[test]
fn reads_behind_a_write_are_all_answered() {
    const READS: usize = 200;
    let world = World::start("forceSync=no");
    let mut client = world.client();
    client.call(create("/a", b"", 0)).ok();
    for round in 0..300_u32 {
        let mut bytes = client.number(set_data("/a", &round.to_be_bytes())).1;
        for _ in 0..READS {
            bytes.extend(client.number(get_data("/a", false)).1);
        }
        client.raw.write(&bytes);
        client.reply().ok();
        for _ in 0..READS {
            assert_eq!(client.reply().data(), round.to_be_bytes());
        }
    }
}

#[test]
fn own_event_comes_before_the_reply_of_its_write() {
    let world = World::start("");
    let mut client = world.client();
    client.call(create("/a", b"", 0)).ok();
    for number in 0..500_u32 {
        client.call(get_data("/a", true)).ok();
        let write = client.number(set_data("/a", &number.to_be_bytes())).1;
        let read = client.number(get_data("/a", false)).1;
        client.raw.write(&[write, read].concat());
        assert!(matches!(client.next(), Some(Frame::Event(..))), "round {number}");
        client.reply().ok();
        assert_eq!(client.reply().data(), number.to_be_bytes());
    }
}

/// A reader watches a znode and reads it again and again. Whenever it sees a new value, it must
/// have had the event of the change before.
#[test]
fn event_of_anothers_write_comes_before_its_effect_can_be_read() {
    const WRITES: u32 = 3000;
    let world = World::start("forceSync=no");
    world.client().call(create("/a", &0_u32.to_be_bytes(), 0)).ok();
    let mut writer = world.client();
    let mut reader = world.client();
    std::thread::scope(|scope| {
        scope.spawn(move || {
            for number in 1..=WRITES {
                writer.call(set_data("/a", &number.to_be_bytes())).ok();
            }
        });
        let mut seen = reader.call(get_data("/a", true)).data();
        let mut changes = 0;
        while seen != WRITES.to_be_bytes() {
            // Two reads on the way at a time, so that an event may fall between them.
            let reads: Vec<u8> =
                (0..2).flat_map(|_| reader.number(get_data("/a", false)).1).collect();
            reader.raw.write(&reads);
            let mut told = !reader.events.is_empty();
            for _ in 0..2 {
                let data = reader.reply().data();
                told |= !reader.events.is_empty();
                assert!(told || data == seen, "{data:?} is seen after {seen:?} without an event");
            }
            if told {
                changes += 1;
                reader.events.clear();
                seen = reader.call(get_data("/a", true)).data();
                // What came while the watch was being set is of the old one.
                assert!(reader.events.is_empty(), "one watch, two events");
            }
        }
        println!("{changes} of {WRITES} changes were watched");
    });
}

/// The pair exists as a whole or not at all.
fn pair_count(client: &mut Client, alone: bool) -> usize {
    if alone {
        return client.call(get_children("/pairs")).names().len();
    }
    let both: Vec<Request> = vec![get_data("/pairs/a", false), get_data("/pairs/b", false)];
    let body = client.call(multi(OpCode::MultiRead, &both)).ok();
    let mut reader = Reader::new(&body);
    let mut found = 0;
    for _ in 0..2 {
        let op = reader.int().unwrap();
        reader.boolean().unwrap();
        reader.int().unwrap();
        if op == OpCode::GetData as i32 {
            found += 1;
            reader.buffer().unwrap();
            // The stat: six longs and five ints.
            (0..6).for_each(|_| assert!(reader.long().is_ok()));
            (0..5).for_each(|_| assert!(reader.int().is_ok()));
        } else {
            reader.int().unwrap();
        }
    }
    found
}

#[test]
fn nobody_reads_half_a_multi() {
    const ROUNDS: usize = 800;
    let world = World::start("forceSync=no");
    world.client().call(create("/pairs", b"", 0)).ok();
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let readers: Vec<_> = [true, false]
            .into_iter()
            .map(|alone| {
                let (mut client, done) = (world.client(), &done);
                scope.spawn(move || {
                    let mut counts = [0_u32; 3];
                    while !done.load(Relaxed) {
                        counts[pair_count(&mut client, alone)] += 1;
                    }
                    counts
                })
            })
            .collect();
        let mut writer = world.client();
        for _ in 0..ROUNDS {
            let both = [create("/pairs/a", b"", 0), create("/pairs/b", b"", 0)];
            writer.call(multi(OpCode::Multi, &both)).ok();
            let both = [delete("/pairs/b"), delete("/pairs/a")];
            writer.call(multi(OpCode::Multi, &both)).ok();
        }
        done.store(true, Relaxed);
        for reader in readers {
            let counts = reader.join().unwrap();
            println!("{counts:?} reads of none, one and both");
            assert_eq!(counts[1], 0);
        }
    });
}

#[test]
fn failed_multi_is_not_seen_at_all() {
    let world = World::start("");
    let mut writer = world.client();
    let mut reader = world.client();
    reader.call(exists("/half", true));
    let parts = [create("/half", b"", 0), delete("/no-such-znode")];
    for _ in 0..100 {
        // As a whole it succeeds; its parts are errors.
        writer.call(multi(OpCode::Multi, &parts)).ok();
        assert_ne!(reader.call(exists("/half", false)).error, 0);
    }
    assert_eq!(reader.events, []);
}
