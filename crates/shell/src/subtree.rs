//! Whole subtrees: walking them, reading what is in them, writing it elsewhere.

mod contents;
mod writing;

use crate::failure::Failure;
use zoarium_client::{Client, ErrorCode, Stat};

pub(crate) use contents::{Content, contents, owner};
pub(crate) use writing::{exist, named, write_all, znode};

/// Requests under way at a time.
pub(crate) const PIPELINED: usize = 200;

/// The path of a child.
pub(crate) fn join(parent: &str, name: &str) -> String {
    format!("{}/{name}", parent.trim_end_matches('/'))
}

/// Whether a path is the root or one of the znodes that servers keep for themselves.
pub(crate) fn is_reserved(path: &str) -> bool {
    path == "/" || path == "/zookeeper" || path.starts_with("/zookeeper/")
}

/// A znode that was come by.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) path: String,
    pub(crate) stat: Stat,
    /// Names of the children, sorted.
    pub(crate) names: Vec<String>,
}

/// What a walk has come by.
#[derive(Debug, Default)]
pub(crate) struct Walk {
    /// Level by level from the top; siblings are sorted.
    pub(crate) seen: Vec<Seen>,
    /// Znodes whose children this client may not list.
    pub(crate) unreadable: Vec<String>,
}

/// Walks all that is at and below `root`, as far as this client may; `levels` below it at most.
pub(crate) async fn walk(
    client: &Client,
    root: &str,
    levels: Option<usize>,
) -> Result<Walk, Failure> {
    let mut walk = Walk::default();
    let mut level = vec![root.to_owned()];
    let mut depth = 0;
    while !level.is_empty() {
        let mut below = Vec::new();
        for chunk in level.chunks(PIPELINED) {
            let reads: Vec<_> =
                chunk.iter().map(|path| client.children(path.as_str()).send()).collect();
            for (path, read) in chunk.iter().zip(reads) {
                match read.await {
                    Ok(mut children) => {
                        children.names.sort_unstable();
                        below.extend(children.names.iter().map(|name| join(path, name)));
                        let (stat, names) = (children.stat, children.names);
                        walk.seen.push(Seen { path: path.clone(), stat, names });
                    }
                    // It has gone since its parent was read.
                    Err(error) if error.is_no_node() && path != root => {}
                    Err(error) if error.code() == Some(ErrorCode::NoAuth) && path != root => {
                        walk.unreadable.push(path.clone());
                    }
                    Err(error) => return Err(error.into()),
                }
            }
        }
        depth += 1;
        level = if levels.is_some_and(|levels| depth > levels) { Vec::new() } else { below };
    }
    Ok(walk)
}

/// The paths of all that is at and below `root`, level by level. All of it must be readable.
pub(crate) async fn paths(client: &Client, root: &str) -> Result<Vec<String>, Failure> {
    let walk = walk(client, root, None).await?;
    match walk.unreadable.first() {
        Some(path) => {
            Err(Failure::code(zoarium_client::OpCode::GetChildren, path, ErrorCode::NoAuth))
        }
        None => Ok(walk.seen.into_iter().map(|seen| seen.path).collect()),
    }
}
