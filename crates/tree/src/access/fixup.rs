//! What becomes of the ACL in a create or setACL (Apache's `PrepRequestProcessor.fixupACL`).

use super::{AccessRules, Identities, Scheme, WORLD, ip, names};
use alloc::collections::BTreeSet;
use alloc::vec::Vec;
use zoarium_proto::{Acl, AclList, ErrorCode, Id};

/// The scheme of entries that stand for whoever sets them.
const AUTH: &str = "auth";

/// How large a list may be once `auth` is expanded, in bytes: what a frame may hold. Apache has no
/// limit, and one small request could make every server keep megabytes.
const ENCODED_BYTES_MAX: usize = 0xF_FFFF;

/// Bytes of an entry besides its texts.
const ENTRY_OVERHEAD: usize = 12;

impl AccessRules {
    /// The list to store for the one a client asks for: repeated entries gone, and `auth`
    /// replaced by the identities of the connection. `buffer` holds the result unless it is the
    /// list as it came.
    ///
    /// # Errors
    /// [`ErrorCode::InvalidAcl`] for a null or empty list, an entry of an unknown scheme or with
    /// a name its scheme does not allow, and `auth` from a connection that has not authenticated;
    /// [`ErrorCode::MarshallingError`] for a null name in any scheme but `auth`.
    pub fn fixup<'a>(
        &self,
        asked: Option<AclList<'a>>,
        ids: &Identities,
        buffer: &'a mut Vec<u8>,
    ) -> Result<AclList<'a>, ErrorCode> {
        let asked = asked.ok_or(ErrorCode::InvalidAcl)?;
        if asked == AclList::OPEN {
            return Ok(asked);
        }
        let asked: Vec<Acl<'_>> = asked.iter().collect();
        let mut fixed = Fixed::default();
        let mut seen = BTreeSet::new();
        for entry in &asked {
            let (scheme, id) = (entry.scheme.as_deref(), entry.id.as_deref());
            if !seen.insert((entry.perms.0, scheme, id)) {
                continue;
            }
            let scheme = scheme.ok_or(ErrorCode::InvalidAcl)?;
            if scheme == AUTH {
                // The id is not looked at: kazoo writes every empty string as null.
                for holder in self.holders(ids)? {
                    fixed.push(Acl::new(entry.perms, &holder.scheme, &holder.id))?;
                }
                continue;
            }
            let Some(id) = id else {
                // Apache's providers fail on it, and only on it.
                let known = scheme == WORLD.0 || self.scheme(scheme).is_some();
                return Err(if known {
                    ErrorCode::MarshallingError
                } else {
                    ErrorCode::InvalidAcl
                });
            };
            if (scheme, id) == WORLD || self.is_valid(scheme, id) {
                fixed.push(Acl::new(entry.perms, scheme, id))?;
            } else {
                return Err(ErrorCode::InvalidAcl);
            }
        }
        if fixed.entries.is_empty() {
            return Err(ErrorCode::InvalidAcl);
        }
        Ok(AclList::encode_into(&fixed.entries, buffer))
    }

    /// The identities that `auth` stands for: those that took proof, so not `ip`.
    fn holders<'a>(
        &self,
        ids: &'a Identities,
    ) -> Result<impl Iterator<Item = &'a Id> + use<'a, '_>, ErrorCode> {
        let proves = |id: &&Id| match self.scheme(&id.scheme) {
            Some(Scheme::Digest | Scheme::X509 | Scheme::Sasl) => true,
            Some(Scheme::Ip) | None => false,
        };
        let mut holders = ids.iter().filter(proves).peekable();
        if holders.peek().is_none() {
            return Err(ErrorCode::InvalidAcl);
        }
        Ok(holders)
    }

    fn is_valid(&self, scheme: &str, id: &str) -> bool {
        match self.scheme(scheme) {
            Some(Scheme::Ip) => ip::is_valid(id),
            Some(Scheme::Digest) => names::is_digest(id),
            Some(Scheme::X509) => names::is_distinguished(id),
            Some(Scheme::Sasl) => names::is_kerberos(id),
            None => false,
        }
    }
}

/// The list under construction.
#[derive(Default)]
struct Fixed<'a> {
    entries: Vec<Acl<'a>>,
    encoded_bytes: usize,
}

impl<'a> Fixed<'a> {
    fn push(&mut self, entry: Acl<'a>) -> Result<(), ErrorCode> {
        let texts = [&entry.scheme, &entry.id].into_iter().flatten();
        self.encoded_bytes += ENTRY_OVERHEAD + texts.map(|text| text.len()).sum::<usize>();
        if self.encoded_bytes > ENCODED_BYTES_MAX {
            return Err(ErrorCode::InvalidAcl);
        }
        self.entries.push(entry);
        Ok(())
    }
}
