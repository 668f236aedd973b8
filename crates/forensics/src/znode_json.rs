//! What of znodes is shown as JSON, the same in every tool.
//!
//! Data is `"data"` if it is text (UTF-8), else `"data_base64"`; `"data": null` is null, which is not
//! empty. Zxids and session ids are strings in hex, because JSON readers round large numbers.

use std::fmt::{self, Display};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Serialize, Serializer};
use zoarium_proto::create::Owner;
use zoarium_proto::{AclList, Perms, Stat};
use zoarium_tree::Znode;

use crate::moment::Moment;

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

/// A stat as clients see it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct StatJson {
    czxid: Shown<zoarium_proto::Zxid>,
    mzxid: Shown<zoarium_proto::Zxid>,
    pzxid: Shown<zoarium_proto::Zxid>,
    ctime: Shown<Moment>,
    mtime: Shown<Moment>,
    version: i32,
    cversion: i32,
    aversion: i32,
    ephemeral_owner: Shown<zoarium_proto::SessionId>,
    data_length: i32,
    num_children: i32,
}

impl From<Stat> for StatJson {
    fn from(stat: Stat) -> Self {
        Self {
            czxid: Shown(stat.czxid),
            mzxid: Shown(stat.mzxid),
            pzxid: Shown(stat.pzxid),
            ctime: Shown(Moment(stat.ctime)),
            mtime: Shown(Moment(stat.mtime)),
            version: stat.version,
            cversion: stat.cversion,
            aversion: stat.aversion,
            ephemeral_owner: Shown(stat.ephemeral_owner),
            data_length: stat.data_length,
            num_children: stat.num_children,
        }
    }
}

/// One znode without its children.
#[derive(Debug, Serialize)]
pub struct ZnodeJson<'a> {
    /// Its full path.
    pub path: &'a str,
    /// `persistent`, `ephemeral`, `container` or `ttl`.
    pub mode: &'static str,
    /// The time to live of the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ttl_ms: Option<i64>,
    /// Its data.
    #[serde(flatten)]
    pub data: Data<'a>,
    /// Its ACL.
    pub acl: Vec<AclEntry>,
    /// Its stat.
    pub stat: StatJson,
}

impl<'a> ZnodeJson<'a> {
    /// The znode at `path`.
    pub fn new(path: &'a str, znode: &Znode<'a>) -> Self {
        let (mode, ttl_ms) = mode_of(znode.owner());
        Self {
            path,
            mode,
            ttl_ms,
            data: znode.data().into(),
            acl: acl_entries(znode.acl()),
            stat: znode.stat().into(),
        }
    }
}

/// The kind of a znode with this owner, and its time to live if it has one.
pub const fn mode_of(owner: Owner) -> (&'static str, Option<i64>) {
    match owner {
        Owner::None => ("persistent", None),
        Owner::Session(_) => ("ephemeral", None),
        Owner::Container => ("container", None),
        Owner::Ttl(ttl_ms) => ("ttl", Some(ttl_ms)),
    }
}
