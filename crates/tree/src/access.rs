//! Who may do what: identities, ACL checks, and what becomes of an ACL that a client sends.
//!
//! The schemes are Apache's built-in ones. Checks read the ACL in its encoded form and allocate
//! nothing.

mod authenticate;
mod fixup;
mod ip;
mod names;

#[cfg(test)]
mod tests;

pub use authenticate::{AuthOutcome, DigestAlgorithm, Remote};

use alloc::collections::BTreeSet;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use bytes::BufMut;
use zoarium_proto::jute::{length, put_text};
use zoarium_proto::{Acl, AclList, Id, Perms};

/// What a connection has proved to be. Cheap to clone, so that each request can carry it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identities {
    list: Arc<[Id]>,
    is_super: bool,
}

impl Identities {
    /// The most a connection may collect. Each auth packet can add one, and every check looks at
    /// all; Apache has no limit.
    pub const COUNT_MAX: usize = 256;

    /// Exactly these, without repetition.
    pub fn new(ids: impl IntoIterator<Item = Id>) -> Self {
        let mut list: Vec<Id> = Vec::new();
        for id in ids {
            if !list.contains(&id) {
                list.push(id);
            }
        }
        let is_super = list.iter().any(|id| id.scheme == SUPER);
        Self { list: list.into(), is_super }
    }

    /// These and `more`; `None` if that is above [`Identities::COUNT_MAX`].
    #[must_use]
    pub fn with(&self, more: impl IntoIterator<Item = Id>) -> Option<Self> {
        let all = Self::new(self.list.iter().cloned().chain(more));
        (all.list.len() <= Self::COUNT_MAX).then_some(all)
    }

    /// The identities in the order they were added.
    pub fn iter(&self) -> impl Iterator<Item = &Id> {
        self.list.iter()
    }

    /// Whether every check passes.
    pub const fn is_super(&self) -> bool {
        self.is_super
    }
}

/// The scheme of those that pass every check.
const SUPER: &str = "super";

/// How this server reads identities and ACLs: what Apache takes from system properties.
#[derive(Clone, Debug)]
pub struct AccessRules {
    /// `zookeeper.skipACL=yes`: no check at all.
    pub skip_acl: bool,
    /// `DigestAuthenticationProvider.enabled`.
    pub digest_enabled: bool,
    /// `DigestAuthenticationProvider.digestAlg`.
    pub digest_algorithm: DigestAlgorithm,
    /// `DigestAuthenticationProvider.superDigest`: the digest identity, `super:<base64>`, that is
    /// super.
    pub super_digest: Option<String>,
    /// Whether client certificates are identities: a secure port is open.
    pub x509_enabled: bool,
    /// `X509AuthenticationProvider.superUser`: the subject that is super.
    pub x509_super_user: Option<String>,
    /// Whether SASL names are identities: `authProvider.sasl` is set.
    pub sasl_enabled: bool,
    /// `zookeeper.superUser` and `zookeeper.superUser.*`: the SASL names that are super.
    pub sasl_super_users: BTreeSet<String>,
    /// `zookeeper.letAnySaslUserDoX`: an ACL entry for this name is for every SASL name.
    pub any_sasl_user: Option<String>,
    /// The scheme `ensemble`, by which clients make sure where they are.
    pub ensemble: EnsembleCheck,
}

/// Whether and how auth packets of the scheme `ensemble` are checked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum EnsembleCheck {
    /// The scheme is not configured.
    #[default]
    Unknown,
    /// It is, without names: any name will do.
    AnyName,
    /// `zookeeper.ensembleAuthName`: only these names will do.
    Names(BTreeSet<String>),
}

impl Default for AccessRules {
    fn default() -> Self {
        Self {
            skip_acl: false,
            digest_enabled: true,
            digest_algorithm: DigestAlgorithm::Sha1,
            super_digest: None,
            x509_enabled: false,
            x509_super_user: None,
            sasl_enabled: false,
            sasl_super_users: BTreeSet::new(),
            any_sasl_user: None,
            ensemble: EnsembleCheck::Unknown,
        }
    }
}

/// The schemes that an ACL entry may name, besides `world` and `auth`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scheme {
    Ip,
    Digest,
    X509,
    Sasl,
}

impl AccessRules {
    /// Whether one of `ids` may do one of `perms` to a znode with this ACL (Apache's
    /// `ZooKeeperServer.checkACL`). Entries only add; there is no deny. An empty list allows all.
    #[inline]
    pub fn allows(&self, acl: AclList<'_>, perms: Perms, ids: &Identities) -> bool {
        if acl == AclList::OPEN || self.skip_acl || ids.is_super {
            return true;
        }
        let mut is_empty = true;
        for entry in acl.iter() {
            is_empty = false;
            if entry.perms.intersects(perms) && self.is_for(&entry, ids) {
                return true;
            }
        }
        is_empty
    }

    fn is_for(&self, entry: &Acl<'_>, ids: &Identities) -> bool {
        let (Some(scheme), Some(name)) = (entry.scheme.as_deref(), entry.id.as_deref()) else {
            return false;
        };
        if (scheme, name) == WORLD {
            return true;
        }
        let Some(known) = self.scheme(scheme) else { return false };
        ids.iter().filter(|id| id.scheme == scheme).any(|id| self.matches(known, &id.id, name))
    }

    /// Whether an entry for `wanted` is for the connection that is `held`.
    fn matches(&self, scheme: Scheme, held: &str, wanted: &str) -> bool {
        match scheme {
            Scheme::Ip => ip::matches(held, wanted),
            Scheme::Digest => held == wanted,
            Scheme::X509 => held == wanted || self.x509_super_user.as_deref() == Some(held),
            Scheme::Sasl => {
                held == wanted || held == SUPER || self.any_sasl_user.as_deref() == Some(wanted)
            }
        }
    }

    fn scheme(&self, name: &str) -> Option<Scheme> {
        match name {
            "ip" => Some(Scheme::Ip),
            "digest" if self.digest_enabled => Some(Scheme::Digest),
            "x509" if self.x509_enabled => Some(Scheme::X509),
            "sasl" if self.sasl_enabled => Some(Scheme::Sasl),
            _ => None,
        }
    }

    /// The name that whoAmI gives: of a digest the user, of other schemes the whole identity, and
    /// nothing for a scheme that this server has no notion of, like `super`.
    pub fn user_name<'a>(&self, id: &'a Id) -> &'a str {
        match self.scheme(&id.scheme) {
            Some(Scheme::Digest) => id.id.split(':').next().unwrap_or_default(),
            Some(Scheme::Ip | Scheme::X509 | Scheme::Sasl) => &id.id,
            None => "",
        }
    }
}

/// The one entry that is for everybody.
const WORLD: (&str, &str) = ("world", "anyone");

/// Appends an ACL as getACL shows it to those without ADMIN: with `x` for the hash of each digest
/// (CVE-2019-0201).
pub fn put_masked(out: &mut Vec<u8>, acl: AclList<'_>) {
    out.put_i32(length(acl.iter().count()));
    for entry in acl.iter() {
        let user = match (entry.scheme.as_deref(), entry.id.as_deref()) {
            (Some("digest"), Some(id)) => id.split_once(':').map(|(user, _)| user),
            _ => None,
        };
        let Some(user) = user else {
            entry.encode(out);
            continue;
        };
        out.put_i32(entry.perms.0);
        put_text(out, "digest");
        out.put_i32(length(user.len() + MASK.len()));
        out.put_slice(user.as_bytes());
        out.put_slice(MASK.as_bytes());
    }
}

const MASK: &str = ":x";
