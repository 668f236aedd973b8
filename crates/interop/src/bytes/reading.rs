//! Requests that only read.

use anyhow::Result;

use super::request::{
    EPHEMERAL, OPEN, acl_of, children_of, children2_of, close_session, create, data_of, delete,
    exists, path_only, plain, sync, who_am_i,
};
use super::stage::Stage;
use crate::wire::{NULL, op};

pub(super) fn initial_tree(s: &mut Stage) -> Result<()> {
    s.open("c")?;
    for path in ["/zookeeper", "/zookeeper/quota", "/zookeeper/config"] {
        s.all("c", [data_of(path, false), children2_of(path, false), acl_of(path)])?;
    }
    s.all("c", [data_of("/", false), acl_of("/"), close_session()])
}

pub(super) fn reads(s: &mut Stage) -> Result<()> {
    s.open("c")?;
    s.all(
        "c",
        [
            plain("/read"),
            plain("/read/a"),
            plain("/read/b"),
            exists("/read", false),
            data_of("/read", false),
            children_of("/read", false),
            children2_of("/read", false),
            children_of("/read/a", false),
            acl_of("/read"),
            sync("/read"),
            sync("/not/there"),
            sync("not a path"),
            sync(""),
            sync(NULL),
            who_am_i(),
            who_am_i().trailing(b"abc"),
            exists("/missing", false),
            data_of("/missing", false),
            children_of("/missing", false),
            children2_of("/missing", false),
            acl_of("/missing"),
            close_session(),
        ],
    )
}

pub(super) fn bad_paths(s: &mut Stage) -> Result<()> {
    s.open("c")?;
    s.call("c", plain("/readbad"))?;
    for path in ["", "readbad", "//", "/readbad/", "/readbad//x", "/\0", "/readbad/\u{1}", "/./a"] {
        s.all(
            "c",
            [
                exists(path, false),
                data_of(path, false),
                children_of(path, false),
                children2_of(path, false),
                acl_of(path),
                path_only("getEphemerals", op::GET_EPHEMERALS, path),
            ],
        )?;
    }
    // Of the empty path Apache counts one more than of "/"; ours says the same of both.
    for path in ["readbad", "//", "/readbad/", "/readbad//x", "/\0", "/./a"] {
        s.call("c", path_only("getAllChildrenNumber", op::GET_ALL_CHILDREN_NUMBER, path))?;
    }
    s.all(
        "c",
        [
            exists(NULL, false),
            data_of(NULL, false),
            children_of(NULL, false),
            children2_of(NULL, false),
            acl_of(NULL),
            path_only("getAllChildrenNumber", op::GET_ALL_CHILDREN_NUMBER, NULL),
            path_only("getEphemerals", op::GET_EPHEMERALS, NULL),
            data_of("/readbad", false).cut(6),
            data_of("/readbad", false).cut(12).note("no watch flag"),
            data_of("/readbad", false).trailing(b"zz"),
            exists("/readbad", false).cut(0),
            close_session(),
        ],
    )
}

pub(super) fn counts(s: &mut Stage) -> Result<()> {
    let ephemerals = |path: &str| path_only("getEphemerals", op::GET_EPHEMERALS, path);
    let number = |path: &str| path_only("getAllChildrenNumber", op::GET_ALL_CHILDREN_NUMBER, path);
    s.open("c")?;
    s.open("d")?;
    s.all(
        "c",
        [
            ephemerals("/"),
            plain("/count"),
            plain("/count/a"),
            plain("/count/a/b"),
            plain("/count2"),
            create("/count/e1", "x", OPEN, EPHEMERAL),
            create("/count/e2", "x", OPEN, EPHEMERAL),
            create("/count2/e3", "x", OPEN, EPHEMERAL),
            ephemerals("/"),
            ephemerals("/count"),
            ephemerals("/count/"),
            ephemerals("/count/e1"),
            ephemerals("/nothing"),
            number("/count"),
            number("/count/a"),
            number("/count/a/b"),
            number("/count2"),
            number("/"),
            number("/nothing"),
        ],
    )?;
    s.all("d", [ephemerals("/").note("of another session"), close_session()])?;
    s.call("c", close_session())
}

/// Enough children that a server may keep or send them in parts.
pub(super) fn many_children(s: &mut Stage) -> Result<()> {
    s.open("c")?;
    s.call("c", plain("/many"))?;
    for number in 0..200 {
        s.call("c", plain(&format!("/many/child-{number:03}")))?;
    }
    s.all("c", [children_of("/many", false), exists("/many", false)])?;
    for number in (0..200).step_by(3).chain(64..129) {
        s.call("c", delete(&format!("/many/child-{number:03}"), -1))?;
    }
    s.call("c", children2_of("/many", false))?;
    for number in 60..70 {
        s.call("c", plain(&format!("/many/child-{number:03}")))?;
    }
    s.all("c", [children2_of("/many", false), close_session()])
}
