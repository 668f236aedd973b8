//! createTTL, with and without Apache's `extendedTypesEnabled`.

use anyhow::Result;

use super::request::{
    EPHEMERAL, Ours, PERSISTENT, TTL, TTL_SEQUENTIAL, TTL_SERVED, children2_of, close_session,
    create_ttl, delete, exists, multi, plain,
};
use super::stage::Stage;
use crate::wire::Jute;

/// Largest ttl that fits the owner field: 40 bits.
const TTL_MS_MAX: i64 = 0xFF_FFFF_FFFF;

pub(super) fn on(s: &mut Stage) -> Result<()> {
    s.open("c")?;
    s.all(
        "c",
        [
            plain("/ttl"),
            create_ttl("/ttl/a", TTL, 500_000),
            exists("/ttl/a", false).note("shows no owner"),
            create_ttl("/ttl/s-", TTL_SEQUENTIAL, 500_000),
            create_ttl("/ttl/s-", TTL_SEQUENTIAL, TTL_MS_MAX),
            create_ttl("/ttl/b", TTL, TTL_MS_MAX + 1),
            create_ttl("/ttl/b", TTL, 0),
            create_ttl("/ttl/b", TTL, -1),
            create_ttl("/ttl/b", TTL, i64::MAX),
            create_ttl("/ttl/b", TTL, i64::MIN),
            create_ttl("/ttl/b", PERSISTENT, 1000),
            create_ttl("/ttl/b", EPHEMERAL, 1000),
            create_ttl("/ttl/b", 4, 1000),
            create_ttl("/ttl/b", 7, 1000),
            create_ttl("bad", TTL, 1000),
            create_ttl("/ttl/b", TTL, 1000).cut(20),
            plain("/ttl/a/child"),
            multi([create_ttl("/ttl/m", TTL, 500_000), delete("/ttl/m", 0)]),
            multi([create_ttl("/ttl/m", TTL, 0)]),
            children2_of("/ttl", false),
            close_session(),
        ],
    )?;
    // Apache accepts this one, fails to apply its own txn, ends, and fails again at each start.
    // It is the last step, since its zxid is on one server only.
    s.open("p")?;
    let refused = Jute::new().int(1).long(POISON_ZXID).int(-8);
    let reason = "a create with op 21 and a mode that is not a TTL is refused";
    s.only_ours("p", create_ttl("/ttl/b", PERSISTENT, -1).ours_exactly(reason, refused))
}

/// The zxid of that step, relative to the scenario's start.
const POISON_ZXID: i64 = 21;

/// Apache refuses createTTL (-6) without the property; ours serves it.
pub(super) fn off(s: &mut Stage) -> Result<()> {
    s.open("c")?;
    s.all(
        "c",
        [
            create_ttl("bad", TTL, 1000).ours(TTL_SERVED, Ours::Error(-8)),
            create_ttl("/", TTL, 1000).ours(TTL_SERVED, Ours::Error(-110)),
            close_session(),
        ],
    )
}
