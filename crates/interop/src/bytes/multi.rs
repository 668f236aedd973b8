//! multi and multiRead.

use anyhow::Result;

use super::request::{
    EPHEMERAL, EPHEMERAL_SEQUENTIAL, OPEN, PERSISTENT, SEQUENTIAL, any, check, children_of,
    children2_of, close_session, create, create2, data_of, delete, exists, multi, multi_end,
    multi_read, plain, set_acl, set_data,
};
use super::stage::Stage;
use crate::wire::{Jute, NULL, op};

pub(super) fn good(s: &mut Stage) -> Result<()> {
    let container = create("/multi/c", "x", OPEN, 4).op(op::CREATE_CONTAINER);
    s.open("c")?;
    s.all(
        "c",
        [
            multi([]),
            multi([plain("/multi"), plain("/multi/a"), set_data("/multi/a", "new", 0)]),
            data_of("/multi/a", false),
            multi([
                check("/multi", 0),
                create2("/multi/two", "2", PERSISTENT),
                container,
                create("/multi/s-", "x", OPEN, SEQUENTIAL),
                create("/multi/s-", "x", OPEN, EPHEMERAL_SEQUENTIAL),
                create2("/multi/e", "mine", EPHEMERAL),
                delete("/multi/a", 1),
                set_data("/multi", "changed", -1),
            ]),
            children2_of("/multi", false),
            data_of("/multi/two", false),
            multi([plain("/multi/t"), delete("/multi/t", 0)]).note("create and delete again"),
            multi([check("/multi/two", -1)]),
            multi([set_data("/multi", "a", 1), set_data("/multi", "b", 2), check("/multi", 3)]),
            exists("/multi", false),
            close_session(),
        ],
    )
}

pub(super) fn failing(s: &mut Stage) -> Result<()> {
    s.open("c")?;
    s.all(
        "c",
        [
            plain("/mf"),
            multi([plain("/mf/a"), check("/mf", 5), delete("/mf", -1)]),
            exists("/mf/a", false),
            multi([plain("/mf")]),
            multi([check("/mf/none", -1), plain("/mf/a")]),
            multi([plain("/mf/a"), plain("/mf/b"), plain("/mf/a")]),
            multi([set_data("/mf", "x", 4)]),
            multi([delete("/mf/none", -1)]),
            multi([plain("/mf/a"), delete("/mf", -1)]).note("parent has a child by then"),
            multi([create("/mf/s-", "x", OPEN, SEQUENTIAL), check("/mf", 9)]),
            create("/mf/s-", "x", OPEN, SEQUENTIAL).note("the failed multi gave its number back"),
            multi([plain("bad"), plain("/mf/a")]),
            multi([create("/mf/x", "x", &[], PERSISTENT)]).note("empty acl"),
            multi([create(NULL, "x", OPEN, PERSISTENT)]),
            multi([delete(NULL, -1)]),
            multi([set_data(NULL, "x", -1)]),
            multi([check(NULL, -1)]),
            multi([check("", -1)]),
            multi([create2("/mf/e", "x", EPHEMERAL), plain("/mf/e/child")]),
            multi([check("/", -1), check("/zookeeper/config", -1)]),
            children2_of("/mf", false),
            close_session(),
        ],
    )
}

pub(super) fn malformed(s: &mut Stage) -> Result<()> {
    let item = |kind: i32| Jute::new().int(kind).byte(0).int(-1);
    let raw = |label: &str, body: Jute| any(label, op::MULTI, body);
    let whole = multi([plain("/mm/a"), plain("/mm/b")]);
    s.open("c")?;
    s.call("c", plain("/mm"))?;
    s.all(
        "c",
        [
            multi([plain("/mm/a"), set_acl("/mm", OPEN, -1)]).note("setACL is not allowed"),
            multi([exists("/mm", false)]),
            multi([data_of("/mm", false)]),
            multi([children_of("/mm", false)]),
            multi([plain("/mm/a"), data_of("/mm", false)]),
            multi([create("/mm/a", "x", OPEN, 9)]).note("bad flags"),
            raw("an unknown op inside", multi_end(item(99))),
            raw("op 0 inside", multi_end(item(0))),
            raw("no body at all", Jute::new()),
            raw("half a header", Jute::new().int(1).byte(0)),
            raw("no end header", item(2).text("/mm/none").int(-1)),
            whole.clone().cut(30),
            whole.clone().cut(60),
            whole.trailing(b"after the end"),
            raw("end header with type 1", Jute::new().int(1).byte(1).int(0)),
            children2_of("/mm", false),
            close_session(),
        ],
    )
}

pub(super) fn reads(s: &mut Stage) -> Result<()> {
    s.open("c")?;
    s.all(
        "c",
        [
            plain("/mr"),
            plain("/mr/a"),
            multi_read([]),
            multi_read([data_of("/mr", false), children_of("/mr", false)]),
            multi_read([data_of("/mr/none", false), data_of("/mr", false)]).note("not atomic"),
            multi_read([children_of("/mr/none", false)]),
            multi_read([data_of("", false), data_of("bad", false)]),
            multi_read([data_of(NULL, false)]),
            multi_read([data_of("/mr", true)]).note("the watch flag is dropped"),
            set_data("/mr", "changed", -1).note("no event"),
            multi_read([exists("/mr", false)]),
            multi_read([plain("/mr/b")]),
            multi_read([data_of("/mr", false), plain("/mr/b")]),
            multi_read([data_of("/mr", false)]).cut(12),
            close_session(),
        ],
    )
}
