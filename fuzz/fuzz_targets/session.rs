//! All that a server says to a session: the first frame, and later ones with requests of every kind
//! under way.
#![no_main]

use bytes::{Bytes, BytesMut};
use libfuzzer_sys::fuzz_target;
use zoarium_process::{Effect, Effects, Input, Instant};
use zoarium_proto::SessionId;
use zoarium_proto::connect::ConnectResponse;
use zoarium_proto::membership::HostPort;
use zoarium_session::frame::next_frame;
use zoarium_session::request::{Create, Read, Request, SetData, Write};
use zoarium_session::state::Auth;
use zoarium_session::{Command, LinkId, Options, Output, Session, Timer};

fuzz_target!(|bytes: &[u8]| {
    let Some((is_connected, stream)) = bytes.split_first() else { return };
    let servers = vec![HostPort { host: "a".into(), port: 1 }];
    let mut session: Session<usize> = Session::new(Options::default(), servers, 1);
    let mut effects = Effects::new();
    let mut asked = 0;
    for request in requests() {
        session.submit(&request, asked).expect("a session that is not over takes requests");
        asked += 1;
    }
    let auth = Auth { scheme: "digest".into(), credentials: "a:b".into() };
    let tag = asked;
    let authenticate = Input::Request(Command::Authenticate { auth, tag });
    session.handle(Instant::ORIGIN, authenticate, &mut effects);
    session.handle(Instant::ORIGIN, Input::Start, &mut effects);
    let link = LinkId(1);
    session.handle(Instant::ORIGIN, Input::LinkUp(link), &mut effects);
    session.take_outgoing(Instant::ORIGIN, &mut Vec::new());
    if is_connected % 2 == 0 {
        let id = SessionId(7);
        let password = id.password();
        let read_only = Some(is_connected % 4 == 0);
        let response = ConnectResponse { timeout_ms: 6000, session: id, password, read_only };
        let mut frame = Vec::new();
        response.encode(&mut frame);
        let message = Bytes::from(frame);
        session.handle(Instant::ORIGIN, Input::Message { from: link, message }, &mut effects);
        session.take_outgoing(Instant::ORIGIN, &mut Vec::new());
        session.handle(Instant::ORIGIN, Input::Timer(Timer::Ping), &mut effects);
    }
    let mut stream = BytesMut::from(stream);
    while let Ok(Some(message)) = next_frame(&mut stream, 1 << 20) {
        session.handle(Instant::ORIGIN, Input::Message { from: link, message }, &mut effects);
    }
    let answered = effects.drain().filter(|it| matches!(it, Effect::Output(Output::Answered { .. })));
    assert!(answered.count() <= asked + 1, "no request is answered twice");
});

fn requests() -> Vec<Request<'static>> {
    let path = || "/a".into();
    let create = || Create::new("/a", b"x");
    vec![
        Request::Create(create()),
        Request::Delete { path: path(), version: None },
        Request::Exists { path: path(), watch: true },
        Request::GetData { path: path(), watch: true },
        Request::GetChildren { path: path(), watch: true },
        Request::GetAcl { path: path() },
        Request::Multi(vec![
            Write::Create(create()),
            Write::SetData(SetData { path: path(), data: None, version: None }),
            Write::Check { path: path(), version: None },
            Write::Delete { path: path(), version: None },
        ]),
        Request::MultiRead(vec![
            Read::GetData { path: path() },
            Read::GetChildren { path: path() },
        ]),
        Request::AddWatch { path: path(), recursive: true, outlives_session: true },
        Request::AddWatch { path: path(), recursive: false, outlives_session: false },
        Request::GetEphemerals { prefix: path() },
        Request::CountDescendants { path: path() },
        Request::WhoAmI,
        Request::Sync { path: path() },
    ]
}
