//! setData, delete, setACL and the zxids that failures use up.

use anyhow::Result;

use super::request::{
    Acl, OPEN, Ours, acl_of, check, children2_of, close_session, data_of, delete, exists, plain,
    set_acl, set_data, sync,
};
use super::stage::Stage;
use crate::wire::NULL;

pub(super) fn set_data_scenario(s: &mut Stage) -> Result<()> {
    s.open("c")?;
    s.all(
        "c",
        [
            plain("/set"),
            set_data("/set", "one", 0),
            set_data("/set", "two", -1),
            set_data("/set", "three", 1).note("stale version"),
            set_data("/set", "three", 3).note("version to come"),
            set_data("/set", "three", -2),
            set_data("/set", NULL, 2),
            data_of("/set", false),
            set_data("/set", "", -1),
            data_of("/set", false),
            set_data("/set/missing", "x", -1),
            set_data("/set/missing", "x", 7).note("missing before version"),
            set_data("/", "root", -1),
            data_of("/", false),
            set_data("/", "", -1),
            set_data("", "x", -1),
            set_data("set", "x", -1),
            set_data("/set/", "x", -1),
            set_data("/set//a", "x", -1),
            set_data(NULL, "x", -1),
            set_data("/set\0", "x", -1),
            set_data("/zookeeper/config", "x", -1),
            set_data("/zookeeper", "x", -1),
            set_data("/zookeeper", "", -1),
            set_data("/set", "x", -1).cut(5),
            set_data("/set", "x", -1).cut(8).note("no data"),
            set_data("/set", "xyz", -1).cut(12).note("no version"),
            data_of("/set", false),
            close_session(),
        ],
    )
}

pub(super) fn delete_scenario(s: &mut Stage) -> Result<()> {
    s.open("c")?;
    s.all(
        "c",
        [
            plain("/del"),
            plain("/del/a"),
            plain("/del/b"),
            delete("/del", -1).note("has children"),
            delete("/del", 9).note("version before children"),
            delete("/del/a", 1),
            delete("/del/a", -2),
            delete("/del/a", 0),
            delete("/del/a", -1).note("gone"),
            delete("/del/x/y", -1).note("no parent"),
            exists("/del", false).note("cversion after a delete"),
            delete("/del/b", -1),
            children2_of("/del", false),
            delete("/del", -1),
            delete("/", -1),
            delete("/zookeeper", -1),
            delete("/zookeeper/quota", -1),
            delete("/zookeeper/config", -1),
            delete("", -1),
            delete("del", -1),
            delete("/del/", -1),
            delete("//", -1),
            delete("/del//x", -1),
            delete("/del\0", -1),
            delete("/\u{1}", -1),
            delete(NULL, -1),
            delete("/del", -1).cut(9).note("half a version"),
            close_session(),
        ],
    )
}

pub(super) fn set_acl_scenario(s: &mut Stage) -> Result<()> {
    let ip: &[Acl] = &[Acl(31, "ip", "127.0.0.1")];
    s.open("c")?;
    s.all(
        "c",
        [
            plain("/acl"),
            set_acl("/acl", OPEN, 0),
            set_acl("/acl", ip, 0).note("stale aversion"),
            set_acl("/acl", ip, 1),
            acl_of("/acl"),
            exists("/acl", false),
            set_acl("/acl", OPEN, -1),
            set_acl("/acl", OPEN, -2),
            set_acl("/acl", &[], -1),
            set_acl("/acl/none", OPEN, -1),
            set_acl("/acl/none", &[], -1).note("acl before missing"),
            set_acl("", OPEN, -1),
            set_acl("acl", OPEN, -1),
            set_acl("/acl/", OPEN, -1),
            set_acl(NULL, OPEN, -1),
            set_acl("/acl", OPEN, -1).cut(10),
            set_acl("/acl", &[Acl(0, "world", "anyone")], -1).note("no permission at all"),
            acl_of("/acl"),
            data_of("/acl", false),
            close_session(),
        ],
    )
}

/// A failed write uses up a zxid, an undecodable one does not, reads never.
pub(super) fn zxids_of_failures(s: &mut Stage) -> Result<()> {
    s.open("c")?;
    s.all(
        "c",
        [
            plain("/zx"),
            plain("/zx"),
            sync("/"),
            delete("/zx/no", -1),
            exists("/zx", false),
            plain("/zx/cut").cut(9),
            exists("/zx", false),
            plain("bad"),
            exists("/zx", false),
            set_acl("/zx", &[], -1),
            exists("/zx", false),
            check("/zx", 0)
                .closes()
                .note("outside a multi")
                .ours("a lone check is refused and the connection lives", Ours::SameAndOpen),
        ],
    )?;
    s.hello("d", "resume", |side| side.resuming("c"))?;
    s.all("d", [exists("/zx", false), close_session()])
}
