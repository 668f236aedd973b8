//! Access control lists.

use crate::jute::{DecodeError, Reader, Text, length, put_text};
use alloc::string::String;
use alloc::vec::Vec;
use bytes::BufMut;

/// A set of permissions. Any bits may be stored; only the low five mean something.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Perms(pub i32);

impl Perms {
    /// Read data and children.
    pub const READ: Self = Self(1);
    /// Write data.
    pub const WRITE: Self = Self(2);
    /// Create children.
    pub const CREATE: Self = Self(4);
    /// Delete children.
    pub const DELETE: Self = Self(8);
    /// Change the ACL.
    pub const ADMIN: Self = Self(16);
    /// All of them.
    pub const ALL: Self = Self(31);

    /// Whether any permission of `other` is in this set.
    pub const fn intersects(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// Both sets together.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// An identity: a scheme and a name within it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Id {
    /// How the name is to be understood, e.g. `digest`.
    pub scheme: String,
    /// The name, e.g. `user:hash`.
    pub id: String,
}

impl Id {
    /// An identity.
    pub fn new(scheme: impl Into<String>, id: impl Into<String>) -> Self {
        Self { scheme: scheme.into(), id: id.into() }
    }
}

/// One entry of an ACL, borrowed.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Acl<'a> {
    /// What is allowed.
    pub perms: Perms,
    /// To whom: the scheme. `None` is null on the wire.
    pub scheme: Option<Text<'a>>,
    /// To whom: the name within the scheme. `None` is null on the wire.
    pub id: Option<Text<'a>>,
}

impl<'a> Acl<'a> {
    /// An entry.
    pub fn new(perms: Perms, scheme: &'a str, id: &'a str) -> Self {
        Self { perms, scheme: Some(scheme.into()), id: Some(id.into()) }
    }

    /// Reads the record.
    ///
    /// # Errors
    /// If the bytes are no such record.
    pub fn decode(reader: &mut Reader<'a>) -> Result<Self, DecodeError> {
        Ok(Self { perms: Perms(reader.int()?), scheme: reader.text()?, id: reader.text()? })
    }

    /// Appends the record.
    pub fn encode(&self, out: &mut impl BufMut) {
        out.put_i32(self.perms.0);
        for text in [&self.scheme, &self.id] {
            match text {
                Some(text) => put_text(out, text),
                None => out.put_i32(-1),
            }
        }
    }
}

/// A whole ACL in its encoded form, checked to be one. It stays encoded because that is how it
/// travels from the request to the log to the reply; equal lists have equal bytes, so the tree
/// keeps each distinct list once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct AclList<'a> {
    encoded: &'a [u8],
}

impl<'a> AclList<'a> {
    /// `world:anyone` with all permissions: what nearly every znode has.
    pub const OPEN: AclList<'static> = AclList {
        encoded: &[
            0, 0, 0, 1, 0, 0, 0, 31, 0, 0, 0, 5, b'w', b'o', b'r', b'l', b'd', 0, 0, 0, 6, b'a',
            b'n', b'y', b'o', b'n', b'e',
        ],
    };

    /// `world:anyone` may read: the ACL of `/zookeeper/config`.
    pub const READ_ONLY: AclList<'static> = AclList {
        encoded: &[
            0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 5, b'w', b'o', b'r', b'l', b'd', 0, 0, 0, 6, b'a',
            b'n', b'y', b'o', b'n', b'e',
        ],
    };

    /// Reads a vector of ACL; `None` is a null vector.
    ///
    /// # Errors
    /// If the bytes are no such vector.
    pub fn decode(reader: &mut Reader<'a>) -> Result<Option<Self>, DecodeError> {
        let rest = reader.rest();
        if rest.starts_with(AclList::OPEN.encoded) {
            reader.raw(AclList::OPEN.encoded.len())?;
            return Ok(Some(AclList::OPEN));
        }
        let start = reader.offset();
        let Some(count) = reader.count()? else { return Ok(None) };
        for _ in 0..count {
            reader.int()?;
            reader.buffer()?;
            reader.buffer()?;
        }
        Ok(Some(Self { encoded: reader.since(start) }))
    }

    /// Takes bytes that [`AclList::encoded`] gave.
    ///
    /// # Errors
    /// If they are no encoded list, or more than one.
    pub fn from_encoded(encoded: &'a [u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(encoded);
        let list = Self::decode(&mut reader)?.ok_or(DecodeError::Null { what: "ACL list" })?;
        match reader.rest().len() {
            0 => Ok(list),
            left => Err(DecodeError::Truncated { offset: reader.offset(), needed: 0, left }),
        }
    }

    /// Encodes entries into `buffer`, in place of what it held, and gives the list they make.
    pub fn encode_into(entries: &[Acl<'_>], buffer: &'a mut Vec<u8>) -> Self {
        buffer.clear();
        buffer.put_i32(length(entries.len()));
        for entry in entries {
            entry.encode(buffer);
        }
        Self { encoded: buffer }
    }

    /// The bytes: a jute vector of ACL.
    pub const fn encoded(&self) -> &'a [u8] {
        self.encoded
    }

    /// The entries in order.
    pub fn iter(&self) -> impl Iterator<Item = Acl<'a>> + use<'a> {
        let mut reader = Reader::new(self.encoded);
        let count = reader.count().ok().flatten().unwrap_or(0);
        (0..count).map_while(move |_| Acl::decode(&mut reader).ok())
    }
}

/// The encoded form of a list of entries, for [`AclList::from_encoded`].
pub fn encode_list(entries: &[Acl<'_>]) -> Vec<u8> {
    let mut out = Vec::new();
    AclList::encode_into(entries, &mut out);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn constants_are_what_they_say() {
        let open = [Acl::new(Perms::ALL, "world", "anyone")];
        assert_eq!(AclList::OPEN.encoded(), encode_list(&open));
        assert!(AclList::OPEN.iter().eq(open));
        let read = [Acl::new(Perms::READ, "world", "anyone")];
        assert_eq!(AclList::READ_ONLY.encoded(), encode_list(&read));
    }

    #[test]
    fn list_that_promises_more_than_it_holds_is_refused() {
        let mut bytes = encode_list(&[Acl::new(Perms::ALL, "ip", "10.0.0.0/8")]);
        bytes[3] = 200;
        assert!(AclList::decode(&mut Reader::new(&bytes)).is_err());
    }
}
