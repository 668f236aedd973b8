//! Identifiers as types, so that no bare integer crosses a crate boundary.

use core::fmt;

/// A transaction id: the epoch in the high 32 bits, a counter in the low 32. Shown as Apache logs
/// it, `0x10000002a`.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Zxid(pub u64);

impl Zxid {
    /// The zxid before the first transaction of all.
    pub const ZERO: Self = Self(0);

    /// From its wire form.
    pub const fn from_wire(value: i64) -> Self {
        Self(value.cast_unsigned())
    }

    /// Its wire form.
    pub const fn to_wire(self) -> i64 {
        self.0.cast_signed()
    }

    /// The zxid with this epoch and counter.
    pub const fn new(epoch: u32, counter: u32) -> Self {
        Self(((epoch as u64) << 32) | counter as u64)
    }

    /// The epoch of the leader that proposed it.
    pub const fn epoch(self) -> u32 {
        (self.0 >> 32) as u32
    }

    /// Its number within the epoch; 0 stands for the epoch's NEWLEADER.
    #[expect(clippy::cast_possible_truncation, reason = "the low half is meant")]
    pub const fn counter(self) -> u32 {
        self.0 as u32
    }

    /// The next zxid of the same epoch, or `None` when the counter is used up.
    pub const fn next(self) -> Option<Self> {
        if self.counter() == u32::MAX { None } else { Some(Self(self.0 + 1)) }
    }
}

impl fmt::Display for Zxid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#x}", self.0)
    }
}

impl fmt::Debug for Zxid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A session id; its top byte names the server that opened it. Shown in hex, as Apache logs it.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionId(pub i64);

impl SessionId {
    /// No session: what a client sends to open one, and the owner of internal requests.
    pub const NONE: Self = Self(0);

    /// The first id a server hands out: its server id in the top byte, then 40 bits of its start
    /// time in milliseconds, then 16 bits to count with.
    pub const fn first(server_id: u8, start_ms: u64) -> Self {
        let value = ((start_ms << 24) >> 8) | ((server_id as u64) << 56);
        Self(value.cast_signed()).skip_container_owner()
    }

    /// The id of the server that opened it.
    pub const fn server_id(self) -> u8 {
        self.0.to_be_bytes()[0]
    }

    /// The id after this one.
    #[must_use]
    pub const fn next(self) -> Self {
        self.advanced(1)
    }

    /// The id `by` places further on. Ids of one server are a circle: the byte that names it stays.
    #[must_use]
    pub const fn advanced(self, by: u64) -> Self {
        let value = self.0.cast_unsigned();
        let place = value.wrapping_add(by) & Self::PLACES;
        Self((value & !Self::PLACES | place).cast_signed()).skip_container_owner()
    }

    /// The bits that number the sessions of one server.
    const PLACES: u64 = (1 << 56) - 1;

    /// `0x8000000000000000` marks containers where an ephemeral's owner stands, so no session may
    /// have it.
    const fn skip_container_owner(self) -> Self {
        if self.0 == i64::MIN { Self(i64::MIN + 1) } else { self }
    }

    /// The password that proves possession of the session, the same on every server of an
    /// ensemble so that sessions can move: 16 bytes of Java's `Random` seeded with the id.
    pub fn password(self) -> [u8; 16] {
        const MASK: u64 = (1 << 48) - 1;
        const MULTIPLIER: u64 = 0x5_DEEC_E66D;
        let mut state = ((self.0 ^ 0xB341_5C00).cast_unsigned() ^ MULTIPLIER) & MASK;
        let mut password = [0; 16];
        for chunk in password.chunks_exact_mut(4) {
            state = state.wrapping_mul(MULTIPLIER).wrapping_add(0xB) & MASK;
            let value = (state >> 16) & 0xFFFF_FFFF;
            chunk.copy_from_slice(&value.to_le_bytes()[..4]);
        }
        password
    }
}

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#x}", self.0)
    }
}

impl fmt::Debug for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Number of a server in its ensemble: the N of `server.N`, and what `myid` holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ServerId(
    /// At most 2^63 − 1, as a Java `long` holds it.
    pub u64,
);

impl ServerId {
    /// What [`ServerId::parse`] allows, for messages.
    pub const ALLOWED: &'static str = "0 to 9223372036854775807";

    /// Reads a decimal id.
    pub fn parse(text: &str) -> Option<Self> {
        text.parse().ok().and_then(Self::from_wire)
    }

    /// From its wire form. Negative numbers are no server's: they stand for servers without an id,
    /// and for no server at all.
    pub fn from_wire(value: i64) -> Option<Self> {
        u64::try_from(value).ok().map(Self)
    }

    /// Its wire form.
    pub const fn to_wire(self) -> i64 {
        self.0.cast_signed()
    }
}

impl fmt::Display for ServerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What a client numbers its requests with; negative values are reserved.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Xid(pub i32);

impl Xid {
    /// A watch event, which answers no request.
    pub const NOTIFICATION: Self = Self(-1);
    /// A ping and its answer.
    pub const PING: Self = Self(-2);
    /// An auth packet.
    pub const AUTH: Self = Self(-4);
    /// A setWatches packet.
    pub const SET_WATCHES: Self = Self(-8);
}

/// One TCP connection of this server, unique for the life of the process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnId(pub u64);

impl fmt::Display for ConnId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn password_is_the_one_apache_computes() {
        let password = SessionId(0x100_000b_c677_0000).password();
        let expected = 0x1b12_15f4_0c29_b6c2_f10d_8177_35be_4742_u128.to_be_bytes();
        assert_eq!(password, expected);
    }

    #[test]
    fn session_ids_never_equal_the_container_owner() {
        assert_eq!(SessionId(i64::MIN).skip_container_owner(), SessionId(i64::MIN + 1));
        assert_eq!(SessionId::first(0x80, 0), SessionId(i64::MIN + 1));
        assert_eq!(SessionId::first(1, 0).0, 1 << 56);
        assert_eq!(
            SessionId(-1 << 56 | SessionId::PLACES.cast_signed()).next(),
            SessionId(-1 << 56)
        );
        assert_eq!(SessionId(i64::MIN | SessionId::PLACES.cast_signed()).next().0, i64::MIN + 1);
    }

    #[test]
    fn session_ids_of_a_server_are_a_circle() {
        for server in [1, 127, 128, 255] {
            let end = SessionId::first(server, (1 << 40) - 1);
            let start = end.advanced(1 << 16);
            assert_eq!((start.server_id(), end.server_id()), (server, server));
            assert_eq!(end.advanced(u64::MAX).next(), end);
        }
    }

    #[test]
    fn negative_numbers_are_no_server_ids() {
        assert_eq!(ServerId::from_wire(i64::MAX).map(ServerId::to_wire), Some(i64::MAX));
        assert_eq!(ServerId::from_wire(-1), None);
        assert_eq!(ServerId::parse("9223372036854775808"), None);
    }

    #[test]
    fn zxid_counter_does_not_roll_into_the_epoch() {
        assert_eq!(Zxid::new(3, u32::MAX).next(), None);
        assert_eq!(Zxid::new(3, 1).next(), Some(Zxid::new(3, 2)));
    }
}
