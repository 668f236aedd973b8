//! ConnectRequest and ConnectResponse in all their variants.

use anyhow::Result;

use super::request::{Await, close_session, exists, ping, plain};
use super::stage::Stage;
use crate::wire::{Hello, Jute, NULL, Text};

fn with(change: impl FnOnce(&mut Hello)) -> Hello {
    let mut hello = Hello::default();
    change(&mut hello);
    hello
}

/// Variants that give a session: the reply has the readOnly byte only if the request had it.
pub(super) fn handshake(s: &mut Stage) -> Result<()> {
    let variants: [(&str, Hello); 9] = [
        ("with readOnly=0", Hello::default()),
        ("with readOnly=1", with(|h| h.read_only = Some(1))),
        ("with readOnly=5", with(|h| h.read_only = Some(5))),
        ("without readOnly", with(|h| h.read_only = None)),
        ("protocol version 7", with(|h| h.protocol_version = 7)),
        ("null password", with(|h| h.password = NULL)),
        ("empty password", with(|h| h.password = Text::from(""))),
        ("20-byte password", with(|h| h.password = Text::from(vec![7; 20]))),
        ("lastZxidSeen negative", with(|h| h.last_zxid_seen = -5)),
    ];
    for (label, hello) in variants {
        s.hello("c", label, |_| hello.clone())?;
        s.all("c", [ping(), exists("/", false), close_session()])?;
    }
    Ok(())
}

/// The timeout is clamped to minSessionTimeout..maxSessionTimeout.
pub(super) fn timeouts(s: &mut Stage) -> Result<()> {
    for timeout_ms in [i32::MIN, -1, 0, 1, 3999, 4000, 4001, 30_000, 900_000, 900_001, i32::MAX] {
        let label = format!("ask for {timeout_ms} ms");
        s.hello("c", &label, |_| with(|h| h.timeout_ms = timeout_ms))?;
        s.call("c", close_session())?;
    }
    Ok(())
}

/// Requests that give no session.
pub(super) fn refused(s: &mut Stage) -> Result<()> {
    s.open("c")?;
    s.call("c", plain("/refused"))?;
    s.hello("r", "client has seen a later zxid", |side| {
        with(|h| h.last_zxid_seen = side.absolute_zxid(1000))
    })?;
    s.hello("r", "unknown session", |_| with(|h| h.session_id = 0x0123_4567_89AB_CDEF))?;
    s.hello("r", "unknown session, no readOnly byte", |_| {
        with(|h| {
            h.session_id = 0x0123_4567_89AB_CDEF;
            h.read_only = None;
        })
    })?;
    s.hello("r", "unknown session, readOnly=1", |_| {
        with(|h| {
            h.session_id = 0x0123_4567_89AB_CDEF;
            h.read_only = Some(1);
        })
    })?;
    s.hello("c", "own session again", |side| side.resuming("c"))?;
    s.hello("r", "wrong password", |side| {
        let mut hello = side.resuming("c");
        hello.password = Text::from(vec![1; 16]);
        hello
    })?;
    s.hello("c", "own session after a thief", |side| side.resuming("c"))?;
    s.hello("r", "short password", |side| {
        let mut hello = side.resuming("c");
        hello.password = Text::from(vec![1; 3]);
        hello
    })?;
    s.hello("c", "own session once more", |side| side.resuming("c"))?;
    s.all("c", [exists("/refused", false), close_session()])?;
    s.hello("r", "closed session", |side| side.resuming("c"))?;
    s.connect("x")?;
    let cut = &super::super::wire::frame(&Hello::default().bytes()[..20]);
    s.raw("x", "ConnectRequest cut short", cut, Await::Close)?;
    s.connect("x")?;
    s.raw("x", "frame of length 0", &Jute::new().int(0).bytes(), Await::Close)?;
    s.connect("x")?;
    s.raw("x", "frame of length -1", &Jute::new().int(-1).bytes(), Await::Close)
}
