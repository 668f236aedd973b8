//! `diff`: two subtrees, of one ensemble or of two.

use crate::acl_text::line;
use crate::call::Call;
use crate::failure::Failure;
use crate::link::Target;
use crate::reply::Reply;
use crate::shell::Shell;
use crate::subtree::{Content, contents};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};

/// How a znode differs.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Difference {
    OnlyFirst,
    OnlySecond,
    Both(Vec<String>),
}

/// `diff`.
pub(super) async fn run(shell: &Shell, call: &Call) -> Result<(), Failure> {
    let first_path = call.path();
    let second_path = match (call.word(1), call.has("with")) {
        (Some(path), _) => path,
        (None, true) => first_path,
        (None, false) => return Err(Failure::Usage { spec: call.spec }),
    };
    let client = shell.client()?;
    let progress = |done, all| shell.progress("read", done, all);
    let first = contents(&client, first_path, progress).await?;
    let second = match call.value("with") {
        None => contents(&client, second_path, progress).await?,
        Some(servers) => {
            let target = Target { servers: servers.to_owned(), ..shell.target.clone() };
            let other = target.start()?;
            target.ready(&other).await?;
            let read = contents(&other, second_path, progress).await;
            let _unconfirmed = other.close().await;
            read?
        }
    };
    let differences = compare(&first, &second, call.has("acl"));
    for (below, difference) in &differences {
        let (first, second) = (shown(first_path, below), shown(second_path, below));
        let (text, how) = match difference {
            Difference::OnlyFirst => (format!("- {first}"), json!("first")),
            Difference::OnlySecond => (format!("+ {second}"), json!("second")),
            Difference::Both(what) => (format!("~ {first}: {}", what.join(", ")), json!(what)),
        };
        let value = json!({ "path": below, "differs": how });
        shell.say(&Reply::Lines { text, value })?;
    }
    match differences.is_empty() {
        true => Ok(()),
        false => Err(Failure::Differs),
    }
}

fn shown(root: &str, below: &str) -> String {
    match (root.trim_end_matches('/'), below) {
        ("", "") => "/".to_owned(),
        (root, below) => format!("{root}{below}"),
    }
}

/// The differences by path below the tops.
fn compare(first: &[Content], second: &[Content], acls: bool) -> Vec<(String, Difference)> {
    let by_path = |read: &[Content]| -> BTreeMap<String, Content> {
        read.iter().map(|content| (content.below.clone(), content.clone())).collect()
    };
    let (first, second) = (by_path(first), by_path(second));
    let paths: BTreeSet<&String> = first.keys().chain(second.keys()).collect();
    let difference = |path: &&String| match (first.get(*path), second.get(*path)) {
        (Some(_), None) => Some(Difference::OnlyFirst),
        (None, Some(_)) => Some(Difference::OnlySecond),
        (Some(first), Some(second)) => {
            let what = differing(first, second, acls);
            (!what.is_empty()).then_some(Difference::Both(what))
        }
        (None, None) => None,
    };
    paths.iter().filter_map(|path| Some(((*path).clone(), difference(path)?))).collect()
}

fn differing(first: &Content, second: &Content, acls: bool) -> Vec<String> {
    let mut what = Vec::new();
    if first.data != second.data {
        let size = |content: &Content| match &content.data {
            None => "null".to_owned(),
            Some(data) => format!("{} bytes", data.len()),
        };
        what.push(format!("data ({}, {})", size(first), size(second)));
    }
    // Whose an ephemeral is makes no difference: the sessions of two ensembles have nothing to do
    // with each other.
    if first.is_ephemeral() != second.is_ephemeral() {
        let kind = |content: &Content| match content.is_ephemeral() {
            true => "ephemeral",
            false => "persistent",
        };
        what.push(format!("kind ({}, {})", kind(first), kind(second)));
    }
    if acls && first.acl != second.acl {
        what.push(format!("acl ({}, {})", line(&first.acl), line(&second.acl)));
    }
    what
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use zoarium_client::{Lifetime, Stat};

    fn znode(below: &str, data: Option<&'static str>) -> Content {
        Content {
            below: below.to_owned(),
            data: data.map(|data| Bytes::from_static(data.as_bytes())),
            acl: Vec::new(),
            lifetime: Lifetime::Persistent,
            stat: Stat::default(),
        }
    }

    #[test]
    fn differences_are_found_by_path() {
        let first = [znode("", None), znode("/a", Some("x")), znode("/b", Some(""))];
        let second = [znode("", None), znode("/b", None), znode("/c", Some("x"))];
        assert_eq!(
            compare(&first, &second, true),
            [
                ("/a".to_owned(), Difference::OnlyFirst),
                ("/b".to_owned(), Difference::Both(vec!["data (0 bytes, null)".to_owned()])),
                ("/c".to_owned(), Difference::OnlySecond),
            ]
        );
        assert_eq!(compare(&first, &first, true), []);
    }
}
