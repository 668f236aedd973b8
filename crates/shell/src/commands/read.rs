//! Commands that look at znodes.

use crate::call::{Call, Manner};
use crate::failure::Failure;
use crate::reply::{Reply, Shown};
use crate::shell::Shell;
use crate::subtree;
use crate::watches::Watching;
use bytes::Bytes;
use std::collections::VecDeque;
use zoarium_client::{Client, ReadResult, Stat};

/// `get`.
pub(super) async fn get(shell: &Shell, call: &Call) -> Result<(), Failure> {
    let path = call.path();
    let watches = watches(shell, call, "get path [watch]", "get [-s] [-w] path")?;
    let client = shell.client()?;
    let (data, stat) = if watches {
        let (read, watch) = client.get(path).watch().await?;
        shell.watches.add_once(path, Watching::Data, watch);
        (read.data, read.stat)
    } else {
        let read = client.get(path).await?;
        (read.data, read.stat)
    };
    let shown = match (call.has("x"), call.has("b")) {
        (true, _) => Shown::Hexdump,
        (false, true) => Shown::Base64,
        (false, false) => Shown::Text,
    };
    let data = null_or(&client, path, data).await?;
    let (path, with_stat) = (path.to_owned(), call.has("s"));
    shell.say(&Reply::Data { path, data, stat, shown, with_stat })
}

/// Tells null from empty data, which servers keep apart and a plain read does not.
pub(crate) async fn null_or(
    client: &Client,
    path: &str,
    data: Bytes,
) -> Result<Option<Bytes>, Failure> {
    if !data.is_empty() {
        return Ok(Some(data));
    }
    let mut read = client.reads().get(path).await?;
    match read.pop() {
        Some(Ok(ReadResult::Data(read))) => Ok(read.data),
        // It was there a moment ago.
        Some(Ok(ReadResult::Children(_)) | Err(_)) | None => Ok(Some(data)),
    }
}

/// Whether a watch is to be set: by `-w`, or by the word of older versions.
fn watches(shell: &Shell, call: &Call, old: &str, new: &str) -> Result<bool, Failure> {
    if call.word(1).is_some() {
        shell.say(&Reply::Warning(format!(
            "'{old}' has been deprecated. Please use '{new}' instead."
        )))?;
        return Ok(true);
    }
    Ok(call.has("w"))
}

/// `ls`.
pub(super) async fn ls(shell: &Shell, call: &Call) -> Result<(), Failure> {
    if call.has("?") {
        let text = crate::failure::option_table(call.spec);
        shell.output.out(&format!("usage: ls [options] path\n{text}\n"));
        return Err(Failure::Usage { spec: call.spec });
    }
    let watches = watches(shell, call, "ls path [watch]", "ls [-w] path")?;
    if call.has("R") {
        return ls_recursive(shell, call.path()).await;
    }
    list(shell, call.path(), watches, call.has("s")).await
}

/// `ls2`, as it was up to 3.5.
pub(super) async fn ls2(shell: &Shell, call: &Call) -> Result<(), Failure> {
    let old = "'ls2' has been deprecated. Please use 'ls [-s] path' instead.";
    shell.say(&Reply::Warning(old.to_owned()))?;
    list(shell, call.path(), call.word(1).is_some(), true).await
}

async fn list(shell: &Shell, path: &str, watches: bool, with_stat: bool) -> Result<(), Failure> {
    let client = shell.client()?;
    let mut children = if watches {
        let (children, watch) = client.children(path).watch().await?;
        shell.watches.add_once(path, Watching::Children, watch);
        children
    } else {
        client.children(path).await?
    };
    children.names.sort_unstable();
    let stat = with_stat.then_some(children.stat);
    shell.say(&Reply::Children { path: path.to_owned(), names: children.names, stat })
}

/// Apache's order: a znode's children follow it, and their subtrees follow those.
async fn ls_recursive(shell: &Shell, path: &str) -> Result<(), Failure> {
    let client = shell.client()?;
    let mut queue = VecDeque::from([path.to_owned()]);
    let mut is_first = true;
    while let Some(path) = queue.pop_front() {
        let mut children = client.children(path.as_str()).await?;
        if std::mem::take(&mut is_first) {
            shell.say(&Reply::Path { path: path.clone() })?;
        }
        children.names.sort_unstable();
        for name in children.names {
            let path = subtree::join(&path, &name);
            shell.say(&Reply::Path { path: path.clone() })?;
            queue.push_back(path);
        }
    }
    Ok(())
}

/// `stat`.
pub(super) async fn stat(shell: &Shell, call: &Call) -> Result<(), Failure> {
    let path = call.path();
    let watches = watches(shell, call, "stat path [watch]", "stat [-w] path")?;
    let client = shell.client()?;
    let found: Option<Stat> = if watches {
        let (found, watch) = client.exists(path).watch().await?;
        shell.watches.add_once(path, Watching::Data, watch);
        found
    } else {
        client.exists(path).await?
    };
    let stat = found.ok_or_else(|| Failure::no_node(path))?;
    shell.say(&Reply::Stat { path: path.to_owned(), stat, is_shown: true })
}

/// `getAllChildrenNumber`.
pub(super) async fn count(shell: &Shell, call: &Call) -> Result<(), Failure> {
    let path = call.path();
    let count = shell.client()?.count_descendants(path).await?.into();
    shell.say(&Reply::Count { path: path.to_owned(), count })
}

/// `getEphemerals`.
pub(super) async fn ephemerals(shell: &Shell, call: &Call) -> Result<(), Failure> {
    check_path(shell, call.path())?;
    let mut paths = shell.client()?.ephemerals(call.path()).await?;
    paths.sort_unstable();
    shell.say(&Reply::Paths { paths })
}

/// `sync`.
pub(super) async fn sync(shell: &Shell, call: &Call) -> Result<(), Failure> {
    check_path(shell, call.path())?;
    match shell.client()?.sync().await {
        Ok(()) => {
            let value = serde_json::json!({ "synced": call.path() });
            shell.say(&Reply::Lines { text: "Sync is OK".to_owned(), value })
        }
        Err(error) if shell.ways.manner == Manner::Apache => {
            let rc = error.code().map_or(-4, zoarium_client::ErrorCode::to_wire);
            Err(Failure::Said(format!("Sync has failed. rc={rc}")))
        }
        Err(error) => Err(error.into()),
    }
}

/// Checks the path of a request that carries none as it was typed.
fn check_path(shell: &Shell, path: &str) -> Result<(), Failure> {
    // A root that is a valid path is what the client would check.
    shell.client()?.chroot(path).map(drop).map_err(Failure::from)
}
