//! What is in a subtree.

use super::{PIPELINED, is_reserved, paths};
use crate::commands::null_or;
use crate::failure::Failure;
use bytes::Bytes;
use zoarium_client::acl::AclEntry;
use zoarium_client::{Client, Lifetime, SessionId, Stat};

/// One znode.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Content {
    /// Its path below the subtree's top, which is empty.
    pub(crate) below: String,
    pub(crate) data: Option<Bytes>,
    pub(crate) acl: Vec<AclEntry>,
    /// How long one like it stays. Servers do not show that, but documents may say it.
    pub(crate) lifetime: Lifetime,
    pub(crate) stat: Stat,
}

/// The session that an ephemeral belongs to. Servers show that of ephemerals only: containers and
/// znodes with a time to live look like any other (Apache's `DataNode.copyStat`).
pub(crate) fn owner(stat: &Stat) -> Option<SessionId> {
    Some(stat.ephemeral_owner).filter(|owner| owner.0 != 0)
}

impl Content {
    /// Whether it goes with a session, and so cannot be made for another.
    pub(crate) fn is_ephemeral(&self) -> bool {
        owner(&self.stat).is_some()
    }
}

/// Reads all that is at and below `root`, what is above before what is below. The znodes that
/// servers keep for themselves are left out, unless `root` is one of them.
pub(crate) async fn contents(
    client: &Client,
    root: &str,
    mut progress: impl FnMut(usize, usize),
) -> Result<Vec<Content>, Failure> {
    let mut paths = paths(client, root).await?;
    paths.retain(|path| path == root || is_reserved(root) && root != "/" || !is_reserved(path));
    let mut contents = Vec::with_capacity(paths.len());
    for chunk in paths.chunks(PIPELINED) {
        let reads: Vec<_> = chunk
            .iter()
            .map(|path| (client.get(path.as_str()).send(), client.acl(path.as_str()).send()))
            .collect();
        for (path, (data, acl)) in chunk.iter().zip(reads) {
            let (data, acl) = match (data.await, acl.await) {
                (Ok(data), Ok((acl, _))) => (data, acl),
                // It has gone since it was listed.
                (Err(error), _) | (_, Err(error)) if error.is_no_node() && path != root => continue,
                (Err(error), _) | (_, Err(error)) => return Err(error.into()),
            };
            let below = path.strip_prefix(root.trim_end_matches('/')).unwrap_or_default();
            contents.push(Content {
                below: if path == root { String::new() } else { below.to_owned() },
                lifetime: Lifetime::Persistent,
                stat: data.stat,
                data: null_or(client, path, data.data).await?,
                acl,
            });
        }
        progress(contents.len(), paths.len());
    }
    Ok(contents)
}
