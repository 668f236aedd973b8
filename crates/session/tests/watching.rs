//! Watches over reconnections and sessions.

use crate::conversations::{create, get};
use crate::world::{Told, World, seconds};
use zoarium_proto::{EventType, OpCode, Zxid};
use zoarium_session::request::Request;
use zoarium_session::{Command, Notice, WatchId};

fn watch(recursive: bool, outlives_session: bool) -> Request<'static> {
    Request::AddWatch { path: "/a".into(), recursive, outlives_session }
}

/// A connected world with `/a`, and a watch of it.
fn watching(request: Request<'static>) -> (World, WatchId) {
    let mut world = World::connected(2);
    world.submit(create("/a"));
    let asked = world.submit(request);
    world.run(seconds(0.1));
    let id = world.watch(asked);
    world.told.clear();
    world.ensemble.heard.clear();
    (world, id)
}

fn kinds(notices: &[Notice]) -> Vec<Option<EventType>> {
    let kind = |notice: &Notice| match notice {
        Notice::Event(event) => Some(event.kind),
        Notice::Gap { .. } | Notice::SessionLost => None,
    };
    notices.iter().map(kind).collect()
}

#[test]
fn one_shot_watch_fires_once() {
    let (mut world, id) = watching(get("/a", true));
    for _ in 0..2 {
        world.change(|ensemble| ensemble.other_sets("/a"));
        world.run(seconds(0.1));
    }
    assert_eq!(kinds(&world.notices(id)), [Some(EventType::NodeDataChanged)]);
    assert_eq!((world.session.watches(), world.ensemble.watches()), (0, 0));
}

#[test]
fn one_shot_watch_hears_of_what_it_missed() {
    let (mut world, id) = watching(get("/a", true));
    world.cut();
    world.change(|ensemble| ensemble.other_deletes("/a"));
    world.run(seconds(1.0));
    assert_eq!(kinds(&world.notices(id)), [Some(EventType::NodeDeleted)]);
}

#[test]
fn event_of_half_a_transaction_does_not_hide_the_other_half() {
    // Both znodes change in one transaction; the connection breaks between the two events.
    let (mut world, of_a) = watching(get("/a", true));
    let asked = world.submit(get("/", true));
    world.run(seconds(0.1));
    let of_root = world.watch(asked);
    world.change(|ensemble| ensemble.other_sets("/a"));
    world.run(seconds(0.1));
    let zxid = Zxid(world.ensemble.zxid);
    world.ensemble.znodes.get_mut("/").unwrap().mzxid = zxid;
    world.cut();
    world.run(seconds(0.1));
    assert_eq!(world.notices(of_a).len(), 1);
    assert_eq!(kinds(&world.notices(of_root)), [Some(EventType::NodeDataChanged)]);
    // What the event has shown is a state the session insists on all the same.
    assert_eq!(world.session.credentials().unwrap().last_zxid, zxid);
}

#[test]
fn persistent_watch_is_told_of_a_gap_before_anything_new() {
    let (mut world, id) = watching(watch(true, false));
    let since = world.session.last_zxid();
    world.cut();
    world.change(|ensemble| ensemble.other_sets("/a/missed"));
    world.run(seconds(1.0));
    world.change(|ensemble| ensemble.other_sets("/a/heard"));
    world.run(seconds(0.1));
    let notices = world.notices(id);
    assert_eq!(notices[0], Notice::Gap { since });
    assert_eq!(kinds(&notices), [None, Some(EventType::NodeCreated)]);
    assert_eq!(world.ensemble.heard[0].0, OpCode::SetWatches2);
}

#[test]
fn what_is_read_after_a_gap_is_covered_by_the_watch() {
    let (mut world, id) = watching(watch(false, false));
    world.cut();
    world.run(seconds(0.0));
    let read = world.submit(get("/a", false));
    world.run(seconds(0.1));
    let place = |wanted: &dyn Fn(&Told) -> bool| {
        world.told.iter().position(|(_, told)| wanted(told)).unwrap()
    };
    let gap = place(&|told| matches!(told, Told::Watch { watch, .. } if *watch == id));
    let answer = place(&|told| matches!(told, Told::Answered { tag, .. } if *tag == read));
    assert!(gap < answer);
    let heard: Vec<_> = world.ensemble.heard.iter().map(|(op, _)| *op).collect();
    assert_eq!(heard, [OpCode::SetWatches2, OpCode::GetData]);
}

#[test]
fn watches_end_with_the_session_unless_they_outlive_it() {
    for outlives in [false, true] {
        let (mut world, id) = watching(watch(true, outlives));
        world.ensemble.kill_sessions();
        world.cut();
        world.run(seconds(1.0));
        world.change(|ensemble| ensemble.other_sets("/a/new"));
        world.run(seconds(0.1));
        let notices = world.notices(id);
        match outlives {
            false => assert_eq!(notices, [Notice::SessionLost]),
            true => assert_eq!(kinds(&notices), [None, Some(EventType::NodeCreated)]),
        }
    }
}

#[test]
fn watch_nobody_waits_for_is_removed_from_the_server() {
    let (mut world, id) = watching(get("/a", true));
    world.command(Command::Unwatch { path: "/a".into(), watch: id });
    world.run(seconds(0.1));
    assert_eq!((world.session.watches(), world.ensemble.watches()), (0, 0));
    assert_eq!(world.ensemble.heard, [(OpCode::RemoveWatches, "/a".to_owned())]);
}

#[test]
fn watch_that_is_set_while_another_one_goes_stays() {
    let (mut world, first) = watching(get("/a", true));
    let asked = world.submit(get("/a", true));
    world.command(Command::Unwatch { path: "/a".into(), watch: first });
    world.run(seconds(0.1));
    let second = world.watch(asked);
    world.change(|ensemble| ensemble.other_sets("/a"));
    world.run(seconds(0.1));
    assert_eq!(world.notices(first), []);
    assert_eq!(world.notices(second).len(), 1);
}

#[test]
fn one_shot_watch_under_a_persistent_one_is_not_asked_for() {
    let (mut world, persistent) = watching(watch(false, false));
    let asked = world.submit(get("/a", true));
    world.run(seconds(0.1));
    let one_shot = world.watch(asked);
    assert_eq!(world.ensemble.watches(), 1);
    world.change(|ensemble| ensemble.other_sets("/a"));
    world.run(seconds(0.1));
    assert_eq!((world.notices(one_shot).len(), world.notices(persistent).len()), (1, 1));
}

#[test]
fn persistent_watch_beside_a_recursive_one_does_not_displace_it() {
    let (mut world, recursive) = watching(watch(true, false));
    world.submit(watch(false, false));
    world.run(seconds(0.1));
    let heard: Vec<_> = world.ensemble.heard.iter().map(|(op, _)| *op).collect();
    assert_eq!(heard, [OpCode::AddWatch, OpCode::AddWatch]);
    assert_eq!(kinds(&world.notices(recursive)), [None]);
}
