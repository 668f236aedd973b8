//! What differs between two trees.

use serde::Serialize;
use zoarium_tree::{Tree, Znode};

use crate::error::Error;
use crate::walk::{Step, nearest_ancestor, walk};
use crate::znode_json::{AclText, Lifetime};

/// One difference.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "difference", rename_all = "snake_case")]
pub enum Difference {
    /// A znode is in the second tree only.
    Added {
        /// Its path.
        path: String,
    },
    /// A znode is in the first tree only.
    Removed {
        /// Its path.
        path: String,
    },
    /// A znode is in both and not the same.
    Changed {
        /// Its path.
        path: String,
        /// What of it, with the value before and after.
        fields: Vec<Field>,
    },
}

/// One field that differs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Field {
    /// Its name, as in JSON.
    pub name: &'static str,
    /// Its value in the first tree.
    pub before: String,
    /// Its value in the second tree.
    pub after: String,
}

/// Shows the differences below `start`, in the order of paths, those that are in the first tree only
/// at last. Stats that follow from a znode's children are not compared with `data_only`, nor are any
/// others that do not tell of its data or ACL.
///
/// # Errors
/// If there is no znode at `start` in either tree, or as `show` says.
pub fn compare(
    first: &Tree,
    second: &Tree,
    start: &str,
    data_only: bool,
    show: &mut dyn FnMut(Difference) -> Result<(), Error>,
) -> Result<(), Error> {
    let mut found = walk(second, start, &mut |step| -> Result<(), Error> {
        let Step::Enter { path, znode, .. } = step else { return Ok(()) };
        match first.find(path) {
            None => show(Difference::Added { path: path.to_owned() }),
            Some(before) => {
                let fields = fields(&before, &znode, data_only);
                if fields.is_empty() {
                    return Ok(());
                }
                show(Difference::Changed { path: path.to_owned(), fields })
            }
        }
    })?;
    found |= walk(first, start, &mut |step| match step {
        Step::Enter { path, .. } if second.find(path).is_none() => {
            show(Difference::Removed { path: path.to_owned() })
        }
        Step::Enter { .. } | Step::Leave => Ok(()),
    })?;
    if !found {
        let ancestor = nearest_ancestor(second, start);
        return Err(Error::NoZnode { path: start.to_owned(), zxid: second.last_zxid(), ancestor });
    }
    Ok(())
}

fn fields(before: &Znode<'_>, after: &Znode<'_>, data_only: bool) -> Vec<Field> {
    let mut fields = Vec::new();
    let mut field = |name, before: String, after: String| {
        if before != after {
            fields.push(Field { name, before, after });
        }
    };
    if before.data() != after.data() {
        field("data", data_text(before.data()), data_text(after.data()));
    }
    if before.acl().encoded() != after.acl().encoded() {
        field("acl", AclText(before.acl()).to_string(), AclText(after.acl()).to_string());
    }
    let (old, new) = (before.stat(), after.stat());
    let lifetime = |znode: &Znode<'_>| Lifetime::from(znode.owner()).to_string();
    field("lifetime", lifetime(before), lifetime(after));
    if data_only {
        return fields;
    }
    field("cZxid", old.czxid.to_string(), new.czxid.to_string());
    field("mZxid", old.mzxid.to_string(), new.mzxid.to_string());
    field("pZxid", old.pzxid.to_string(), new.pzxid.to_string());
    field("dataVersion", old.version.to_string(), new.version.to_string());
    field("cversion", old.cversion.to_string(), new.cversion.to_string());
    field("aclVersion", old.aversion.to_string(), new.aversion.to_string());
    field("ephemeralOwner", old.ephemeral_owner.to_string(), new.ephemeral_owner.to_string());
    fields
}

/// Data on one line, cut if it is long: what differs is wanted, not all of it.
fn data_text(data: Option<&[u8]>) -> String {
    const SHOWN: usize = 60;
    let Some(bytes) = data else { return "null".to_owned() };
    let shown = String::from_utf8_lossy(bytes.get(..SHOWN).unwrap_or(bytes));
    if bytes.len() > SHOWN {
        format!("{shown:?}… ({} bytes)", bytes.len())
    } else {
        format!("{shown:?}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::past::tree_at;
    use crate::place::Place;
    use crate::progress::Silent;
    use crate::testing::fixture;
    use zoarium_proto::Zxid;

    fn differences(from: u64, to: u64) -> Vec<Difference> {
        let place = Place::find(&fixture("torn/original"), None).unwrap();
        let before = tree_at(&place, Some(Zxid(from)), &mut Silent).unwrap();
        let after = tree_at(&place, Some(Zxid(to)), &mut Silent).unwrap();
        let mut found = Vec::new();
        compare(&before.tree, &after.tree, "/", true, &mut |difference| {
            found.push(difference);
            Ok(())
        })
        .unwrap();
        found
    }

    #[test]
    fn a_tree_does_not_differ_from_itself() {
        assert_eq!(differences(9, 9), []);
    }

    #[test]
    fn what_was_created_is_added_one_way_and_removed_the_other() {
        let path = "/torn/last".to_owned();
        assert_eq!(differences(14, 15), [Difference::Added { path: path.clone() }]);
        assert_eq!(differences(15, 14), [Difference::Removed { path }]);
    }
}
