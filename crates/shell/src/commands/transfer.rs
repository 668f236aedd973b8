//! `export` and `import`: a subtree as JSON, one znode a line.

use crate::acl_text::{letters, perms};
use crate::call::Call;
use crate::commands::copying::put;
use crate::failure::Failure;
use crate::reply::{Reply, json_bytes};
use crate::shell::Shell;
use crate::subtree::{Content, contents};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::time::Duration;
use zoarium_client::acl::{AclEntry, Id};
use zoarium_client::{Lifetime, Stat};

/// The version of the format.
const FORMAT: u64 = 1;

/// `export`.
pub(super) async fn export(shell: &Shell, call: &Call) -> Result<(), Failure> {
    let client = shell.client()?;
    let path = call.path();
    let read = contents(&client, path, |done, all| shell.progress("read", done, all)).await?;
    let stays = |content: &&Content| !content.is_ephemeral();
    let znodes: Vec<String> =
        read.iter().filter(stays).map(|content| znode(content).to_string()).collect();
    let text = format!(
        "{{\"zoarium_export\":{FORMAT},\"path\":{},\"znodes\":[\n{}\n]}}\n",
        json!(path),
        znodes.join(",\n")
    );
    let Some(file) = call.word(1) else {
        shell.output.out(&text);
        return Ok(());
    };
    let file = PathBuf::from(file);
    std::fs::write(&file, text).map_err(|source| Failure::File { path: file.clone(), source })?;
    let (written, left_out) = (znodes.len(), read.len() - znodes.len());
    let ephemerals = match left_out {
        0 => String::new(),
        count => format!(", {count} ephemerals left out"),
    };
    let text = format!("{written} exported to {}{ephemerals}", file.display());
    let value = json!({ "exported": written, "left_out": left_out, "file": file });
    shell.say(&Reply::Lines { text, value })
}

fn znode(content: &Content) -> Value {
    let acl: Vec<Value> = content
        .acl
        .iter()
        .map(|AclEntry { perms, id }| {
            json!({ "scheme": id.scheme, "id": id.id, "perms": letters(*perms) })
        })
        .collect();
    let mut value = json!({ "path": content.below, "acl": acl });
    json_bytes(&mut value, content.data.as_ref());
    value
}

/// `import`.
pub(super) async fn import(shell: &Shell, call: &Call) -> Result<(), Failure> {
    let file = PathBuf::from(call.word(0).unwrap_or_default());
    let (root, read) = read_file(&file)?;
    let client = shell.client()?;
    put(shell, call, &client, &read, call.word(1).unwrap_or(&root)).await
}

fn read_file(file: &Path) -> Result<(String, Vec<Content>), Failure> {
    let format = |why: String| Failure::Format { path: file.to_owned(), why };
    let text =
        std::fs::read(file).map_err(|source| Failure::File { path: file.to_owned(), source })?;
    let value: Value =
        serde_json::from_slice(&text).map_err(|error| format(format!("no JSON: {error}")))?;
    match value["zoarium_export"].as_u64() {
        Some(FORMAT) => {}
        Some(other) => return Err(format(format!("an export of version {other}, not {FORMAT}"))),
        None => return Err(format("no export of `export`".to_owned())),
    }
    let root = value["path"].as_str().unwrap_or("/").to_owned();
    let Some(znodes) = value["znodes"].as_array() else {
        return Err(format("no list of znodes".to_owned()));
    };
    let contents = (0..)
        .zip(znodes)
        .map(|(index, value): (usize, _)| {
            let why = |what: &str| format(format!("znode {index}: {what}"));
            content(value).map_err(why)
        })
        .collect::<Result<_, _>>()?;
    Ok((root, contents))
}

/// Reads one znode, or says what is missing or wrong.
fn content(value: &Value) -> Result<Content, &'static str> {
    let below = value["path"].as_str().ok_or("no path")?.to_owned();
    let data = match (&value["data"], &value["data_base64"]) {
        (Value::String(text), Value::Null) => Some(Bytes::from(text.clone())),
        (Value::Null, Value::String(text)) => {
            Some(STANDARD.decode(text).map_err(|_| "data_base64 is no base64")?.into())
        }
        (Value::Null, Value::Null) => None,
        _ => return Err("data that is no text"),
    };
    let lifetime = &value["lifetime"];
    let lifetime = match (lifetime.as_str(), lifetime["ttl_ms"].as_u64()) {
        (Some("container"), _) => Lifetime::Container,
        (Some("persistent"), _) => Lifetime::Persistent,
        (None, Some(ttl_ms)) => Lifetime::Ttl(Duration::from_millis(ttl_ms)),
        (None, None) if lifetime.is_null() => Lifetime::Persistent,
        (..) => return Err("an unknown lifetime"),
    };
    let acl = value["acl"].as_array().ok_or("no acl")?;
    let acl = acl.iter().map(entry).collect::<Option<Vec<_>>>().ok_or("an acl that is none")?;
    Ok(Content { below, data, acl, lifetime, stat: Stat::default() })
}

fn entry(value: &Value) -> Option<AclEntry> {
    let text = |key: &str| value[key].as_str();
    Some(AclEntry { perms: perms(text("perms")?)?, id: Id::new(text("scheme")?, text("id")?) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use zoarium_client::acl::Perms;

    #[test]
    fn what_is_exported_is_imported() {
        for data in [None, Some(&b""[..]), Some(b"text \"q\"\n"), Some(b"\xFF\x00")] {
            let data = data.map(Bytes::from_static);
            let acl = vec![AclEntry { perms: Perms::READ, id: Id::new("digest", "u:h=,x") }];
            let stat = Stat::default();
            let lifetime = Lifetime::Persistent;
            let before = Content { below: "/a".to_owned(), data, acl, lifetime, stat };
            assert_eq!(content(&znode(&before)), Ok(before));
        }
    }

    #[test]
    fn lifetimes_are_read_where_a_document_has_them() {
        for (text, lifetime) in [
            (json!("container"), Lifetime::Container),
            (json!({ "ttl_ms": 5 }), Lifetime::Ttl(Duration::from_millis(5))),
            (json!("persistent"), Lifetime::Persistent),
        ] {
            let value = json!({ "path": "", "acl": [], "lifetime": text });
            assert_eq!(content(&value).unwrap().lifetime, lifetime);
        }
    }

    #[test]
    fn what_is_wrong_in_a_znode_is_named() {
        let good = json!({ "path": "", "acl": [], "data": "x" });
        assert!(content(&good).is_ok());
        for (key, wrong, expected) in [
            ("path", json!(5), "no path"),
            ("data", json!(5), "data that is no text"),
            ("data_base64", json!("!"), "data that is no text"),
            ("lifetime", json!("ever"), "an unknown lifetime"),
            ("acl", json!("open"), "no acl"),
            (
                "acl",
                json!([{ "scheme": "world", "id": "anyone", "perms": "z" }]),
                "an acl that is none",
            ),
        ] {
            let mut value = good.clone();
            value[key] = wrong;
            assert_eq!(content(&value), Err(expected), "{key}");
        }
    }
}
