//! One-shot watches and setWatches.

use anyhow::Result;

use super::request::{
    EPHEMERAL, OPEN, Request, any, check_watches, children_of, children2_of, close_session, create,
    data_of, delete, exists, multi, ping, plain, remove_watches, set_acl, set_data,
};
use super::stage::Stage;
use crate::wire::{Jute, op};

pub(super) fn data(s: &mut Stage) -> Result<()> {
    s.open("c")?;
    s.open("w")?;
    s.all("c", [plain("/wd")])?;
    s.all("w", [exists("/wd/a", true), data_of("/wd/a", true), ping()])?;
    s.call("c", plain("/wd/a"))?;
    s.all("w", [ping(), data_of("/wd/a", true)])?;
    s.call("c", set_data("/wd/a", "y", -1))?;
    s.all("w", [ping(), exists("/wd/a", true)])?;
    s.call("c", set_acl("/wd/a", OPEN, -1))?;
    s.call("w", ping().note("setACL fires nothing"))?;
    s.call("c", delete("/wd/a", -1))?;
    s.call("w", ping())?;
    s.all(
        "w",
        [
            exists("/wd/own", true),
            plain("/wd/own").note("event before the reply to one's own write"),
            data_of("/wd/own", true),
            set_data("/wd/own", "z", -1),
            data_of("/wd/own", true),
            set_data("/wd/own", "z", 99).note("a failed write fires nothing"),
            exists("/wd/nul\0", true),
            close_session(),
        ],
    )?;
    s.call("c", close_session())
}

pub(super) fn children(s: &mut Stage) -> Result<()> {
    s.open("c")?;
    s.open("w")?;
    s.all("c", [plain("/wc"), plain("/wc/a")])?;
    s.all("w", [children_of("/wc", true), children2_of("/wc/a", true), data_of("/wc/a", true)])?;
    s.call("c", set_data("/wc", "x", -1))?;
    s.call("w", ping().note("data does not fire a child watch"))?;
    s.call("c", delete("/wc/a", -1))?;
    s.all("w", [ping(), children_of("/wc", true)])?;
    s.call("c", plain("/wc/b"))?;
    s.all("w", [ping(), children_of("/wc/none", true), children2_of("/wc", true)])?;
    s.call("c", create("/wc/e", "x", OPEN, EPHEMERAL))?;
    s.all("w", [ping(), children_of("/wc", true), exists("/wc/e", true)])?;
    s.call("c", close_session().note("its ephemeral goes"))?;
    s.all("w", [ping(), close_session()])
}

/// Idempotent registration; one event for several matching watches.
pub(super) fn once(s: &mut Stage) -> Result<()> {
    s.open("c")?;
    s.open("w")?;
    s.call("c", plain("/wo"))?;
    s.all(
        "w",
        [data_of("/wo", true), data_of("/wo", true), exists("/wo", true), children_of("/wo", true)],
    )?;
    s.all("c", [set_data("/wo", "1", -1), set_data("/wo", "2", -1)])?;
    s.call("w", ping())?;
    s.all("w", [exists("/wo", true), data_of("/wo", false).note("does not take it away")])?;
    s.call("c", delete("/wo", -1))?;
    s.call("w", ping().note("data and child watch, one event"))?;
    s.drop_connection("w");
    s.hello("w", "resume", |side| side.resuming("w"))?;
    s.call("w", exists("/wo", true))?;
    s.drop_connection("w");
    s.hello("w", "resume: watches are gone", |side| side.resuming("w"))?;
    s.call("c", plain("/wo"))?;
    s.all("w", [ping(), close_session()])?;
    s.call("c", close_session())
}

pub(super) fn order(s: &mut Stage) -> Result<()> {
    s.open("c")?;
    s.open("w")?;
    s.call("c", plain("/order"))?;
    s.all(
        "w",
        [
            children_of("/order", true),
            exists("/order/a", true),
            exists("/order/b", true),
            data_of("/order", true),
        ],
    )?;
    s.call(
        "c",
        multi([
            plain("/order/b"),
            set_data("/order", "x", -1),
            plain("/order/a"),
            delete("/order/b", -1),
        ]),
    )?;
    s.call("w", ping().note("events in the order of the multi"))?;
    s.all("w", [children_of("/order", true), exists("/order/a", true)])?;
    s.call(
        "c",
        multi([plain("/order/x"), plain("/order/a")]).note("a failed multi fires nothing"),
    )?;
    s.all("w", [ping(), close_session()])?;
    s.call("c", close_session())
}

pub(super) fn remove(s: &mut Stage) -> Result<()> {
    s.open("c")?;
    s.all("c", [plain("/wr"), data_of("/wr", true), children_of("/wr", true)])?;
    for kind in [1, 2, 3, 4, 5, 0, 6, -1] {
        s.call("c", check_watches("/wr", kind))?;
    }
    s.all(
        "c",
        [
            remove_watches("/wr", 1),
            remove_watches("/wr", 1),
            check_watches("/wr", 3),
            remove_watches("/wr", 2),
            check_watches("/wr", 3),
            remove_watches("/wr", 3),
            data_of("/wr", true),
            children_of("/wr", true),
            remove_watches("/wr", 3),
            set_data("/wr", "y", -1).note("silence"),
            plain("/wr/child").note("silence"),
            remove_watches("/other", 3),
            remove_watches("bad", 3),
            remove_watches("", 3),
            remove_watches("/wr", 0),
            remove_watches("/wr", 9),
            remove_watches("/wr", 3).cut(6),
            exists("/wr/none", true),
            remove_watches("/wr/none", 2),
            plain("/wr/none").note("silence"),
            close_session(),
        ],
    )
}

/// setWatches with lists of data, exist and child watches.
fn set_watches_request(relative: i64, lists: [&[&str]; 3]) -> Request {
    let body = lists.iter().fold(Jute::new().long(relative), |jute, list| jute.texts(list));
    let mut request = any("setWatches", op::SET_WATCHES, body);
    request.xid = Some(-8);
    request
}

pub(super) fn set_watches(s: &mut Stage) -> Result<()> {
    s.open("c")?;
    s.open("w")?;
    s.all("c", [plain("/sw"), plain("/sw/same"), plain("/sw/changed"), plain("/sw/gone")])?;
    s.all("c", [set_data("/sw/changed", "new", -1), delete("/sw/gone", -1)])?;
    // Six zxids so far after the two sessions; 5 lies between the creates and the change.
    s.call_with("w", "setWatches with catch-up", |side| {
        set_watches_request(
            side.absolute_zxid(6),
            [
                &["/sw/same", "/sw/changed", "/sw/gone", "/sw/never"],
                &["/sw/same", "/sw/gone", "/sw/never"],
                &["/sw", "/sw/same", "/sw/gone"],
            ],
        )
    })?;
    s.call("c", set_data("/sw/same", "x", -1))?;
    s.call("c", plain("/sw/gone"))?;
    s.call("c", plain("/sw/never"))?;
    s.call("c", plain("/sw/same/child"))?;
    s.call("w", ping().note("what was registered fires"))?;
    let null_list = Jute::new().long(0).int(-1).int(0).int(0);
    let mut null_list = any("setWatches with a null list", op::SET_WATCHES, null_list);
    null_list.xid = Some(-8);
    s.all(
        "w",
        [
            null_list,
            set_watches_request(0, [&[], &[], &[]]),
            set_watches_request(i64::MAX, [&["/sw"], &[], &["/sw"]]).note("nothing is newer"),
            set_watches_request(0, [&["/sw"], &[], &[]]).xid(77),
            set_watches_request(0, [&["bad"], &["bad", ""], &["//"]]).note("bad paths"),
            set_watches_request(0, [&["/sw"], &[], &[]]).cut(20),
            close_session(),
        ],
    )?;
    s.call("c", close_session())
}
