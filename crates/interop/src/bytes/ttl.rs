//! createTTL, with and without Apache's `extendedTypesEnabled`.

use anyhow::Result;

use super::request::{
    EPHEMERAL, PERSISTENT, TTL, TTL_SEQUENTIAL, children2_of, close_session, create_ttl, delete,
    exists, multi, plain,
};
use super::stage::Stage;

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
        ],
    )?;
    // Apache accepts this one, fails to apply its own txn, ends, and fails again at each start.
    let poison = create_ttl("/ttl/b", PERSISTENT, -1);
    s.only_ours("c", poison.ours("a mode without ttl is refused in createTTL", 19, 14, -8))?;
    s.call("c", close_session())
}

/// Apache refuses createTTL (-6) without the property; ours serves it.
pub(super) fn off(s: &mut Stage) -> Result<()> {
    s.open("c")?;
    s.all(
        "c",
        [
            create_ttl("bad", TTL, 1000).ours(SERVED, 1, 2, -8),
            create_ttl("/", TTL, 1000).ours(SERVED, 2, 3, -110),
            close_session(),
        ],
    )
}

const SERVED: &str = "createTTL needs no extendedTypesEnabled";
