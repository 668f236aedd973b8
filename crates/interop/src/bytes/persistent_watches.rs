//! addWatch, its two modes, and setWatches2.

use anyhow::Result;

use super::request::{
    Request, add_watch, any, check_watches, children_of, close_session, data_of, delete, exists,
    multi, path_only, ping, plain, remove_watches, set_data,
};
use super::stage::Stage;
use crate::wire::{Jute, NULL, op};

pub(super) fn persistent(s: &mut Stage) -> Result<()> {
    s.open("c")?;
    s.open("w")?;
    s.call("c", plain("/pw"))?;
    s.all("w", [add_watch("/pw", 0), add_watch("/pw", 0), add_watch("/pw/later", 0)])?;
    s.all(
        "c",
        [
            set_data("/pw", "1", -1),
            set_data("/pw", "2", -1),
            plain("/pw/child"),
            plain("/pw/child/grand"),
            set_data("/pw/child", "x", -1),
            plain("/pw/later"),
            delete("/pw/later", -1),
        ],
    )?;
    s.call("w", ping())?;
    s.all("c", [delete("/pw/child/grand", -1), delete("/pw/child", -1), delete("/pw", -1)])?;
    s.call("w", ping().note("one event for the delete"))?;
    s.call("c", plain("/pw"))?;
    s.all(
        "w",
        [ping(), check_watches("/pw", 4), check_watches("/pw", 5), check_watches("/pw", 3)],
    )?;
    s.all("w", [remove_watches("/pw", 4), check_watches("/pw", 3), remove_watches("/pw", 4)])?;
    s.call("c", set_data("/pw", "silence", -1))?;
    s.all(
        "w",
        [
            ping(),
            add_watch("", 0),
            add_watch("bad", 0),
            add_watch("/pw//", 1),
            add_watch("/pw", 2),
            add_watch("/pw", -1),
            path_only("addWatch without a mode", op::ADD_WATCH, "/pw"),
            path_only("addWatch without a mode", op::ADD_WATCH, NULL),
            close_session(),
        ],
    )?;
    s.call("c", close_session())
}

pub(super) fn recursive(s: &mut Stage) -> Result<()> {
    s.open("c")?;
    s.open("w")?;
    s.call("c", plain("/rw"))?;
    s.call("w", add_watch("/rw", 1))?;
    s.all(
        "c",
        [
            plain("/rw/a"),
            plain("/rw/a/b"),
            set_data("/rw/a/b", "x", -1),
            set_data("/rw", "x", -1),
            plain("/rwx").note("a sibling with the same beginning"),
            delete("/rw/a/b", -1),
            multi([plain("/rw/m"), set_data("/rw/m", "y", -1), delete("/rw/m", -1)]),
        ],
    )?;
    s.call("w", ping())?;
    s.call("w", add_watch("/", 1).note("an ancestor as well"))?;
    s.all("c", [plain("/rw/a/c"), delete("/rwx", -1)])?;
    s.call("w", ping().note("one event for both"))?;
    s.all("w", [remove_watches("/", 5), remove_watches("/rw", 4), remove_watches("/rw", 5)])?;
    s.call("c", set_data("/rw/a", "silence", -1))?;
    s.all("w", [ping(), close_session()])?;
    s.call("c", close_session())
}

/// One-shot, persistent and recursive watches of one connection on one path.
pub(super) fn together(s: &mut Stage) -> Result<()> {
    s.open("c")?;
    s.open("w")?;
    s.all("c", [plain("/tw"), plain("/tw/a")])?;
    s.all(
        "w",
        [
            data_of("/tw", true),
            children_of("/tw", true),
            add_watch("/tw", 0),
            add_watch("/tw", 1),
            data_of("/tw/a", true),
            exists("/tw/a", true),
        ],
    )?;
    for kind in 1..=5 {
        s.call("w", check_watches("/tw", kind))?;
    }
    s.all("c", [set_data("/tw", "1", -1), set_data("/tw", "2", -1), set_data("/tw/a", "1", -1)])?;
    s.call("w", ping())?;
    s.all("c", [plain("/tw/b"), delete("/tw/a", -1)])?;
    s.call("w", ping())?;
    s.all("w", [remove_watches("/tw", 2), data_of("/tw", true), remove_watches("/tw", 2)])?;
    s.all("w", [remove_watches("/tw", 4)])?;
    s.call("c", set_data("/tw", "3", -1))?;
    s.all("w", [ping(), remove_watches("/tw", 3)])?;
    for kind in 1..=5 {
        s.call("w", check_watches("/tw", kind))?;
    }
    s.call("c", set_data("/tw", "silence", -1))?;
    s.all("w", [ping(), close_session()])?;
    s.call("c", close_session())
}

fn set_watches2_request(relative: i64, lists: [&[&str]; 5]) -> Request {
    let body = lists.iter().fold(Jute::new().long(relative), |jute, list| jute.texts(list));
    let mut request = any("setWatches2", op::SET_WATCHES2, body);
    request.xid = Some(-8);
    request
}

pub(super) fn set_watches2(s: &mut Stage) -> Result<()> {
    s.open("c")?;
    s.open("w")?;
    s.all("c", [plain("/s2"), plain("/s2/a"), set_data("/s2/a", "new", -1)])?;
    s.call_with("w", "setWatches2 of all kinds", |side| {
        set_watches2_request(
            side.absolute_zxid(4),
            [&["/s2/a"], &["/s2/later"], &["/s2"], &["/s2/a"], &["/s2", "/none"]],
        )
    })?;
    s.all("c", [set_data("/s2/a", "2", -1), plain("/s2/later"), delete("/s2/a", -1)])?;
    s.call("w", ping())?;
    s.all(
        "w",
        [
            set_watches2_request(0, [&[], &[], &[], &[], &[]]),
            set_watches2_request(0, [&[], &[], &[], &["/x"], &["/y"]]).cut(24),
            close_session(),
        ],
    )?;
    s.call("c", close_session())
}
