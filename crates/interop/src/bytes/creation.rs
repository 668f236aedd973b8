//! create, create2 and createContainer.

use anyhow::Result;

use super::request::{
    Acl, CONTAINER, EPHEMERAL, EPHEMERAL_SEQUENTIAL, OPEN, Ours, PERSISTENT, SEQUENTIAL, TTL,
    TTL_SEQUENTIAL, TTL_SERVED, any, children2_of, close_session, create, create2, data_of, delete,
    exists, plain,
};
use super::stage::Stage;
use crate::wire::{Jute, NULL, op};

pub(super) fn kinds(s: &mut Stage) -> Result<()> {
    s.open("c")?;
    s.all(
        "c",
        [
            plain("/create"),
            exists("/create", false),
            create("/create/null", NULL, OPEN, PERSISTENT),
            data_of("/create/null", false),
            create("/create/empty", "", OPEN, PERSISTENT),
            data_of("/create/empty", false),
            create("/create/é✓", "ü", OPEN, PERSISTENT),
            data_of("/create/é✓", false),
            create2("/create/two", "data", PERSISTENT),
            create2("/create/eph", "mine", EPHEMERAL),
            data_of("/create/eph", false),
            plain("/create/eph/child").note("child of an ephemeral"),
            plain("/create/two").note("exists"),
            create2("/create/two", "x", PERSISTENT).note("exists"),
            plain("/create/two/three"),
            exists("/create/two", false).note("cversion and pzxid of the parent"),
            plain("/create/no/parent"),
            create("/create/flag4", "x", OPEN, CONTAINER).note("container flag under create"),
            exists("/create/flag4", false),
            create("/create/dup", "x", &[OPEN[0], OPEN[0], Acl(1, "world", "anyone")], PERSISTENT),
            children2_of("/create", false),
            children2_of("/", false),
            close_session(),
        ],
    )?;
    s.open("d")?;
    s.all("d", [children2_of("/create", false).note("ephemerals gone"), close_session()])
}

pub(super) fn bad_paths(s: &mut Stage) -> Result<()> {
    s.open("c")?;
    s.call("c", plain("/bad"))?;
    let paths = [
        "",
        "bad",
        "/",
        "//",
        "/bad/",
        "/bad//x",
        "/bad/.",
        "/bad/..",
        "/bad/./x",
        "/bad/../x",
        "/bad/...",
        "/bad/.x",
        "/bad/x\0y",
        "/bad/\u{1}",
        "/bad/\u{1f}",
        "/bad/\u{7f}",
        "/bad/\u{9f}",
        "/bad/\u{a0}",
        "/bad/\u{d7ff}",
        "/bad/\u{e000}",
        "/bad/\u{f8ff}",
        "/bad/\u{f900}",
        "/bad/\u{ffef}",
        "/bad/\u{fff0}",
        "/bad/\u{1f600}",
        "/zookeeper",
        "/zookeeper/",
        "/zookeeper/config",
        "/zookeeper/quota",
        "/bad/ spaced name ",
        "/bad/a:b@c",
    ];
    for path in paths {
        s.call("c", plain(path))?;
    }
    s.all(
        "c",
        [
            create(NULL, "x", OPEN, PERSISTENT),
            create(&b"/bad/\xff\xfe"[..], "x", OPEN, PERSISTENT).note("invalid UTF-8"),
            create(&b"/bad/\xed\xa0\x80"[..], "x", OPEN, PERSISTENT).note("a lone surrogate"),
            plain("/zookeeper/mine"),
            delete("/zookeeper/mine", -1),
            children2_of("/bad", false),
            close_session(),
        ],
    )
}

pub(super) fn bad_arguments(s: &mut Stage) -> Result<()> {
    s.open("c")?;
    s.call("c", plain("/args"))?;
    for flags in [7, 8, 100, -1, i32::MIN, i32::MAX] {
        s.call("c", create("/args/x", "x", OPEN, flags))?;
        s.call("c", create2("/args/x", "x", flags))?;
    }
    let null_acl = |path: &str| Jute::new().text(path).text("x").int(-1).int(0);
    s.all(
        "c",
        [
            create("/args/ttl", "x", OPEN, TTL).ours(TTL_SERVED, Ours::Error(-8)),
            create("/args/ttl", "x", OPEN, TTL_SEQUENTIAL).ours(TTL_SERVED, Ours::Error(-8)),
            create2("/args/ttl", "x", TTL).ours(TTL_SERVED, Ours::Error(-8)),
            create("/args/x", "x", &[], PERSISTENT).note("empty acl"),
            any("create with null acl", op::CREATE, null_acl("/args/x")),
            any(
                "create with acl count -7",
                op::CREATE,
                Jute::new().text("/args/x").text("x").int(-7).int(0),
            ),
            create("/args/none", "x", &[], 9).note("bad flags before bad acl"),
            create("/none/none", "x", &[], 0).note("bad acl before missing parent"),
            create("none", "x", &[], 0).note("bad path before bad acl"),
            children2_of("/args", false),
            close_session(),
        ],
    )
}

pub(super) fn sequential(s: &mut Stage) -> Result<()> {
    s.open("c")?;
    s.all(
        "c",
        [
            plain("/seq"),
            create("/seq/a-", "x", OPEN, SEQUENTIAL),
            create("/seq/b-", "x", OPEN, EPHEMERAL_SEQUENTIAL),
            plain("/seq/plain").note("counts as well"),
            create("/seq/a-", "x", OPEN, SEQUENTIAL),
            delete("/seq/plain", -1),
            create("/seq/a-", "x", OPEN, SEQUENTIAL).note("a delete does not count"),
            create("/seq/", "x", OPEN, SEQUENTIAL).note("no name of its own"),
            create2("/seq/é-", "x", SEQUENTIAL),
            create("/seq/no/a-", "x", OPEN, SEQUENTIAL),
            create("/seq-", "x", OPEN, SEQUENTIAL).note("in the root"),
            create("/seq/./", "x", OPEN, SEQUENTIAL),
            create("/seq/c-", "x", OPEN, SEQUENTIAL).note("after failures"),
            children2_of("/seq", false),
            close_session(),
        ],
    )
}

pub(super) fn container(s: &mut Stage) -> Result<()> {
    let container =
        |path: &str, flags: i32| create(path, "c", OPEN, flags).op(op::CREATE_CONTAINER);
    s.open("c")?;
    s.all(
        "c",
        [
            container("/container", CONTAINER),
            exists("/container", false).note("shows no owner"),
            container("/container/zero", PERSISTENT),
            exists("/container/zero", false),
            container("/container/eph", EPHEMERAL),
            container("/container/seq-", SEQUENTIAL),
            container("/container/bad", 9),
            container("/container/ttl", TTL).ours(TTL_SERVED, Ours::Error(-8)),
            container("/container", CONTAINER).note("exists"),
            plain("/container/child"),
            children2_of("/container", false),
            delete("/container", -1).note("has children"),
            close_session(),
        ],
    )
}
