//! What of znodes is shown as JSON, the same in every tool.
//!
//! Data is `"data"` if it is text (UTF-8), else `"data_base64"`; `"data": null` is null, which is not
//! empty. Zxids and session ids are strings in hex, because JSON readers round large numbers.

use std::fmt::{self, Display};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Serialize, Serializer};
use zoarium_proto::create::Owner;
use zoarium_proto::{AclList, Perms, SessionId, Stat, Zxid};
use zoarium_tree::Znode;

/// Something that is shown as JSON as it is for people.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shown<T>(pub T);

impl<T: Display> Serialize for Shown<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

/// A znode's data: one of the two fields.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub enum Data<'a> {
    /// Text, or null.
    Text {
        /// The text.
        data: Option<&'a str>,
    },
    /// Anything else.
    Binary {
        /// Base64, standard alphabet, padded.
        data_base64: String,
    },
}

impl<'a> From<Option<&'a [u8]>> for Data<'a> {
    fn from(data: Option<&'a [u8]>) -> Self {
        match data.map(|bytes| (bytes, std::str::from_utf8(bytes))) {
            None => Self::Text { data: None },
            Some((_, Ok(text))) => Self::Text { data: Some(text) },
            Some((bytes, Err(_))) => Self::Binary { data_base64: STANDARD.encode(bytes) },
        }
    }
}

/// One entry of an ACL.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AclEntry {
    /// Letters of `cdrwa`.
    pub perms: String,
    /// The scheme; empty for null.
    pub scheme: String,
    /// The identity; empty for null.
    pub id: String,
}

/// The entries of an ACL.
pub fn acl_entries(acl: AclList<'_>) -> Vec<AclEntry> {
    let entry = |entry: zoarium_proto::Acl<'_>| AclEntry {
        perms: letters(entry.perms),
        scheme: entry.scheme.unwrap_or_default().into_owned(),
        id: entry.id.unwrap_or_default().into_owned(),
    };
    acl.iter().map(entry).collect()
}

/// An ACL as zkCli takes it: `world:anyone:cdrwa,…`.
#[derive(Clone, Copy, Debug)]
pub struct AclText<'a>(pub AclList<'a>);

impl Display for AclText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Nearly all are this one.
        if self.0.encoded() == AclList::OPEN.encoded() {
            return f.write_str("world:anyone:cdrwa");
        }
        for (index, entry) in self.0.iter().enumerate() {
            let comma = if index > 0 { "," } else { "" };
            let (scheme, id) = (entry.scheme.unwrap_or_default(), entry.id.unwrap_or_default());
            write!(f, "{comma}{scheme}:{id}:{}", letters(entry.perms))?;
        }
        Ok(())
    }
}

fn letters(perms: Perms) -> String {
    let known = [
        (Perms::CREATE, 'c'),
        (Perms::DELETE, 'd'),
        (Perms::READ, 'r'),
        (Perms::WRITE, 'w'),
        (Perms::ADMIN, 'a'),
    ];
    known.iter().filter(|(perm, _)| perms.intersects(*perm)).map(|(_, letter)| letter).collect()
}

/// A stat as clients see it, with the names that zkCli shows; times are ms since the Unix epoch.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct StatJson {
    c_zxid: Shown<Zxid>,
    ctime: i64,
    m_zxid: Shown<Zxid>,
    mtime: i64,
    p_zxid: Shown<Zxid>,
    cversion: i32,
    data_version: i32,
    acl_version: i32,
    ephemeral_owner: Shown<SessionId>,
    data_length: i32,
    num_children: i32,
}

impl From<Stat> for StatJson {
    fn from(stat: Stat) -> Self {
        Self {
            c_zxid: Shown(stat.czxid),
            ctime: stat.ctime,
            m_zxid: Shown(stat.mzxid),
            mtime: stat.mtime,
            p_zxid: Shown(stat.pzxid),
            cversion: stat.cversion,
            data_version: stat.version,
            acl_version: stat.aversion,
            ephemeral_owner: Shown(stat.ephemeral_owner),
            data_length: stat.data_length,
            num_children: stat.num_children,
        }
    }
}

/// How long a znode lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Lifetime {
    /// Until it is deleted.
    Persistent,
    /// As long as its session.
    Ephemeral,
    /// Until its last child is gone.
    Container,
    /// Until nothing has happened to it for so many milliseconds.
    TtlMs(i64),
}

/// One znode without its children.
#[derive(Debug, Serialize)]
pub struct ZnodeJson<'a> {
    path: &'a str,
    lifetime: Lifetime,
    #[serde(flatten)]
    data: Data<'a>,
    acl: Vec<AclEntry>,
    stat: StatJson,
}

impl<'a> ZnodeJson<'a> {
    /// A znode, under this path.
    pub fn new(path: &'a str, znode: &Znode<'a>) -> Self {
        Self {
            path,
            lifetime: znode.owner().into(),
            data: znode.data().into(),
            acl: acl_entries(znode.acl()),
            stat: znode.stat().into(),
        }
    }
}

impl From<Owner> for Lifetime {
    fn from(owner: Owner) -> Self {
        match owner {
            Owner::None => Self::Persistent,
            Owner::Session(_) => Self::Ephemeral,
            Owner::Container => Self::Container,
            Owner::Ttl(ttl_ms) => Self::TtlMs(ttl_ms),
        }
    }
}

impl Display for Lifetime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Persistent => f.write_str("persistent"),
            Self::Ephemeral => f.write_str("ephemeral"),
            Self::Container => f.write_str("container"),
            Self::TtlMs(ttl_ms) => write!(f, "ttl {ttl_ms} ms"),
        }
    }
}
