//! Replies as JSON: one object each.

use super::{News, Reply};
use crate::acl_text::letters;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde_json::{Map, Value, json};
use zoarium_client::Stat;
use zoarium_client::acl::AclEntry;

impl Reply {
    /// The reply as an object.
    pub(crate) fn json(&self) -> Value {
        match self {
            Self::Created { path, stat: of } => json!({ "created": path, "stat": stat(of) }),
            Self::Data { path, data, stat: of, .. } => {
                let mut value = json!({ "path": path });
                bytes(&mut value, data.as_ref());
                value["stat"] = stat(of);
                value
            }
            Self::Children { path, names, stat: of } => {
                let mut value = json!({ "path": path, "children": names });
                if let Some(of) = of {
                    value["stat"] = stat(of);
                }
                value
            }
            Self::Path { path } => json!({ "path": path }),
            Self::Paths { paths } => json!({ "paths": paths }),
            Self::Stat { path, stat: of, .. } => json!({ "path": path, "stat": stat(of) }),
            Self::Acl { path, acl: list, stat: of, .. } => {
                json!({ "path": path, "acl": acl(list), "stat": stat(of) })
            }
            Self::Count { path, count } => json!({ "path": path, "count": count }),
            Self::Identities(ids) => {
                let ids: Vec<Value> =
                    ids.iter().map(|id| json!({ "scheme": id.scheme, "id": id.id })).collect();
                json!({ "identities": ids })
            }
            Self::Config { text, stat: of, .. } => json!({ "config": text, "stat": stat(of) }),
            Self::Lines { value, .. } => value.clone(),
            Self::Warning(text) => json!({ "warning": text }),
            Self::Done { path } => json!({ "done": path }),
        }
    }
}

impl News {
    /// The news as an object.
    pub(crate) fn json(&self) -> Value {
        json!({ "event": {
            "state": self.state,
            "type": self.kind_name(),
            "path": self.path,
            "zxid": self.zxid.map(|zxid| format!("0x{:x}", zxid.to_wire())),
        }})
    }
}

/// Puts data into an object: as text if it is text, else as base64.
pub(crate) fn bytes(value: &mut Value, data: Option<&Bytes>) {
    let (key, data) = match data.map(|data| str::from_utf8(data)) {
        None => ("data", Value::Null),
        Some(Ok(text)) => ("data", text.into()),
        Some(Err(_)) => ("data_base64", STANDARD.encode(data.map_or(&[][..], |data| data)).into()),
    };
    value[key] = data;
}

fn acl(list: &[AclEntry]) -> Value {
    let entry = |AclEntry { perms, id }: &AclEntry| json!({ "scheme": id.scheme, "id": id.id, "perms": letters(*perms) });
    list.iter().map(entry).collect()
}

/// A stat with Apache's names. Zxids and sessions are hexadecimal, times ms since the Unix epoch.
pub(crate) fn stat(stat: &Stat) -> Value {
    let hex = |number: i64| Value::from(format!("0x{number:x}"));
    let fields: [(&str, Value); 11] = [
        ("cZxid", hex(stat.czxid.to_wire())),
        ("ctime", stat.ctime.into()),
        ("mZxid", hex(stat.mzxid.to_wire())),
        ("mtime", stat.mtime.into()),
        ("pZxid", hex(stat.pzxid.to_wire())),
        ("cversion", stat.cversion.into()),
        ("dataVersion", stat.version.into()),
        ("aclVersion", stat.aversion.into()),
        ("ephemeralOwner", hex(stat.ephemeral_owner.0)),
        ("dataLength", stat.data_length.into()),
        ("numChildren", stat.num_children.into()),
    ];
    let fields: Map<String, Value> =
        fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    Value::Object(fields)
}
