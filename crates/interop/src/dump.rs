//! The whole tree as a client sees it: data, Stat, ACL and children of every znode.

use std::collections::BTreeMap;

use anyhow::{Result, bail};
use serde_json::{Map, Value, json};

use crate::session::{Reply, Session, names};
use crate::wire::{Jute, Reader, op};

/// Every znode by its path.
pub(crate) type Dump = BTreeMap<String, Value>;

/// How many differing znodes are printed.
const FINDINGS_MAX: usize = 8;

/// How many znodes are asked for at once.
const WINDOW: usize = 64;

/// Reads the whole tree as super user, as new as the ensemble's leader has it.
pub(crate) fn of(port: u16) -> Result<Dump> {
    let mut session = Session::open(port)?;
    session.become_super()?;
    session.sync()?;
    let mut dump = Dump::new();
    let mut paths = vec!["/".to_owned()];
    while !paths.is_empty() {
        let window = paths.split_off(paths.len().saturating_sub(WINDOW));
        let mut requests = Vec::new();
        for path in &window {
            requests.push((op::GET_CHILDREN, Jute::new().text(path).bool(false)));
            requests.push((op::GET_DATA, Jute::new().text(path).bool(false)));
            requests.push((op::GET_ACL, Jute::new().text(path)));
        }
        let replies = session.call_all(requests)?;
        for (path, replies) in window.into_iter().zip(replies.chunks(3)) {
            if let Some(failed) = replies.iter().find(|reply| reply.err != 0) {
                bail!("{path}: error {}", failed.err);
            }
            let children = names(&replies[0])?;
            let prefix = if path == "/" { "" } else { &path };
            paths.extend(children.iter().map(|name| format!("{prefix}/{name}")));
            let znode = znode(children, &replies[1], &replies[2])?;
            dump.insert(path, znode);
        }
    }
    session.close()?;
    Ok(dump)
}

fn znode(children: Vec<String>, data: &Reply, acl: &Reply) -> Result<Value> {
    let mut reader = Reader::new(&data.body);
    let data = reader.text()?.map(hex);
    let stat = stat(&mut reader)?;
    let mut reader = Reader::new(&acl.body);
    let mut acl = Vec::new();
    for _ in 0..reader.int()? {
        let perms = reader.int()?;
        let scheme = String::from_utf8_lossy(reader.text()?.unwrap_or_default()).into_owned();
        let id = String::from_utf8_lossy(reader.text()?.unwrap_or_default()).into_owned();
        acl.push(json!({ "perms": perms, "scheme": scheme, "id": id }));
    }
    Ok(json!({ "data_hex": data, "stat": stat, "acl": acl, "children": children, "err": 0 }))
}

fn stat(reader: &mut Reader<'_>) -> Result<Value> {
    let mut stat = Map::new();
    for (name, wide) in [
        ("czxid", true),
        ("mzxid", true),
        ("ctime", true),
        ("mtime", true),
        ("version", false),
        ("cversion", false),
        ("aversion", false),
        ("ephemeralOwner", true),
        ("dataLength", false),
        ("numChildren", false),
        ("pzxid", true),
    ] {
        let value = if wide { reader.long()? } else { i64::from(reader.int()?) };
        stat.insert(name.to_owned(), value.into());
    }
    Ok(stat.into())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A dump kept as JSON: `{path: {data_hex, stat, acl, children}}`.
pub(crate) fn parse(text: &str) -> Result<Dump> {
    Ok(serde_json::from_str(text)?)
}

/// Fails with the first differing znodes.
pub(crate) fn compare(expected: &Dump, got: &Dump) -> Result<()> {
    let mut findings = Vec::new();
    for (path, expected) in expected {
        match got.get(path) {
            None => findings.push(format!("{path} is missing")),
            Some(got) => findings.extend(differing_fields(path, expected, got)),
        }
    }
    let unexpected = got.keys().filter(|path| !expected.contains_key(*path));
    findings.extend(unexpected.map(|path| format!("{path} should not be there")));
    if findings.is_empty() {
        return Ok(());
    }
    let count = findings.len();
    findings.truncate(FINDINGS_MAX);
    bail!("{count} differences\n{}", findings.join("\n"))
}

fn differing_fields(path: &str, expected: &Value, got: &Value) -> Option<String> {
    let mut parts = Vec::new();
    for field in ["data_hex", "acl", "children"] {
        if expected[field] != got[field] {
            parts.push(format!("{field} {}, expected {}", got[field], expected[field]));
        }
    }
    for (field, value) in expected["stat"].as_object().into_iter().flatten() {
        if got["stat"][field] != *value {
            parts.push(format!("{field} {}, expected {value}", got["stat"][field]));
        }
    }
    (!parts.is_empty()).then(|| format!("{path}: {}", parts.join("; ")))
}
