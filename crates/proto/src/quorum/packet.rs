//! The packet that carries every message, as it is framed.

use crate::acl::Id;
use crate::jute::{DecodeError, Reader, length, next_of_stream, put_buffer, put_text};
use alloc::string::String;
use alloc::vec::Vec;
use bytes::BufMut;

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident = $value:literal $apache:literal,)*) => {
        /// What a packet's type names. Values are the wire's (`Leader`).
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(i32)]
        pub enum PacketKind {
            $($(#[$doc])* $name = $value,)*
        }

        impl PacketKind {
            /// The type with this wire value.
            pub const fn from_wire(value: i32) -> Option<Self> {
                match value {
                    $($value => Some(Self::$name),)*
                    _ => None,
                }
            }

            /// Apache's name.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$name => $apache,)*
                }
            }
        }
    };
}

kinds! {
    /// A learner forwards a client's write.
    Request = 1 "REQUEST",
    /// The leader proposes a transaction to a follower.
    Proposal = 2 "PROPOSAL",
    /// A learner has made durable what it was sent.
    Ack = 3 "ACK",
    /// A proposal holds.
    Commit = 4 "COMMIT",
    /// Are you there? Both ways.
    Ping = 5 "PING",
    /// Is this session alive? Both ways.
    Revalidate = 6 "REVALIDATE",
    /// All that was committed before a sync has been sent.
    Sync = 7 "SYNC",
    /// A committed transaction, for an observer.
    Inform = 8 "INFORM",
    /// A committed reconfiguration, for a follower.
    CommitAndActivate = 9 "COMMITANDACTIVATE",
    /// The new leader's history has been sent.
    NewLeader = 10 "NEWLEADER",
    /// A follower introduces itself.
    FollowerInfo = 11 "FOLLOWERINFO",
    /// A learner may serve clients.
    UpToDate = 12 "UPTODATE",
    /// Transactions that the learner lacks follow.
    Diff = 13 "DIFF",
    /// The learner has to cut its history.
    Trunc = 14 "TRUNC",
    /// A snapshot follows.
    Snap = 15 "SNAP",
    /// An observer introduces itself.
    ObserverInfo = 16 "OBSERVERINFO",
    /// The leader proposes its epoch.
    LeaderInfo = 17 "LEADERINFO",
    /// A learner has accepted the epoch.
    AckEpoch = 18 "ACKEPOCH",
    /// A committed reconfiguration, for an observer.
    InformAndActivate = 19 "INFORMANDACTIVATE",
}

/// A packet whose meaning is not looked into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QuorumPacket<'a> {
    /// The type as it came; see [`QuorumPacket::kind`].
    pub kind: i32,
    /// What it means depends on the type; −1 where it means nothing.
    pub zxid: i64,
    /// A record that depends on the type.
    pub data: Option<&'a [u8]>,
    /// The identities of the client whose request this is.
    pub identities: Identities<'a>,
}

impl<'a> QuorumPacket<'a> {
    /// Greatest length of the data in bytes, unless configured otherwise: twice the default of
    /// `jute.maxbuffer`. Peers with a lower limit than their leader cannot follow it.
    pub const DATA_BYTES_MAX_DEFAULT: usize = 2 * 0xF_FFFF;

    /// The next packet of a stream; `None` if not all of it is there yet. Neither data nor
    /// identities may be longer than `bytes_max`.
    ///
    /// # Errors
    /// If it is none or too long. The connection must then be closed.
    pub fn next(reader: &mut Reader<'a>, bytes_max: usize) -> Result<Option<Self>, DecodeError> {
        next_of_stream(reader, |reader| {
            let (kind, zxid) = (reader.int()?, reader.long()?);
            let data = reader.bounded_buffer("packet data", bytes_max)?;
            let identities = Identities::decode(reader, bytes_max)?;
            Ok(Self { kind, zxid, data, identities })
        })
    }

    /// The type, if it exists. Apache's leaders and learners skip packets of other types.
    pub const fn kind(&self) -> Option<PacketKind> {
        PacketKind::from_wire(self.kind)
    }

    /// A reader of the data.
    pub(super) fn record(&self, what: &'static str) -> Result<Reader<'a>, DecodeError> {
        self.data.map(Reader::new).ok_or(DecodeError::Null { what })
    }

    /// Appends the packet.
    ///
    /// # Panics
    /// If the data is 2 GiB or longer.
    pub fn encode(&self, out: &mut impl BufMut) {
        put_head(out, self.kind, self.zxid);
        put_buffer(out, self.data);
        self.identities.put(out);
    }
}

/// Appends a packet without data and identities.
pub(super) fn put_packet(out: &mut impl BufMut, kind: PacketKind, zxid: i64) {
    put_packet_with(out, kind, zxid, None);
}

/// Appends a packet without identities.
pub(super) fn put_packet_with(
    out: &mut impl BufMut,
    kind: PacketKind,
    zxid: i64,
    data: Option<&[u8]>,
) {
    QuorumPacket { kind: kind as i32, zxid, data, identities: Identities::NONE }.encode(out);
}

/// Appends what comes before the data.
pub(super) fn put_head(out: &mut impl BufMut, kind: i32, zxid: i64) {
    out.put_i32(kind);
    out.put_i64(zxid);
}

/// The identities of a client, encoded and checked to be a vector of `Id`. `None` before it has
/// any.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identities<'a> {
    encoded: Option<&'a [u8]>,
}

impl<'a> Identities<'a> {
    /// A null vector: what all packets but requests have, and the request to open a session.
    pub const NONE: Self = Self { encoded: None };

    fn decode(reader: &mut Reader<'a>, max: usize) -> Result<Self, DecodeError> {
        let start = reader.offset();
        let checked = Self::skip(reader, max);
        let incomplete = matches!(checked, Err(DecodeError::Truncated { .. }));
        let length = if incomplete {
            // All that is there belongs to the vector, and more.
            reader.rest().len() + (reader.offset() - start)
        } else {
            reader.offset() - start
        };
        if length > max {
            return Err(DecodeError::TooLong { what: "identities", length, max });
        }
        let some = checked?;
        Ok(Self { encoded: some.then(|| reader.since(start)) })
    }

    /// Whether the vector is not null.
    fn skip(reader: &mut Reader<'a>, max: usize) -> Result<bool, DecodeError> {
        let Some(count) = reader.count()? else { return Ok(false) };
        for _ in 0..count {
            reader.bounded_buffer("identity", max)?;
            reader.bounded_buffer("identity", max)?;
        }
        Ok(true)
    }

    /// The vector as it is encoded; empty if it is null.
    pub fn encoded(&self) -> &'a [u8] {
        self.encoded.unwrap_or_default()
    }

    /// What [`Identities::encoded`] gave. Other bytes would make a packet that nobody can read.
    pub fn from_encoded(encoded: &'a [u8]) -> Self {
        Self { encoded: (!encoded.is_empty()).then_some(encoded) }
    }

    /// Encodes identities into `buffer`, in place of what it held.
    pub fn encode_into(identities: &[Id], buffer: &'a mut Vec<u8>) -> Self {
        buffer.clear();
        buffer.put_i32(length(identities.len()));
        for Id { scheme, id } in identities {
            put_text(buffer, scheme);
            put_text(buffer, id);
        }
        Self { encoded: Some(buffer) }
    }

    /// The identities in order. A null in one reads as empty.
    pub fn iter(&self) -> impl Iterator<Item = Id> + use<'a> {
        let mut reader = Reader::new(self.encoded.unwrap_or_default());
        let count = reader.count().ok().flatten().unwrap_or(0);
        let mut text = move || reader.buffer().ok().map(Option::unwrap_or_default);
        (0..count).map_while(move |_| {
            let (scheme, id) = (text()?, text()?);
            Some(Id::new(String::from_utf8_lossy(scheme), String::from_utf8_lossy(id)))
        })
    }

    pub(super) fn put(&self, out: &mut impl BufMut) {
        match self.encoded {
            Some(encoded) => out.put_slice(encoded),
            None => out.put_i32(-1),
        }
    }
}
