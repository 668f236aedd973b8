//! How much of a tree lies below each znode.

use zoarium_tree::Tree;

use crate::error::Error;
use crate::walk::{Step, nearest_ancestor, walk};

/// A znode and all below it.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Size {
    /// The znode.
    pub path: String,
    /// How many znodes: itself and all below.
    pub znodes: u64,
    /// Bytes of their data.
    pub data_bytes: u64,
    /// The largest data of a single one, in bytes.
    pub largest_bytes: u64,
    /// Its direct children.
    pub children: u64,
    /// How many of the znodes are ephemeral.
    pub ephemerals: u64,
    /// How far below the beginning it is.
    #[serde(skip)]
    pub depth: usize,
}

/// The sizes of the znode at `start` and of those below it down to `depth` levels, in the order of a
/// walk: a parent comes before its children. With `leaves` those without children too.
///
/// # Errors
/// If there is no znode at `start`.
pub fn sizes(tree: &Tree, start: &str, depth: usize, leaves: bool) -> Result<Vec<Size>, Error> {
    let depth_max = depth;
    let mut shown: Vec<Size> = Vec::new();
    // Of each znode on the way: its sums so far, and where in `shown` it stands.
    let mut open: Vec<(Size, Option<usize>)> = Vec::new();
    let found = walk(tree, start, &mut |step| -> Result<(), Error> {
        match step {
            Step::Enter { path, znode, depth, .. } => {
                let data = znode.data().map_or(0, <[u8]>::len) as u64;
                let is_ephemeral = znode.stat().ephemeral_owner != zoarium_proto::SessionId::NONE;
                let children = znode.num_children() as u64;
                let wanted = depth <= depth_max && (leaves || children > 0 || depth == 0);
                let size = Size {
                    path: if wanted { path.to_owned() } else { String::new() },
                    znodes: 1,
                    data_bytes: data,
                    largest_bytes: data,
                    children,
                    ephemerals: is_ephemeral.into(),
                    depth,
                };
                let place = wanted.then_some(shown.len());
                if wanted {
                    shown.push(size.clone());
                }
                open.push((size, place));
            }
            Step::Leave => {
                let Some((size, place)) = open.pop() else { return Ok(()) };
                if let Some((parent, _)) = open.last_mut() {
                    parent.znodes += size.znodes;
                    parent.data_bytes += size.data_bytes;
                    parent.largest_bytes = parent.largest_bytes.max(size.largest_bytes);
                    parent.ephemerals += size.ephemerals;
                }
                if let Some(place) = place {
                    shown[place] = size;
                }
            }
        }
        Ok(())
    })?;
    if !found {
        let ancestor = nearest_ancestor(tree, start);
        return Err(Error::NoZnode { path: start.to_owned(), zxid: tree.last_zxid(), ancestor });
    }
    Ok(shown)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::past::tree_at;
    use crate::place::Place;
    use crate::progress::Silent;
    use crate::testing::fixture;

    #[test]
    fn sums_of_children_are_in_their_parents() {
        let place = Place::find(&fixture("standalone-all/stage2"), None).unwrap();
        let past = tree_at(&place, None, &mut Silent).unwrap();
        let all = sizes(&past.tree, "/", usize::MAX, true).unwrap();
        assert_eq!(all.len() as u64, all[0].znodes);
        assert_eq!(all[0].path, "/");
        assert_eq!(all[0].ephemerals, past.tree.ephemerals_count() as u64);
        let of_children: u64 =
            all.iter().filter(|size| size.depth == 1).map(|size| size.znodes).sum();
        assert_eq!(of_children + 1, all[0].znodes);
        let shallow = sizes(&past.tree, "/", 1, false).unwrap();
        assert!(shallow.len() < all.len() && shallow[0] == all[0]);
    }
}
