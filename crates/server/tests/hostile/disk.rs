//! Disks that are full, or fail.

use crate::client::{Client, code};
use crate::requests::{EPHEMERAL, close_session, create, exists, get_data, set_data};
use crate::world::{PATIENCE, World, fresh_dir};
use std::io::Write;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};
use zoarium_proto::ErrorCode;

/// A write that is not answered for so long waits for the disk: no processor is that late. Longer
/// than the session that ends meanwhile.
const STUCK: Duration = Duration::from_secs(2);

/// A file system of a few megabytes in memory.
struct SmallDisk {
    path: PathBuf,
}

impl SmallDisk {
    /// `None`, with a message, where it may not be mounted.
    fn mount() -> Option<Self> {
        let path = fresh_dir();
        std::fs::create_dir_all(&path).unwrap();
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", "size=4m", "tmpfs"]).arg(&path);
        let mounted = mount.output().is_ok_and(|output| output.status.success());
        if !mounted {
            // Past the capture of what tests print, so that it is seen.
            let mut stderr = std::io::stderr();
            writeln!(stderr, "SKIPPED: a tmpfs cannot be mounted here, which needs root").unwrap();
            let _left_over = std::fs::remove_dir(&path);
        }
        mounted.then_some(Self { path })
    }

    /// Leaves no room at all. The result is the file to remove.
    fn fill(&self) -> PathBuf {
        let path = self.path.join("ballast");
        let mut file = std::fs::File::create(&path).unwrap();
        while file.write_all(&[0; 4096]).is_ok() {}
        path
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _still_used = Command::new("umount").arg("-l").arg(&self.path).output();
        let _still_used = std::fs::remove_dir(&self.path);
    }
}

/// Writes one after the other until one is not answered; the result is the number of those that
/// were taken. Meanwhile another client gives signs of life.
fn write_until_full(client: &mut Client, mut alive: Option<&mut Client>) -> u32 {
    for number in 0_u32.. {
        if let Some(alive) = &mut alive {
            alive.ping();
        }
        client.send(set_data("/a", &[&number.to_be_bytes()[..], &[7; 2000]].concat()));
        if !client.has_reply_within(STUCK) {
            return number;
        }
        client.reply().ok();
    }
    unreachable!("the disk takes everything")
}

#[test]
fn full_disk_refuses_writes_and_nothing_else_until_there_is_room() {
    let Some(disk) = SmallDisk::mount() else { return };
    let mut world =
        World::start_in(disk.path.join("data"), "tickTime=200\nminSessionTimeout=1000", &[]);
    let mut stuck = world.client();
    let mut other = world.client();
    // It is over while nobody can write that.
    let mut brief = Client::connect(world.address, 1500);
    brief.call(create("/e", b"", EPHEMERAL)).ok();
    stuck.call(create("/a", b"", 0)).ok();
    let ballast = disk.fill();
    let taken = write_until_full(&mut stuck, Some(&mut brief));
    println!("{taken} writes taken before the disk was full");

    let refused = other.call(create("/refused", b"", 0));
    assert_eq!(refused.error, code(ErrorCode::SystemError));
    let data = other.call(get_data("/a", false)).data();
    assert_eq!(data[..4], (taken.wrapping_sub(1)).to_be_bytes(), "what is not durable is not read");
    // A ping overtakes the write that waits for the disk.
    stuck.ping();
    assert!(Client::shake(world.address, &new_session()).is_none(), "a new session is refused");
    let mut moved = Client::resume(world.address, &other);
    assert_eq!(moved.session, other.session);
    assert_eq!(moved.call(set_data("/a", b"")).error, code(ErrorCode::SystemError));
    assert_eq!(moved.call(exists("/e", false)).error, 0);

    std::fs::remove_file(ballast).unwrap();
    stuck.reply().ok();
    let data = moved.call(get_data("/a", false)).data();
    assert_eq!(data[..4], taken.to_be_bytes());
    crate::world::until("writes are taken again", || {
        moved.call(set_data("/a", b"after")).error == 0
    });
    crate::world::until("the session that fell silent expires", || {
        moved.call(exists("/e", false)).error == code(ErrorCode::NoNode)
    });
    let before = crate::restarts::whole_tree(&mut moved);
    world.restart();
    let mut moved = Client::resume(world.address, &moved);
    assert_eq!(crate::restarts::whole_tree(&mut moved), before);
}

fn new_session() -> Vec<u8> {
    crate::client::handshake(zoarium_proto::SessionId::NONE, &[0; 16], 30_000)
}

#[test]
fn stop_does_not_wait_for_room_on_a_full_disk() {
    let Some(disk) = SmallDisk::mount() else { return };
    let mut world = World::start_in(disk.path.join("data"), "", &[]);
    let mut client = world.client();
    client.call(create("/a", b"", 0)).ok();
    let ballast = disk.fill();
    let taken = write_until_full(&mut client, None);
    let began = Instant::now();
    world.stop();
    assert!(began.elapsed() < PATIENCE / 2, "{:?}", began.elapsed());
    std::fs::remove_file(ballast).unwrap();
    world.restart();
    let mut client = Client::resume(world.address, &client);
    let data = client.call(get_data("/a", false)).data();
    let last = if taken == 0 { Vec::new() } else { (taken - 1).to_be_bytes().to_vec() };
    assert_eq!(data[..last.len()], last);
}

#[test]
fn close_session_on_a_full_disk_is_done_when_there_is_room() {
    let Some(disk) = SmallDisk::mount() else { return };
    let world = World::start_in(disk.path.join("data"), "", &[]);
    let (mut client, mut leaving) = (world.client(), world.client());
    leaving.call(create("/e", b"", EPHEMERAL)).ok();
    client.call(create("/a", b"", 0)).ok();
    let ballast = disk.fill();
    write_until_full(&mut client, None);
    leaving.send(close_session());
    assert!(!leaving.has_reply_within(Duration::from_millis(300)));
    std::fs::remove_file(ballast).unwrap();
    assert_eq!(leaving.reply().error, 0);
    leaving.raw.expect_close();
    client.reply().ok();
    assert_eq!(client.call(exists("/e", false)).error, code(ErrorCode::NoNode));
}

/// The log's next file cannot be made: the directory is gone.
#[test]
fn failure_of_the_log_is_told_and_nothing_is_acknowledged_after_it() {
    let mut world = World::start("snapCount=20");
    let mut client = world.client();
    client.call(create("/a", b"", 0)).ok();
    let (dir, away) = (world.dir().join("version-2"), world.dir().join("away"));
    std::fs::rename(&dir, &away).unwrap();
    let mut taken = 0_u32;
    loop {
        client.send(set_data("/a", &taken.to_be_bytes()));
        if !client.has_reply_within(STUCK) {
            break;
        }
        client.reply().ok();
        taken += 1;
        assert!(taken < 1000, "the log goes on without its directory");
    }
    let failure = world.failure();
    assert!(failure.contains("version-2"), "{failure}");
    client.ping();
    world.stop();
    client.raw.expect_close();
    if dir.exists() {
        std::fs::remove_dir_all(&dir).unwrap();
    }
    std::fs::rename(&away, &dir).unwrap();
    world.restart();
    let mut client = Client::resume(world.address, &client);
    let data = client.call(get_data("/a", false)).data();
    assert_eq!(data, (taken - 1).to_be_bytes());
}
