//! A subtree as one JSON document, streamed.
//!
//! ```json
//! { "path": "/app", "mode": "persistent", "data": "text", "acl": [ {"perms": "cdrwa",
//!   "scheme": "world", "id": "anyone"} ], "stat": { "czxid": "0x2", … }, "children": [ … ] }
//! ```
//!
//! `mode` is `persistent`, `ephemeral`, `container` or `ttl` (then with `ttl_ms`). Data that is no
//! text is `data_base64` in place of `data`. Each child is an object of the same form. The shell's
//! `export` and `import` speak the same.

use std::io::Write;

use zoarium_tree::Tree;

use crate::error::Error;
use crate::walk::{Step, nearest_ancestor, walk};
use crate::znode_json::ZnodeJson;

/// Writes the subtree at `path`.
///
/// # Errors
/// If there is no such znode, or the output cannot be written.
pub fn write_document(tree: &Tree, path: &str, out: &mut dyn Write) -> Result<(), Error> {
    let found = walk(tree, path, &mut |step| -> Result<(), Error> {
        match step {
            Step::Enter { path, znode, depth, first } => {
                if depth > 0 {
                    out.write_all(if first { b"\n" } else { b",\n" })?;
                }
                indent(out, depth)?;
                let head = serde_json::to_vec(&ZnodeJson::new(path, &znode))?;
                // The object is left open for its children.
                out.write_all(head.strip_suffix(b"}").unwrap_or(&head))?;
                out.write_all(b",\"children\":[")?;
            }
            Step::Leave { .. } => out.write_all(b"]}")?,
        }
        Ok(())
    })?;
    if !found {
        let ancestor = nearest_ancestor(tree, path);
        return Err(Error::NoZnode { path: path.to_owned(), zxid: tree.last_zxid(), ancestor });
    }
    Ok(out.write_all(b"\n")?)
}

fn indent(out: &mut dyn Write, depth: usize) -> Result<(), Error> {
    // Deep trees are wide enough without it.
    Ok(write!(out, "{:1$}", "", depth.min(40))?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::past::tree_at;
    use crate::place::Place;
    use crate::progress::Silent;
    use crate::testing::fixture;

    #[test]
    fn a_subtree_is_a_valid_document_with_all_its_znodes() {
        let place = Place::find(&fixture("standalone-all/stage2"), None).unwrap();
        let past = tree_at(&place, None, &mut Silent).unwrap();
        let mut bytes = Vec::new();
        write_document(&past.tree, "/", &mut bytes).unwrap();
        let document: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
        let mut waiting = vec![&document];
        let mut count = 0;
        while let Some(znode) = waiting.pop() {
            count += 1;
            let children = znode["children"].as_array().unwrap();
            assert_eq!(znode["stat"]["numChildren"], children.len());
            waiting.extend(children);
        }
        // Apache counts the root twice.
        assert_eq!(count + 1, past.tree.znode_count());
    }

    #[test]
    fn a_missing_path_names_the_ancestor_that_is_there() {
        let tree = Tree::new(zoarium_tree::TreeOptions::default());
        let error = write_document(&tree, "/zookeeper/quota/a/b", &mut Vec::new()).unwrap_err();
        let text = error.to_string();
        assert!(text.ends_with("the nearest ancestor there is /zookeeper/quota"), "{text}");
    }
}
