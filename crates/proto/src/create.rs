//! What kind of znode a create asks for, and how the kind is kept in the owner field.

/// The flags of a create request. Values are the wire's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i32)]
pub enum CreateMode {
    /// Stays until deleted.
    Persistent = 0,
    /// Goes with its session.
    Ephemeral = 1,
    /// Persistent, its name ends in a counter.
    PersistentSequential = 2,
    /// Ephemeral, its name ends in a counter.
    EphemeralSequential = 3,
    /// Goes after its last child went.
    Container = 4,
    /// Goes when childless and unmodified for its time to live.
    PersistentWithTtl = 5,
    /// As [`CreateMode::PersistentWithTtl`], its name ends in a counter.
    PersistentSequentialWithTtl = 6,
}

impl CreateMode {
    /// The mode with this wire value.
    pub const fn from_wire(flags: i32) -> Option<Self> {
        Some(match flags {
            0 => Self::Persistent,
            1 => Self::Ephemeral,
            2 => Self::PersistentSequential,
            3 => Self::EphemeralSequential,
            4 => Self::Container,
            5 => Self::PersistentWithTtl,
            6 => Self::PersistentSequentialWithTtl,
            _ => return None,
        })
    }

    /// Whether the session owns the znode.
    pub const fn is_ephemeral(self) -> bool {
        matches!(self, Self::Ephemeral | Self::EphemeralSequential)
    }

    /// Whether the server appends a counter to the name.
    pub const fn is_sequential(self) -> bool {
        matches!(
            self,
            Self::PersistentSequential
                | Self::EphemeralSequential
                | Self::PersistentSequentialWithTtl
        )
    }

    /// Whether a time to live comes with it.
    pub const fn is_ttl(self) -> bool {
        matches!(self, Self::PersistentWithTtl | Self::PersistentSequentialWithTtl)
    }
}

/// The longest time to live, in milliseconds: 40 bits.
pub const TTL_MS_MAX: i64 = 0xFF_FFFF_FFFF;

/// Who or what a znode belongs to: the reading of the stored `ephemeralOwner` field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owner {
    /// Nobody: a persistent znode.
    None,
    /// A session: an ephemeral.
    Session(crate::SessionId),
    /// A container.
    Container,
    /// A TTL znode with this time to live in milliseconds.
    Ttl(i64),
}

impl Owner {
    const CONTAINER: i64 = i64::MIN;
    const TTL_MASK: i64 = 0xFF << 56;

    /// Reads the stored field. Top byte `0xff` with feature 0 in bits 40 to 55 is a TTL
    /// (Apache's extended types); with another feature it is taken as a session.
    pub const fn from_raw(raw: i64) -> Self {
        match raw {
            0 => Self::None,
            Self::CONTAINER => Self::Container,
            _ if (raw.cast_unsigned() >> 40) == 0xFF_0000 => Self::Ttl(raw & TTL_MS_MAX),
            _ => Self::Session(crate::SessionId(raw)),
        }
    }

    /// Reads the stored field as Apache 3.5.3 wrote it (`emulate353TTLNodes`): any negative owner
    /// but the container's is a TTL of its low 40 bits.
    pub const fn from_raw_353(raw: i64) -> Self {
        match raw {
            Self::CONTAINER => Self::Container,
            _ if raw < 0 => Self::Ttl(raw & TTL_MS_MAX),
            _ => Self::from_raw(raw),
        }
    }

    /// The stored field.
    pub const fn to_raw(self) -> i64 {
        match self {
            Self::None => 0,
            Self::Session(session) => session.0,
            Self::Container => Self::CONTAINER,
            Self::Ttl(ttl_ms) => Self::TTL_MASK | ttl_ms,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SessionId;

    #[test]
    fn owner_survives_its_stored_form() {
        for owner in [
            Owner::None,
            Owner::Container,
            Owner::Ttl(1),
            Owner::Ttl(TTL_MS_MAX),
            Owner::Session(SessionId(0x100_0000_0000_0001)),
            Owner::Session(SessionId(-5)),
        ] {
            assert_eq!(Owner::from_raw(owner.to_raw()), owner);
        }
    }

    #[test]
    fn old_ttl_layout_is_read_when_asked() {
        let raw = i64::MIN | 5000;
        assert_eq!(Owner::from_raw_353(raw), Owner::Ttl(5000));
        assert_eq!(Owner::from_raw_353(i64::MIN), Owner::Container);
    }
}
