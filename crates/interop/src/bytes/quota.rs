//! Quota znodes: accounting and hard limits.

use anyhow::Result;

use super::request::{
    OPEN, Request, close_session, create, data_of, delete, multi, plain, set_data,
};
use super::stage::Stage;
use crate::wire::Jute;

fn limits(path: &str, text: &str) -> Request {
    create(&format!("/zookeeper/quota{path}/zookeeper_limits"), text, OPEN, 0)
}

fn stats(path: &str) -> Request {
    create(&format!("/zookeeper/quota{path}/zookeeper_stats"), "count=0,bytes=0", OPEN, 0)
}

fn stats_of(path: &str) -> Request {
    data_of(&format!("/zookeeper/quota{path}/zookeeper_stats"), false)
}

pub(super) fn accounting(s: &mut Stage) -> Result<()> {
    s.open("c")?;
    s.all(
        "c",
        [
            plain("/quota"),
            create("/quota/before", "12345", OPEN, 0),
            plain("/zookeeper/quota/quota"),
            limits("/quota", "count=100,bytes=1000"),
            stats("/quota"),
            stats_of("/quota").note("counted when created"),
            create("/quota/a", "123", OPEN, 0),
            stats_of("/quota"),
            set_data("/quota/a", "1", -1),
            stats_of("/quota"),
            set_data("/quota", "1234567890", -1),
            stats_of("/quota").note("the znode itself counts"),
            delete("/quota/a", -1),
            stats_of("/quota"),
            plain("/quotax").note("a sibling does not count"),
            stats_of("/quota"),
            multi([plain("/quota/m"), set_data("/quota/m", "abc", -1)]),
            stats_of("/quota"),
            delete("/zookeeper/quota/quota/zookeeper_limits", -1),
            plain("/quota/after"),
            stats_of("/quota").note("no longer counted"),
            close_session(),
        ],
    )
}

pub(super) fn hard_limits(s: &mut Stage) -> Result<()> {
    s.open("c")?;
    s.all(
        "c",
        [
            plain("/hard"),
            plain("/zookeeper/quota/hard"),
            limits("/hard", "count=-1,bytes=-1=;byteHardLimit=10;countHardLimit=3"),
            stats("/hard"),
            plain("/hard/a"),
            create("/hard/long", "123456789", OPEN, 0).note("too many bytes"),
            plain("/hard/b"),
            plain("/hard/c").note("too many znodes"),
            set_data("/hard/a", "123456789", -1).note("too many bytes"),
            set_data("/hard/a", "12345678", -1),
            set_data("/hard/a", "87654321", -1),
            set_data("/hard/a", "1", -1),
            multi([set_data("/hard/a", "2", -1), plain("/hard/c")]).note("too many znodes"),
            delete("/hard/b", -1),
            plain("/hard/c"),
            stats_of("/hard"),
            set_data("/zookeeper/quota/hard/zookeeper_limits", "count=1,bytes=1", -1),
            plain("/hard/soft").note("soft limits only warn"),
            stats_of("/hard"),
            set_data("/zookeeper/quota/hard/zookeeper_limits", "nonsense", -1),
        ],
    )?;
    // The last step: the zxid of the znode is on one server only.
    let created = Jute::new().int(21).long(20).int(0).text("/hard/nonsense");
    let reason = "quota limits that are no numbers are no limit";
    s.call("c", plain("/hard/nonsense").ours_exactly(reason, created))?;
    s.call("c", close_session())
}
