//! Access control lists, checked before they travel.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use sha1::{Digest, Sha1};
use std::net::IpAddr;
use zoarium_proto::acl::encode_list;
use zoarium_proto::{Acl as Entry, AclList};
pub use zoarium_proto::{Id, Perms};
pub use zoarium_session::reply::AclEntry;

/// A list of who may do what to a znode; it does not apply to the znode's children.
///
/// ```
/// use zoarium_client::acl::{Acl, AclEntry, Id, Perms};
///
/// let list = Acl::new([
///     AclEntry { perms: Perms::READ, id: Id::new("world", "anyone") },
///     AclEntry { perms: Perms::ALL, id: Acl::digest_id("app", "secret") },
/// ])?;
///
/// let error = Acl::new([AclEntry { perms: Perms::READ, id: Id::new("ip", "10.0.0.300") }]);
/// assert_eq!(error.unwrap_err().to_string(), "entry 0 of the ACL: no IP address");
/// # Ok::<(), zoarium_client::acl::AclError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Acl {
    encoded: Bytes,
}

/// What is wrong with an ACL.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AclError {
    /// It has no entries.
    #[error("an ACL without entries")]
    Empty,
    /// One of its entries has a fault.
    #[error("entry {index} of the ACL: {why}")]
    Entry {
        /// Which, from 0.
        index: usize,
        /// What is wrong.
        why: &'static str,
    },
}

impl Default for Acl {
    fn default() -> Self {
        Self::open()
    }
}

impl Acl {
    /// Everybody may do everything.
    pub const fn open() -> Self {
        Self { encoded: Bytes::from_static(AclList::OPEN.encoded()) }
    }

    /// Everybody may read.
    pub const fn read_only() -> Self {
        Self { encoded: Bytes::from_static(AclList::READ_ONLY.encoded()) }
    }

    /// Whoever this client is authenticated as may do everything. A server refuses it from a client
    /// that has not authenticated.
    pub fn creator() -> Self {
        Self { encoded: encode_list(&[Entry::new(Perms::ALL, "auth", "")]).into() }
    }

    /// A list of entries.
    ///
    /// # Errors
    /// With the first entry that no server takes, whichever schemes it has.
    pub fn new(entries: impl IntoIterator<Item = AclEntry>) -> Result<Self, AclError> {
        let entries: Vec<AclEntry> = entries.into_iter().collect();
        if entries.is_empty() {
            return Err(AclError::Empty);
        }
        for (index, entry) in entries.iter().enumerate() {
            check(entry).map_err(|why| AclError::Entry { index, why })?;
        }
        let encoded: Vec<_> = entries
            .iter()
            .map(|AclEntry { perms, id }| Entry::new(*perms, &id.scheme, &id.id))
            .collect();
        Ok(Self { encoded: encode_list(&encoded).into() })
    }

    /// The identity of those who authenticate with scheme `digest`, this name and this password.
    pub fn digest_id(user: &str, password: &str) -> Id {
        let hash = Sha1::digest(format!("{user}:{password}"));
        Id::new("digest", format!("{user}:{}", STANDARD.encode(hash)))
    }

    pub(crate) fn encoded(&self) -> Bytes {
        self.encoded.clone()
    }
}

/// What servers check for the schemes that they all have; other schemes are theirs to check.
fn check(entry: &AclEntry) -> Result<(), &'static str> {
    let AclEntry { perms, id } = entry;
    if perms.0 & !Perms::ALL.0 != 0 {
        return Err("permissions beyond READ, WRITE, CREATE, DELETE and ADMIN");
    }
    match id.scheme.as_str() {
        "" => Err("no scheme"),
        "world" if id.id != "anyone" => Err("the only id of scheme world is anyone"),
        "digest" if id.id.split(':').count() != 2 => Err("a digest is a name, a colon and a hash"),
        "ip" => check_network(&id.id),
        _ => Ok(()),
    }
}

/// An address, or an address, a slash and a number of bits.
fn check_network(text: &str) -> Result<(), &'static str> {
    let (address, bits) = match text.split_once('/') {
        Some((address, bits)) => (address, Some(bits)),
        None => (text, None),
    };
    let address: IpAddr = address.parse().map_err(|_| "no IP address")?;
    let max = if address.is_ipv4() { 32 } else { 128 };
    match bits.map(str::parse::<u32>) {
        None => Ok(()),
        Some(Ok(bits)) if bits <= max => Ok(()),
        Some(_) => Err("more bits than the address has"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(perms: i32, scheme: &str, id: &str) -> AclEntry {
        AclEntry { perms: Perms(perms), id: Id::new(scheme, id) }
    }

    #[test]
    fn fault_is_named_with_the_entry_that_has_it() {
        let good = || entry(31, "world", "anyone");
        for bad in [
            entry(32, "world", "anyone"),
            entry(31, "world", "everyone"),
            entry(31, "", ""),
            entry(31, "digest", "user"),
            entry(31, "digest", "a:b:c"),
            entry(31, "ip", "10.0.0.0/33"),
            entry(31, "ip", "::1/129"),
            entry(31, "ip", "localhost"),
        ] {
            let refused = Acl::new([good(), bad.clone()]);
            assert!(matches!(refused, Err(AclError::Entry { index: 1, .. })), "{bad:?}");
        }
        assert_eq!(Acl::new([]), Err(AclError::Empty));
    }

    #[test]
    fn entries_that_servers_take_are_taken() {
        for good in [
            entry(0, "world", "anyone"),
            entry(31, "auth", ""),
            entry(31, "ip", "10.0.0.0/8"),
            entry(31, "ip", "::1"),
            entry(31, "x509", "CN=a"),
            entry(31, "sasl", "user@REALM"),
        ] {
            assert!(Acl::new([good.clone()]).is_ok(), "{good:?}");
        }
        assert_eq!(Acl::new([entry(31, "world", "anyone")]), Ok(Acl::open()));
    }

    #[test]
    fn digest_is_the_one_that_servers_compute() {
        // From Apache's documentation of DigestAuthenticationProvider.
        let id = Acl::digest_id("super", "test");
        assert_eq!(id, Id::new("digest", "super:D/InIHSb7yEEbrWz8b9l71RjZJU="));
    }
}
