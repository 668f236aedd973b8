//! `tree` and `du`.

use crate::call::Call;
use crate::commands::find::say_unreadable;
use crate::failure::Failure;
use crate::reply::{Reply, json_stat};
use crate::shell::Shell;
use crate::subtree::{Seen, join, owner, walk};
use serde_json::json;
use std::collections::HashMap;

/// `tree`.
pub(super) async fn tree(shell: &Shell, call: &Call) -> Result<(), Failure> {
    let levels = call.number::<usize>("depth")?;
    let client = shell.client()?;
    let walk = walk(&client, call.path(), levels).await?;
    let by_path: HashMap<&str, &Seen> =
        walk.seen.iter().map(|seen| (seen.path.as_str(), seen)).collect();
    // What is still to be shown: the path, what it is called, and what leads to it.
    let mut stack = vec![(call.path().to_owned(), call.path().to_owned(), String::new(), "")];
    while let Some((path, name, indent, branch)) = stack.pop() {
        let Some(seen) = by_path.get(path.as_str()) else { continue };
        let text = format!("{indent}{branch}{name}{}", remark(seen, call.has("s")));
        let value = json!({ "path": path, "stat": json_stat(&seen.stat) });
        shell.say(&Reply::Lines { text, value })?;
        let indent = match branch {
            "" => String::new(),
            "└── " => indent + "    ",
            _ => indent + "│   ",
        };
        let below: Vec<&String> =
            seen.names.iter().filter(|name| by_path.contains_key(&*join(&path, name))).collect();
        for (behind, name) in below.into_iter().rev().enumerate() {
            let branch = if behind == 0 { "└── " } else { "├── " };
            stack.push((join(&path, name), name.clone(), indent.clone(), branch));
        }
    }
    say_unreadable(shell, &walk.unreadable)
}

/// What else there is to say of a znode in one line.
fn remark(seen: &Seen, is_long: bool) -> String {
    let kept = match owner(&seen.stat) {
        None => String::new(),
        Some(session) => format!(" (ephemeral of 0x{:x})", session.0),
    };
    match is_long {
        true => format!("{kept} [{} bytes, v{}]", seen.stat.data_length, seen.stat.version),
        false => kept,
    }
}

/// Znodes and bytes of data.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Size {
    znodes: u64,
    bytes: u64,
}

/// `du`.
pub(super) async fn du(shell: &Shell, call: &Call) -> Result<(), Failure> {
    let (root, client) = (call.path(), shell.client()?);
    let walk = walk(&client, root, None).await?;
    let (all, mut sizes) = sizes(root, &walk.seen);
    sizes.sort_by(|(one_path, one), (other_path, other)| {
        other.bytes.cmp(&one.bytes).then_with(|| one_path.cmp(other_path))
    });
    sizes.push((root.to_owned(), all));
    for (path, Size { znodes, bytes }) in sizes {
        let text = format!("{bytes:>12} bytes {znodes:>9} znodes  {path}");
        let value = json!({ "path": path, "bytes": bytes, "znodes": znodes });
        shell.say(&Reply::Lines { text, value })?;
    }
    say_unreadable(shell, &walk.unreadable)
}

/// The size of all, and of what is at and below each child of the root.
fn sizes(root: &str, seen: &[Seen]) -> (Size, Vec<(String, Size)>) {
    let mut all = Size::default();
    let mut children: HashMap<String, Size> = HashMap::new();
    let root = root.trim_end_matches('/');
    for seen in seen {
        let bytes = u64::try_from(seen.stat.data_length).unwrap_or(0);
        let child = seen.path.strip_prefix(root).and_then(|below| below.split('/').nth(1));
        let sizes = child
            .filter(|name| !name.is_empty())
            .map(|name| children.entry(format!("{root}/{name}")).or_default());
        for size in std::iter::once(&mut all).chain(sizes) {
            size.znodes += 1;
            size.bytes += bytes;
        }
    }
    (all, children.into_iter().collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use zoarium_client::Stat;

    #[test]
    fn sizes_are_those_of_whole_subtrees() {
        let seen = |path: &str, data_length| Seen {
            path: path.to_owned(),
            stat: Stat { data_length, ..Stat::default() },
            names: Vec::new(),
        };
        for root in ["/r", "/"] {
            let at = root.trim_end_matches('/');
            let walked = [
                seen(root, 1),
                seen(&format!("{at}/a"), 10),
                seen(&format!("{at}/a/x"), 100),
                seen(&format!("{at}/ab"), 1000),
            ];
            let (all, mut children) = sizes(root, &walked);
            children.sort_by(|one, other| one.0.cmp(&other.0));
            assert_eq!(all, Size { znodes: 4, bytes: 1111 });
            assert_eq!(
                children,
                [
                    (format!("{at}/a"), Size { znodes: 2, bytes: 110 }),
                    (format!("{at}/ab"), Size { znodes: 1, bytes: 1000 })
                ]
            );
        }
    }
}
