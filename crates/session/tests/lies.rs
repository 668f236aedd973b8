//! Servers that lie lose the connection; the session goes on with another one.

use crate::conversations::{create, get};
use crate::world::{Lie, World, seconds};
use zoarium_process::Input;
use zoarium_proto::{SessionId, Xid, Zxid};
use zoarium_session::failure::{Cause, Failure};
use zoarium_session::fault::{Fault, Misbehaved};
use zoarium_session::random::Random;
use zoarium_session::request::{Request, SetData, Write};

/// The fault that a lie in the reply to a request makes.
fn told(lie: Lie) -> Fault {
    let mut world = World::connected(2);
    let session = world.present().session;
    world.submit(create("/a"));
    world.run(seconds(2.0));
    // The floor is what was seen before the connection.
    world.cut();
    world.run(seconds(0.1));
    world.told.clear();
    world.ensemble.lie = Some(lie);
    let (asked, behind) = (world.submit(get("/a", false)), world.submit(get("/a", false)));
    world.run(seconds(1.0));
    let unanswered = Some(Err(Failure::Unanswered(Cause::ConnectionLost)));
    assert_eq!((world.answer(asked), world.answer(behind)), (unanswered.clone(), unanswered));
    assert_eq!(world.states(), ["suspended", "connected"]);
    assert_eq!(world.present().session, session);
    let faults = world.faults();
    assert_eq!(faults.len(), 1, "{faults:?}");
    faults[0]
}

#[test]
fn answer_out_of_order() {
    let misbehaved = Misbehaved::OutOfOrder { answered: Xid(3), awaited: Some(Xid(2)) };
    assert_eq!(told(Lie::WrongXid), Fault::Misbehaved(misbehaved));
}

#[test]
fn record_that_ends_early() {
    assert!(matches!(told(Lie::CutShort), Fault::Malformed(_)));
}

#[test]
fn answer_from_the_past() {
    let misbehaved = Misbehaved::WentBack { answered: Zxid(1), seen: Zxid(101) };
    assert_eq!(told(Lie::OldZxid), Fault::Misbehaved(misbehaved));
}

#[test]
fn answer_to_a_ping_that_was_not_sent() {
    let misbehaved = Misbehaved::OutOfOrder { answered: Xid::PING, awaited: None };
    assert_eq!(told(Lie::UnaskedPong), Fault::Misbehaved(misbehaved));
}

#[test]
fn handshake_with_another_session_or_without_a_record() {
    for lie in [Lie::OtherSession, Lie::NoResponse] {
        let mut world = World::connected(2);
        let asked = world.present().session;
        world.ensemble.lie = Some(lie);
        world.cut();
        world.run(seconds(1.0));
        assert_eq!(world.present().session, asked);
        let misbehaved = Misbehaved::OtherSession { asked, answered: SessionId(1) };
        match lie {
            Lie::OtherSession => assert_eq!(world.faults(), [Fault::Misbehaved(misbehaved)]),
            _ => assert!(matches!(world.faults()[..], [Fault::Malformed(_)])),
        }
    }
}

#[test]
fn no_bytes_of_a_server_do_harm() {
    let mut random = Random::new(11);
    for round in 0..3000 {
        let mut world = World::connected(1);
        let requests = every_request();
        let tags: Vec<u32> = requests.into_iter().map(|it| world.submit(it)).collect();
        let link = world.session_link();
        for xid in 1..=tags.len() {
            let mut frame = i32::try_from(xid).unwrap().to_be_bytes().to_vec();
            frame.extend([0, 0, 0, 0, 0, 0, 0, 200]);
            frame.extend([0; 4]);
            // Small numbers make lengths and counts that nearly fit.
            let length = random.below(120);
            frame.extend((0..length).map(|_| [0, 0, 0, 1, 2, 255][random.below(6)]));
            world.step(Input::Message { from: link, message: frame.into() });
        }
        world.run(seconds(1.0));
        for tag in tags {
            assert!(world.answer(tag).is_some(), "round {round}: no answer to {tag}");
        }
    }
}

fn every_request() -> Vec<Request<'static>> {
    let path = || "/a".into();
    vec![
        create("/a"),
        get("/a", true),
        Request::Exists { path: path(), watch: true },
        Request::GetChildren { path: path(), watch: false },
        Request::Multi(vec![Write::SetData(SetData { path: path(), data: None, version: None })]),
        Request::AddWatch { path: path(), recursive: true, outlives_session: false },
        Request::Sync { path: path() },
    ]
}
