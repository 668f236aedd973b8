//! `cp` and `mv`.

use crate::call::Call;
use crate::failure::Failure;
use crate::reply::Reply;
use crate::shell::Shell;
use crate::subtree::{self, Content, contents, exist, write_all};
use serde_json::json;
use std::collections::BTreeSet;
use zoarium_client::{Client, ErrorCode, OpCode};

/// Znodes that are moved in one transaction, and the bytes of their data.
const MOVED_AT_ONCE: usize = 500;
const MOVED_BYTES: usize = 512 << 10;

/// `cp`.
pub(super) async fn cp(shell: &Shell, call: &Call) -> Result<(), Failure> {
    let (from, to) = (call.path(), call.word(1).unwrap_or_default());
    let client = shell.client()?;
    let read = contents(&client, from, |done, all| shell.progress("read", done, all)).await?;
    put(shell, call, &client, &read, to).await
}

/// Writes what was read to another place, with its preview, question and progress. For `cp` and
/// `import`.
pub(super) async fn put(
    shell: &Shell,
    call: &Call,
    client: &Client,
    read: &[Content],
    to: &str,
) -> Result<(), Failure> {
    let placed = placed(read, to);
    let paths: Vec<String> = placed.iter().map(|(path, _)| path.clone()).collect();
    let there = exist(client, &paths).await?;
    let overwrites = call.has("overwrite");
    if call.has("dry-run") {
        return preview(shell, &placed, &there, overwrites);
    }
    // The root is always there, and not in the way.
    let mut in_the_way = there.iter().filter(|path| !subtree::is_reserved(path));
    if let (Some(path), false) = (in_the_way.next(), overwrites) {
        return Err(Failure::code(OpCode::Create2, path, ErrorCode::NodeExists));
    }
    let placed: Vec<_> = placed
        .into_iter()
        .filter(|(path, content)| {
            (overwrites || !there.contains(path))
                && !content.is_ephemeral()
                && !subtree::is_reserved(path)
        })
        .collect();
    let replaced = placed.iter().filter(|(path, _)| there.contains(path)).count();
    if replaced > 0 {
        let name = call.spec.name;
        shell.confirm(&format!("{name} to {to} replaces the data of {replaced} znodes"))?;
    }
    let all = placed.len();
    write_all(client, &placed, &there, |done| shell.progress("written", done, all)).await?;
    let left_out = read.len() - all;
    let mut text = format!("{} created", all - replaced);
    if replaced > 0 {
        text += &format!(", {replaced} replaced");
    }
    if left_out > 0 {
        text += &format!(", {left_out} left out");
    }
    let value = json!({ "created": all - replaced, "replaced": replaced, "left_out": left_out });
    shell.say(&Reply::Lines { text, value })
}

fn placed<'a>(read: &'a [Content], to: &str) -> Vec<(String, &'a Content)> {
    let place = |content: &'a Content| match (to.trim_end_matches('/'), content.below.as_str()) {
        ("", "") => ("/".to_owned(), content),
        (to, below) => (format!("{to}{below}"), content),
    };
    read.iter().map(place).collect()
}

fn preview(
    shell: &Shell,
    placed: &[(String, &Content)],
    there: &BTreeSet<String>,
    overwrites: bool,
) -> Result<(), Failure> {
    for (path, content) in placed {
        let is_left_out = content.is_ephemeral() || subtree::is_reserved(path);
        let what = match (is_left_out, there.contains(path), overwrites) {
            (true, ..) => "leave out",
            (false, false, _) => "create",
            (false, true, true) => "replace",
            (false, true, false) => "there already:",
        };
        let value = json!({ "path": path, "would": what });
        shell.say(&Reply::Lines { text: format!("{what} {path}"), value })?;
    }
    Ok(())
}

/// `mv`.
pub(super) async fn mv(shell: &Shell, call: &Call) -> Result<(), Failure> {
    let (from, to) = (call.path(), call.word(1).unwrap_or_default());
    if subtree::is_reserved(from) || to == from || to.starts_with(&format!("{from}/")) {
        return Err(Failure::Said(format!("{from} cannot be moved to {to}")));
    }
    let client = shell.client()?;
    let read = contents(&client, from, |done, all| shell.progress("read", done, all)).await?;
    if let Some(content) = read.iter().find(|content| content.is_ephemeral()) {
        let text = format!("{from}{} is an ephemeral, and belongs to its session", content.below);
        return Err(Failure::Said(text));
    }
    let placed = placed(&read, to);
    if call.has("dry-run") {
        for (path, content) in &placed {
            let old = format!("{from}{}", content.below);
            let value = json!({ "from": old, "to": path });
            shell.say(&Reply::Lines { text: format!("{old} -> {path}"), value })?;
        }
        return Ok(());
    }
    shell.confirm(&format!("mv {from} {to} moves {} znodes", read.len()))?;
    let bytes: usize = read.iter().map(|it| it.data.as_ref().map_or(0, bytes::Bytes::len)).sum();
    let stayed = if read.len() <= MOVED_AT_ONCE && bytes <= MOVED_BYTES {
        move_at_once(&client, from, &placed).await?;
        0
    } else {
        let all = placed.len();
        let progress = |done| shell.progress("written", done, all);
        write_all(&client, &placed, &BTreeSet::new(), progress).await?;
        delete_unchanged(shell, &client, from, &read).await?
    };
    let text = match stayed {
        0 => format!("{} moved", read.len()),
        stayed => format!("{} copied, {stayed} of them changed meanwhile and stay", read.len()),
    };
    shell.say(&Reply::Lines { text, value: json!({ "moved": read.len(), "stayed": stayed }) })
}

/// All in one transaction: nobody sees a half of it.
async fn move_at_once(
    client: &Client,
    from: &str,
    placed: &[(String, &Content)],
) -> Result<(), Failure> {
    let old: Vec<String> = placed.iter().map(|(_, it)| format!("{from}{}", it.below)).collect();
    let mut transaction = client.transaction();
    let mut parts = Vec::new();
    for (path, content) in placed {
        transaction = transaction.create(subtree::znode(path, content)?);
        parts.push(path.as_str());
    }
    for (path, (_, content)) in old.iter().zip(placed).rev() {
        transaction = transaction.delete_version(path.as_str(), content.stat.version);
        parts.push(path);
    }
    transaction.await.map(drop).map_err(|error| subtree::named(error, &parts))
}

/// Deletes what was copied and has not changed since, and says how many znodes stay.
async fn delete_unchanged(
    shell: &Shell,
    client: &Client,
    from: &str,
    read: &[Content],
) -> Result<usize, Failure> {
    let mut stayed = 0;
    let mut done = 0;
    let bottom_up: Vec<&Content> = read.iter().rev().collect();
    for chunk in bottom_up.chunks(subtree::PIPELINED) {
        let delete = |content: &&Content| {
            let path = format!("{from}{}", content.below);
            client.delete(path).version(content.stat.version).send()
        };
        let deletes: Vec<_> = chunk.iter().map(delete).collect();
        for delete in deletes {
            match delete.await.map_err(|error| (error.code(), error)) {
                Ok(()) | Err((Some(ErrorCode::NoNode), _)) => {}
                Err((Some(ErrorCode::BadVersion | ErrorCode::NotEmpty), _)) => stayed += 1,
                Err((_, error)) => return Err(error.into()),
            }
        }
        done += chunk.len();
        shell.progress("deleted", done, read.len());
    }
    Ok(stayed)
}
