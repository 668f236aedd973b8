//! Frames, xids, request types that do not exist, truncated records.

use anyhow::Result;

use super::request::{
    Await, OPEN, Ours, SEQUENTIAL, any, children2_of, close_session, create, data_of, exists,
    path_only, ping, plain, set_data, sync,
};
use super::stage::Stage;
use crate::wire::{Jute, frame, op};

/// Our answer to a request type that clients may not send.
const STAYS: &str = "an unknown or internal request type is refused and the connection stays";

pub(super) fn xids(s: &mut Stage) -> Result<()> {
    s.open("c")?;
    s.all(
        "c",
        [
            exists("/", false).xid(7),
            exists("/", false).xid(7),
            exists("/", false).xid(3),
            exists("/", false).xid(i32::MAX),
            exists("/", false).xid(0),
            exists("/", false).xid(i32::MIN),
            exists("/", false).xid(-3),
            exists("/", false).xid(-4),
            exists("/", false).xid(-8),
            any("ping with xid 5", op::PING, Jute::new()).xid(5).awaits(Await::Reply(-2)),
            ping(),
            ping().trailing(b"abc"),
            plain("/xid").xid(-9),
            close_session().xid(1234),
        ],
    )
}

/// A record cut short is answered -5; a header cut short ends the connection.
pub(super) fn truncated(s: &mut Stage) -> Result<()> {
    s.open("c")?;
    s.call("c", plain("/cut"))?;
    let two_texts = |label: &str, number: i32| any(label, number, Jute::new().text("/cut"));
    s.all(
        "c",
        [
            plain("/cut/x").cut(0),
            plain("/cut/x").cut(3),
            plain("/cut/x").cut(12),
            plain("/cut/x").cut(36),
            plain("/cut/x").op(op::CREATE2).cut(12),
            plain("/cut/x").op(op::CREATE_CONTAINER).cut(12),
            two_texts("setACL without acl", op::SET_ACL),
            two_texts("setData without data", op::SET_DATA),
            two_texts("delete without version", op::DELETE),
            two_texts("exists without watch", op::EXISTS),
            two_texts("getChildren without watch", op::GET_CHILDREN),
            two_texts("getChildren2 without watch", op::GET_CHILDREN2),
            two_texts("removeWatches without type", op::REMOVE_WATCHES),
            two_texts("checkWatches without type", op::CHECK_WATCHES),
            any("sync without path", op::SYNC, Jute::new()),
            any("getACL without path", op::GET_ACL, Jute::new()),
            any("getEphemerals without path", op::GET_EPHEMERALS, Jute::new()),
            any("getAllChildrenNumber without path", op::GET_ALL_CHILDREN_NUMBER, Jute::new()),
            any("setWatches2 without lists", op::SET_WATCHES2, Jute::new().long(0)),
            any("path of length -2", op::GET_ACL, Jute::new().int(-2)),
            any("path of length -2147483648", op::GET_ACL, Jute::new().int(i32::MIN)),
            any("path longer than the frame", op::GET_ACL, Jute::new().int(100).raw(b"/cut")),
            any("path of 2 GiB", op::GET_ACL, Jute::new().int(i32::MAX).raw(b"/cut")),
            any("data of 2 GiB", op::SET_DATA, Jute::new().text("/cut").int(i32::MAX)),
            any(
                "acl of 2 Gi entries",
                op::CREATE,
                Jute::new().text("/cut/x").text("x").int(i32::MAX).raw(&[0; 40]),
            ),
            children2_of("/cut", false),
            close_session(),
        ],
    )?;
    for (label, bytes) in [
        ("header without type", &[0, 0, 0, 1][..]),
        ("empty frame", &[]),
        ("header of 7 bytes", &[0, 0, 0, 1, 0, 0, 0]),
    ] {
        s.open("c")?;
        s.raw("c", label, &frame(bytes), Await::Close)?;
    }
    Ok(())
}

/// Frame lengths around jute.maxbuffer.
pub(super) fn frames(s: &mut Stage) -> Result<()> {
    const MAX: usize = 0xF_FFFF;
    let sized = |frame_len: usize| {
        // Header 8, path 4+4, length 4, version 4.
        set_data("/big", vec![b'x'; frame_len - 24], -1).note(&format!("frame of {frame_len}"))
    };
    s.open("c")?;
    s.all("c", [plain("/big"), sized(MAX), data_of("/big", false)])?;
    s.call("c", sized(MAX + 1).closes())?;
    s.hello("c", "resume", |side| side.resuming("c"))?;
    s.all("c", [set_data("/big", "", -1), exists("/big", false)])?;
    s.raw("c", "frame of negative length", &Jute::new().int(-1).bytes(), Await::Close)?;
    s.hello("c", "resume", |side| side.resuming("c"))?;
    s.raw("c", "frame of 2 GiB", &Jute::new().int(i32::MAX).bytes(), Await::Close)?;
    s.hello("c", "resume", |side| side.resuming("c"))?;
    s.raw("c", "a four-letter word in mid-session", b"ruok", Await::Close)?;
    s.connect("x")?;
    s.raw("x", "garbage", b"GET / HTTP/1.1\r\n\r\n", Await::Close)?;
    s.connect("x")?;
    s.raw("x", "telnet interrupt", &[0xFF, 0xF4, 0xFF, 0xFD], Await::Close)?;
    s.hello("c", "resume", |side| side.resuming("c"))?;
    s.call("c", close_session())
}

pub(super) fn unknown_ops(s: &mut Stage) -> Result<()> {
    for number in [0, 10, 23, 50, 99, 108, 200, 1000, i32::MAX, -1, -12, -100, i32::MIN] {
        let request = any(&format!("op {number}"), number, Jute::new().text("/").int(0));
        s.each_alone([request.closes().ours(STAYS, Ours::SameAndOpen)])?;
    }
    Ok(())
}

/// Request types that servers use among themselves, and Apache's takes from clients as well. They
/// change its state, so only ours is asked.
pub(super) fn internal_ops(s: &mut Stage) -> Result<()> {
    let refused = |xid: i32| Jute::new().int(xid).long(-1).int(-6);
    let create_session = any("createSession", op::CREATE_SESSION, Jute::new().int(5000));
    let delete_container = path_only("deleteContainer", op::DELETE_CONTAINER, "/internal");
    s.open("c")?;
    s.all("c", [create("/internal", "x", OPEN, 4).op(op::CREATE_CONTAINER)])?;
    s.open("d")?;
    s.only_ours("d", create_session.ours_exactly(STAYS, refused(1)))?;
    s.only_ours("d", delete_container.ours_exactly("only the server may reap", refused(2)))?;
    s.all("c", [exists("/internal", false), close_session()])
}

/// Many requests in one write: replies in order, a read behind a pending write sees it.
pub(super) fn pipelined(s: &mut Stage) -> Result<()> {
    s.open("c")?;
    s.burst(
        "c",
        "ten requests at once",
        &[
            plain("/pipe"),
            create("/pipe/s-", "x", OPEN, SEQUENTIAL),
            create("/pipe/s-", "x", OPEN, SEQUENTIAL),
            children2_of("/pipe", false),
            set_data("/pipe", "1", 0),
            set_data("/pipe", "2", 0),
            data_of("/pipe", true),
            plain("/pipe/a"),
            exists("/pipe/a", false),
            set_data("/pipe", "3", 1),
            sync("/"),
        ],
    )?;
    s.call("c", close_session())
}

pub(super) fn reconfig_refused(s: &mut Stage) -> Result<()> {
    let reconfig = |joining: &str| Jute::new().text(joining).int(-1).int(-1).long(-1);
    s.open("c")?;
    s.all(
        "c",
        [
            any("reconfig", op::RECONFIG, reconfig("server.2=localhost:1:2;3")),
            any("reconfig without a body", op::RECONFIG, Jute::new()),
            exists("/", false).note("the zxid after it"),
            close_session(),
        ],
    )
}
