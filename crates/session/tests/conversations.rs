//! Conversations written by hand: each shows one rule.

use crate::world::{Lie, TIMEOUT, Told, World, seconds};
use zoarium_process::Input;
use zoarium_proto::membership::HostPort;
use zoarium_proto::{ErrorCode, OpCode, SessionId};
use zoarium_session::failure::{Cause, Failure};
use zoarium_session::fault::Fault;
use zoarium_session::reply::Reply;
use zoarium_session::request::{Create, Request, SetData, Write};
use zoarium_session::state::{Auth, Generation, Loss, State};
use zoarium_session::{Command, Options};

pub(crate) fn create(path: &'static str) -> Request<'static> {
    Request::Create(Create::new(path, path.as_bytes()))
}

pub(crate) fn get(path: &'static str, watch: bool) -> Request<'static> {
    Request::GetData { path: path.into(), watch }
}

fn auth(credentials: &'static str) -> Auth {
    Auth { scheme: "digest".into(), credentials: credentials.into() }
}

#[test]
fn session_opens_and_serves() {
    let mut world = World::connected(3);
    let present = world.present();
    assert_eq!((present.generation, present.timeout), (Generation(1), TIMEOUT));
    let (made, read) = (world.submit(create("/a")), world.submit(get("/a", false)));
    world.run(seconds(0.1));
    assert!(matches!(world.answer(made), Some(Ok(Reply::Created(it))) if it.path == "/a"));
    assert!(
        matches!(world.answer(read), Some(Ok(Reply::Data(it))) if it.data.as_deref() == Some(b"/a"))
    );
}

#[test]
fn idle_session_lives_on_pings() {
    let mut world = World::connected(1);
    world.run(TIMEOUT * 20);
    assert_eq!(world.states(), Vec::<&str>::new());
    let pings = world.ensemble.heard.iter().filter(|(op, _)| *op == OpCode::Ping).count();
    assert_eq!(pings, 60);
}

#[test]
fn busy_session_sends_no_pings() {
    let mut world = World::connected(1);
    for _ in 0..100 {
        world.submit(get("/", false));
        world.run(TIMEOUT / 10);
    }
    assert!(world.ensemble.heard.iter().all(|(op, _)| *op != OpCode::Ping));
}

#[test]
fn silent_server_is_left_in_time_for_another_one() {
    let mut world = World::connected(2);
    let session = world.present().session;
    let server: usize = world.present().server.host[1..].parse().unwrap();
    world.ensemble.servers[server].mute = true;
    world.run(TIMEOUT);
    assert_eq!(world.states(), ["suspended", "connected"]);
    assert_eq!(world.present().session, session);
    assert!(matches!(world.faults()[0], Fault::Silent(_)));
}

#[test]
fn requests_under_way_fail_in_order_when_the_connection_breaks() {
    let mut world = World::connected(2);
    world.ensemble.lie = Some(Lie::NoReply);
    let lost = [world.submit(create("/a")), world.submit(create("/b"))];
    world.run(seconds(0.0025));
    // The state comes first, and then the failures.
    let told: Vec<_> = world.told.iter().map(|(_, told)| told.clone()).collect();
    assert!(matches!(told[0], Told::State(State::Suspended { .. })), "{told:?}");
    for (told, tag) in told[1..].iter().zip(lost) {
        let answer = Err(Failure::Unanswered(Cause::ConnectionLost));
        assert_eq!(*told, Told::Answered { tag, answer, watch: None });
    }
    // What is asked from here on waits for the next connection.
    let later = world.submit(create("/c"));
    world.run(seconds(1.0));
    assert!(matches!(world.answer(later), Some(Ok(_))));
    assert_eq!(world.ensemble.done, [b"/a", b"/c"]);
}

#[test]
fn abandoned_request_is_not_sent_later() {
    let mut world = World::new(Options::default(), 1, 1);
    let first = world.session.submit(&create("/a"), 91).unwrap();
    world.session.submit(&create("/b"), 92).unwrap();
    world.session.abandon(first);
    world.step(Input::Start);
    world.run(seconds(0.1));
    assert_eq!(world.ensemble.done, [b"/b"]);
    assert_eq!((world.answer(91), world.answer(92).unwrap().is_ok()), (None, true));
}

#[test]
fn expired_session_is_lost_and_another_one_follows() {
    let mut world = World::connected(2);
    let lost = world.present().session;
    world.ensemble.kill_sessions();
    world.cut();
    world.run(seconds(0.0005));
    let waiting = world.submit(create("/a"));
    world.run(seconds(0.1));
    assert_eq!(world.states(), ["suspended", "lost", "connected"]);
    assert_eq!(world.answer(waiting), Some(Err(Failure::NotSent(Cause::SessionLost))));
    assert_eq!(world.present().generation, Generation(2));
    assert_ne!(world.present().session, lost);
}

#[test]
fn session_nobody_answers_for_is_given_up_before_its_server_does() {
    let mut world = World::connected(2);
    let session = world.present().session;
    world.run(TIMEOUT * 2 / 3);
    world.told.clear();
    let expires = world.ensemble.session_until(session).unwrap();
    world.ensemble.servers.iter_mut().for_each(|server| server.down = true);
    world.cut();
    world.run(TIMEOUT * 2);
    assert_eq!(world.states(), ["suspended", "lost"]);
    let (lost_at, _) = world
        .told
        .iter()
        .find(|(_, told)| matches!(told, Told::State(State::Lost { why: Loss::Unheard, .. })))
        .unwrap();
    assert!(*lost_at <= expires, "{lost_at:?} {expires:?}");
    assert!(expires.saturating_since(*lost_at) < seconds(0.01), "{lost_at:?} {expires:?}");
    world.ensemble.servers[0].down = false;
    world.run(seconds(20.0));
    assert_eq!(world.present().generation, Generation(2));
}

#[test]
fn servers_that_are_down_are_not_called_without_pause() {
    let mut world = World::new(Options::default(), 3, 1);
    world.ensemble.servers.iter_mut().for_each(|server| server.down = true);
    world.step(Input::Start);
    world.run(seconds(60.0));
    let dials = world.told.iter().filter(|(_, told)| matches!(told, Told::Dialled(..))).count();
    assert!((3 * 8..3 * 20).contains(&dials), "{dials}");
    assert_eq!(world.states(), Vec::<&str>::new());
}

#[test]
fn server_that_takes_calls_and_never_answers_is_passed_over() {
    let mut world = World::new(Options::default(), 2, 1);
    world.ensemble.servers[0].mute = true;
    world.ensemble.servers[1].mute = true;
    world.step(Input::Start);
    world.run(seconds(20.0));
    world.ensemble.servers[1].mute = false;
    world.run(seconds(30.0));
    assert_eq!(world.present().server.host, "s1");
    assert!(matches!(world.faults()[0], Fault::NoAnswer(_)));
}

#[test]
fn server_that_has_not_caught_up_is_passed_over() {
    let mut world = World::connected(1);
    world.submit(create("/a"));
    world.run(seconds(0.1));
    world.ensemble.zxid -= 1;
    world.cut();
    world.run(seconds(3.0));
    assert_eq!(world.states(), ["suspended"]);
    world.ensemble.zxid += 1;
    world.run(seconds(3.0));
    assert_eq!(world.states(), ["suspended", "connected"]);
}

#[test]
fn identities_are_claimed_again_before_anything_else() {
    let mut world = World::connected(2);
    world.command(Command::Authenticate { auth: auth("a:1"), tag: 70 });
    world.run(seconds(0.1));
    assert_eq!(world.answer(70), Some(Ok(Reply::Done)));
    world.submit(get("/", true));
    world.run(seconds(0.1));
    world.cut();
    world.run(seconds(0.0));
    world.command(Command::Authenticate { auth: auth("b:2"), tag: 71 });
    world.submit(create("/a"));
    world.ensemble.heard.clear();
    world.run(seconds(0.1));
    let heard: Vec<_> = world.ensemble.heard.iter().map(|(op, what)| (*op, &**what)).collect();
    let auth = OpCode::Auth;
    let expected =
        [(auth, "a:1"), (auth, "b:2"), (OpCode::SetWatches, ""), (OpCode::Create2, "/a")];
    assert_eq!(heard, expected);
    assert_eq!(world.answer(71), Some(Ok(Reply::Done)));
}

#[test]
fn identity_claimed_twice_is_sent_once() {
    let mut world = World::connected(1);
    for tag in [70, 71] {
        world.command(Command::Authenticate { auth: auth("a:1"), tag });
        world.run(seconds(0.1));
        assert_eq!(world.answer(tag), Some(Ok(Reply::Done)));
    }
    assert_eq!(world.ensemble.heard.len(), 1);
}

#[test]
fn refused_identity_ends_it_all() {
    let mut world = World::connected(2);
    world.ensemble.refuses_auth = true;
    world.command(Command::Authenticate { auth: auth("a:1"), tag: 70 });
    let behind = world.submit(create("/a"));
    world.run(seconds(30.0));
    assert_eq!(world.states(), ["auth failed"]);
    assert_eq!(world.answer(70), Some(Err(Failure::Refused(ErrorCode::AuthFailed))));
    assert_eq!(world.answer(behind), Some(Err(Failure::Unanswered(Cause::AuthFailed))));
    let after = world.submit(create("/b"));
    assert_eq!(world.answer(after), Some(Err(Failure::NotSent(Cause::AuthFailed))));
}

#[test]
fn close_comes_after_what_was_asked_before_and_nothing_after_it() {
    let mut world = World::connected(1);
    let before = world.submit(create("/a"));
    world.command(Command::Close { tag: 80 });
    let after = world.submit(create("/b"));
    world.run(seconds(0.1));
    assert!(matches!(world.answer(before), Some(Ok(_))));
    assert_eq!(world.answer(after), Some(Err(Failure::NotSent(Cause::Closed))));
    assert_eq!(world.answer(80), Some(Ok(Reply::Done)));
    assert_eq!(world.states(), ["closed"]);
    assert_eq!(world.ensemble.sessions(), []);
}

#[test]
fn close_waits_for_a_connection_but_not_for_ever() {
    for comes_back in [true, false] {
        let mut world = World::connected(1);
        world.ensemble.servers[0].down = true;
        world.cut();
        world.run(seconds(0.1));
        world.command(Command::Close { tag: 80 });
        world.run(seconds(0.3));
        world.ensemble.servers[0].down = !comes_back;
        world.run(seconds(2.0));
        let closed = if comes_back {
            Ok(Reply::Done)
        } else {
            Err(Failure::Unanswered(Cause::ConnectionLost))
        };
        assert_eq!(world.answer(80), Some(closed));
        assert_eq!(
            world.states(),
            ["suspended", "connected", "closed"][..]
                .iter()
                .copied()
                .filter(|state| comes_back || *state != "connected")
                .collect::<Vec<_>>()
        );
        assert_eq!(world.ensemble.sessions().is_empty(), comes_back);
    }
}

#[test]
fn detached_session_goes_on_elsewhere() {
    let mut world = World::connected(1);
    world.submit(create("/a"));
    world.run(seconds(0.1));
    let session = world.present().session;
    let resume = world.session.credentials();
    world.command(Command::Detach);
    assert_eq!(world.states(), ["closed"]);
    let ensemble = world.ensemble;
    let options = Options { resume, ..Options::default() };
    let mut world = World::new(options, 1, 2);
    world.ensemble = ensemble;
    world.step(Input::Start);
    world.run(seconds(0.1));
    assert_eq!(world.present().session, session);
    assert_eq!(world.states(), ["connected"]);
}

#[test]
fn too_long_request_does_not_leave_and_hurts_no_other() {
    let mut world = World::connected(1);
    let data = vec![0; 1 << 20];
    let set = SetData { path: "/".into(), data: Some(data.into()), version: None };
    let (long, next) = (world.submit(Request::SetData(set)), world.submit(create("/a")));
    world.run(seconds(0.1));
    let too_long = Failure::TooLong { length: 8 + 5 + 4 + (1 << 20) + 4, max: 0xF_FFFF };
    assert_eq!(world.answer(long), Some(Err(too_long)));
    assert!(matches!(world.answer(next), Some(Ok(_))));
}

#[test]
fn transactions_are_answered_part_by_part() {
    let mut world = World::connected(1);
    world.submit(create("/a"));
    let set = |path: &'static str| {
        Write::SetData(SetData { path: path.into(), data: Some(b"x"[..].into()), version: None })
    };
    let good = world.submit(Request::Multi(vec![set("/a"), set("/")]));
    let bad = world.submit(Request::Multi(vec![set("/none")]));
    world.run(seconds(0.1));
    assert!(matches!(world.answer(good), Some(Ok(Reply::Written(parts))) if parts.len() == 2));
    let aborted = Failure::Aborted { index: 0, code: ErrorCode::NoNode };
    assert_eq!(world.answer(bad), Some(Err(aborted)));
}

#[test]
fn read_only_server_will_do_if_allowed_until_another_one_is_found() {
    for read_only_allowed in [false, true] {
        let options = Options { read_only_allowed, ..Options::default() };
        let mut world = World::new(options, 2, 1);
        world.ensemble.servers[0].read_only = true;
        world.ensemble.servers[1].down = true;
        world.step(Input::Start);
        let waiting = world.submit(create("/a"));
        world.run(seconds(5.0));
        if !read_only_allowed {
            assert_eq!(world.states(), Vec::<&str>::new());
            continue;
        }
        assert_eq!(world.states(), ["read-only"]);
        let refused = Failure::Refused(ErrorCode::NotReadOnly);
        assert_eq!(world.answer(waiting), Some(Err(refused)));
        assert_eq!(world.session.credentials(), None);
        world.ensemble.servers[1].down = false;
        world.run(seconds(20.0));
        assert_eq!(world.states(), ["read-only", "suspended", "connected"]);
        assert_eq!(world.faults().last(), Some(&Fault::ReadWriteServerFound));
        assert_eq!(world.present().generation, Generation(2));
    }
}

#[test]
fn server_that_left_the_list_is_left() {
    let mut world = World::connected(3);
    let session = world.present().session;
    let stays = world.present().server.host == "s0";
    let host = if stays { "s1" } else { "s0" };
    world.command(Command::Servers(vec![HostPort { host: host.into(), port: 2181 }]));
    world.run(seconds(0.1));
    assert_eq!(world.present().server.host, host);
    assert_eq!(world.present().session, session);
    assert_eq!(world.faults(), [Fault::ServersChanged]);
}

/// ZOOKEEPER-1355 moves clients when the list changes; that costs them what is under way.
#[test]
fn nothing_is_lost_when_a_server_is_left() {
    let mut world = World::connected(3);
    let stays = world.present().server.host == "s0";
    let host = if stays { "s1" } else { "s0" };
    let before = world.submit(create("/a"));
    world.command(Command::Servers(vec![HostPort { host: host.into(), port: 2181 }]));
    let after = world.submit(get("/a", false));
    world.run(seconds(0.1));
    assert_eq!(world.present().server.host, host);
    assert!(matches!(world.answer(before), Some(Ok(_))));
    assert!(matches!(world.answer(after), Some(Ok(_))));
    assert_eq!(world.faults(), [Fault::ServersChanged]);
}

#[test]
fn client_that_does_not_renew_ends_with_its_session() {
    let options = Options { renews_lost_sessions: false, ..Options::default() };
    let mut world = World::new(options, 1, 1);
    world.step(Input::Start);
    world.run(seconds(0.1));
    world.ensemble.kill_sessions();
    world.cut();
    world.run(seconds(10.0));
    assert_eq!(world.states(), ["connected", "suspended", "lost", "closed"]);
    assert_ne!(world.session.state(), &State::Connecting);
    assert_eq!(world.ensemble.sessions(), Vec::<SessionId>::new());
}

fn narrow(requests_max: usize) -> World {
    let mut world = World::new(Options { requests_max, ..Options::default() }, 2, 1);
    world.step(Input::Start);
    world.run(seconds(0.1));
    world.told.clear();
    world
}

#[test]
fn requests_beyond_the_limit_wait_in_order() {
    let mut world = narrow(2);
    let paths = ["/a", "/b", "/c", "/d", "/e"];
    let asked = paths.map(|path| world.submit(create(path)));
    assert_eq!((world.session.in_flight(), world.session.queued()), (2, 3));
    // The session's end waits behind them.
    world.command(Command::Close { tag: 99 });
    world.run(seconds(0.1));
    assert!(asked.iter().all(|asked| matches!(world.answer(*asked), Some(Ok(_)))));
    assert_eq!(world.answer(99), Some(Ok(Reply::Done)));
    let heard: Vec<_> = world.ensemble.heard.iter().map(|(_, path)| path.as_str()).collect();
    assert_eq!(heard, ["/a", "/b", "/c", "/d", "/e", ""]);
}

#[test]
fn requests_that_wait_for_room_fail_with_those_before_them() {
    let mut world = narrow(1);
    let asked = ["/a", "/b", "/c"].map(|path| world.submit(create(path)));
    world.cut();
    world.run(seconds(0.1));
    let (unanswered, not_sent) = (Failure::Unanswered, Failure::NotSent);
    let lost = Cause::ConnectionLost;
    let failed = asked.map(|asked| world.answer(asked).unwrap().unwrap_err());
    assert_eq!(failed, [unanswered(lost), not_sent(lost), not_sent(lost)]);
    assert_eq!(world.ensemble.done.len(), 0);
}

#[test]
fn session_that_is_just_being_opened_is_closed_too() {
    // Before the server has heard of it, on its answer's way, and after.
    for (time, opened) in [(0.0005, false), (0.0015, true), (0.0025, true), (0.0045, true)] {
        let mut world = World::new(Options::default(), 1, 1);
        world.step(Input::Start);
        world.run(seconds(time));
        world.command(Command::Close { tag: 99 });
        world.run(seconds(0.1));
        assert_eq!(world.answer(99), Some(Ok(Reply::Done)), "{time}");
        assert_eq!(world.session.state(), &State::Closed, "{time}");
        assert_eq!(world.ensemble.sessions(), [], "{time}");
        let closed = world.ensemble.heard.iter().any(|(op, _)| *op == OpCode::CloseSession);
        assert_eq!(closed, opened, "{time}");
    }
}

#[test]
fn close_of_a_session_that_was_not_opened_does_not_try_again() {
    let mut world = World::new(Options::default(), 1, 1);
    world.step(Input::Start);
    world.run(seconds(0.0015));
    world.cut();
    world.command(Command::Close { tag: 99 });
    world.run(seconds(0.1));
    assert_eq!(world.answer(99), Some(Ok(Reply::Done)));
    assert_eq!(world.told.iter().filter(|(_, told)| matches!(told, Told::Dialled(..))).count(), 1);
}

#[test]
fn close_waits_for_no_request_that_is_abandoned() {
    let mut world = narrow(1);
    world.submit(create("/a"));
    let waiting = world.session.submit(&create("/b"), 50).unwrap();
    world.command(Command::Close { tag: 99 });
    world.command(Command::Abandon(waiting));
    world.run(seconds(0.1));
    assert_eq!(world.answer(99), Some(Ok(Reply::Done)));
    assert_eq!(world.ensemble.heard.len(), 2);
}

#[test]
fn what_happens_is_counted() {
    let mut world = World::connected(2);
    let asked = [world.submit(create("/a")), world.submit(create("/a"))];
    world.run(seconds(0.1));
    world.cut();
    world.submit(get("/a", true));
    world.run(seconds(0.1));
    let metrics = world.session.metrics();
    let operations: Vec<_> =
        metrics.operations.iter().map(|it| (it.op, it.done, it.refused, it.unanswered)).collect();
    // The read was under way when the connection broke.
    assert_eq!(operations, [(OpCode::Create2, 1, 1, 0), (OpCode::GetData, 0, 0, 1)]);
    assert_eq!((metrics.connections, metrics.latency.count()), (2, asked.len() as u64));
    assert!(metrics.bytes_sent > 0 && metrics.bytes_received > 0);
    world.run(seconds(3.0));
    assert_eq!(world.session.metrics().ping, Some(seconds(0.002)));
}
