//! Replies as text, as Apache's client prints them.

use super::{News, NewsKind, Reply, Shown};
use crate::acl_text::letters;
use crate::hexdump::hexdump;
use crate::time::date;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use zoarium_client::acl::AclEntry;
use zoarium_client::{EventType, Stat};

/// Text for standard output and standard error.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Printed {
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Reply {
    /// The text, with line ends.
    pub(crate) fn text(&self) -> Printed {
        let mut printed = Printed::default();
        let out = &mut printed.out;
        match self {
            // Apache's client prints this on standard error.
            Self::Created { path, .. } => printed.err = format!("Created {path}\n"),
            Self::Data { data, stat: of, shown, with_stat, .. } => {
                *out = data_text(data.as_ref(), *shown) + "\n";
                if *with_stat {
                    *out += &stat(of);
                }
            }
            Self::Children { names, stat: of, .. } => {
                *out = format!("[{}]\n", names.join(", "));
                *out += &of.as_ref().map(stat).unwrap_or_default();
            }
            Self::Path { path } => *out = format!("{path}\n"),
            Self::Paths { paths } => *out = format!("[{}]\n", paths.join(", ")),
            Self::Stat { stat: of, is_shown: true, .. } => *out = stat(of),
            Self::Acl { acl, stat: of, with_stat, .. } => {
                *out = acl.iter().map(entry).collect();
                if *with_stat {
                    *out += &stat(of);
                }
            }
            Self::Count { count, .. } => *out = format!("{count}\n"),
            Self::Identities(ids) => {
                *out = "Auth scheme: User\n".to_owned();
                out.extend(ids.iter().map(|id| format!("{}: {}\n", id.scheme, user(&id.id))));
            }
            Self::Config { text, stat: of, with_stat, is_new } => {
                let title = if *is_new { "Committed new configuration:\n" } else { "" };
                *out = format!("{title}{text}\n");
                if *with_stat {
                    *out += &stat(of);
                }
            }
            Self::Lines { text, .. } if text.is_empty() => {}
            Self::Lines { text, .. } => *out = format!("{text}\n"),
            Self::Warning(text) => printed.err = format!("{text}\n"),
            Self::Stat { is_shown: false, .. } | Self::Done { .. } => {}
        }
        printed
    }
}

/// A name without what scheme digest keeps secret.
fn user(id: &str) -> &str {
    id.split(':').next().filter(|_| id.matches(':').count() == 1).unwrap_or(id)
}

fn entry(AclEntry { perms, id }: &AclEntry) -> String {
    format!("'{},'{}\n: {}\n", id.scheme, id.id, letters(*perms))
}

fn data_text(data: Option<&Bytes>, shown: Shown) -> String {
    // Apache's client formats the word.
    let data: &[u8] = data.map_or(b"null", |data| data);
    match shown {
        Shown::Text => String::from_utf8_lossy(data).into_owned(),
        Shown::Base64 => STANDARD.encode(data),
        Shown::Hexdump => hexdump(data),
    }
}

/// The lines of a stat.
pub(crate) fn stat(stat: &Stat) -> String {
    format!(
        "cZxid = 0x{:x}\nctime = {}\nmZxid = 0x{:x}\nmtime = {}\npZxid = 0x{:x}\ncversion = {}\n\
         dataVersion = {}\naclVersion = {}\nephemeralOwner = 0x{:x}\ndataLength = {}\n\
         numChildren = {}\n",
        stat.czxid.to_wire(),
        date(stat.ctime),
        stat.mzxid.to_wire(),
        date(stat.mtime),
        stat.pzxid.to_wire(),
        stat.cversion,
        stat.version,
        stat.aversion,
        stat.ephemeral_owner.0,
        stat.data_length,
        stat.num_children,
    )
}

impl News {
    /// The line Apache's client prints, without its frame.
    pub(crate) fn text(&self) -> String {
        let Self { state, path, zxid, .. } = self;
        let path = path.as_deref().unwrap_or("null");
        let zxid = zxid.map_or(-1, |zxid| zxid.to_wire());
        format!("WatchedEvent state:{state} type:{} path:{path} zxid: {zxid}", self.kind_name())
    }

    pub(super) fn kind_name(&self) -> &'static str {
        match self.kind {
            NewsKind::State => "None",
            NewsKind::Znode(kind) => event_name(kind),
            NewsKind::Removed(name) => name,
        }
    }
}

/// What Apache calls it.
pub(crate) const fn event_name(kind: EventType) -> &'static str {
    match kind {
        EventType::NodeCreated => "NodeCreated",
        EventType::NodeDeleted => "NodeDeleted",
        EventType::NodeDataChanged => "NodeDataChanged",
        EventType::NodeChildrenChanged => "NodeChildrenChanged",
    }
}
