//! What is in a subtree.

use super::{PIPELINED, is_reserved, paths};
use crate::commands::null_or;
use crate::failure::Failure;
use bytes::Bytes;
use std::time::Duration;
use zoarium_client::acl::AclEntry;
use zoarium_client::{Client, Lifetime, SessionId, Stat};

/// One znode.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Content {
    /// Its path below the subtree's top, which is empty.
    pub(crate) below: String,
    pub(crate) data: Option<Bytes>,
    pub(crate) acl: Vec<AclEntry>,
    pub(crate) kept: Kept,
    pub(crate) stat: Stat,
}

/// How long a znode stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kept {
    Persistent,
    Container,
    Ttl(Duration),
    Ephemeral(SessionId),
}

impl Kept {
    /// What the owner in a stat stands for (Apache's `EphemeralType`, with extended types).
    pub(crate) fn of(stat: &Stat) -> Self {
        const TTL_BITS: u64 = 0xFF_FFFF_FFFF;
        const KIND_BITS: u64 = !TTL_BITS;
        const TTL_KIND: u64 = 0xFF00_0000_0000_0000;
        let owner = stat.ephemeral_owner.0.cast_unsigned();
        match owner {
            0 => Self::Persistent,
            0x8000_0000_0000_0000 => Self::Container,
            owner if owner & KIND_BITS == TTL_KIND => {
                Self::Ttl(Duration::from_millis(owner & TTL_BITS))
            }
            _ => Self::Ephemeral(stat.ephemeral_owner),
        }
    }

    /// How to create one like it; `None` for an ephemeral.
    pub(crate) const fn lifetime(self) -> Option<Lifetime> {
        match self {
            Self::Persistent => Some(Lifetime::Persistent),
            Self::Container => Some(Lifetime::Container),
            Self::Ttl(ttl) => Some(Lifetime::Ttl(ttl)),
            Self::Ephemeral(_) => None,
        }
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
                kept: Kept::of(&data.stat),
                stat: data.stat,
                data: null_or(client, path, data.data).await?,
                acl,
            });
        }
        progress(contents.len(), paths.len());
    }
    Ok(contents)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn owners_of_containers_and_ttls_are_no_sessions() {
        for (owner, kept) in [
            (0, Kept::Persistent),
            (i64::MIN, Kept::Container),
            (0xFF00_0000_0000_01F4_u64.cast_signed(), Kept::Ttl(Duration::from_millis(500))),
            (0x100_0024_43EC_0000, Kept::Ephemeral(SessionId(0x100_0024_43EC_0000))),
        ] {
            let stat = Stat { ephemeral_owner: SessionId(owner), ..Stat::default() };
            assert_eq!(Kept::of(&stat), kept);
        }
    }
}
