//! A subtree as one JSON document, streamed, in the format of the shell's `export`, so that `import`
//! brings it back.
//!
//! ```json
//! {"zoarium_export":1,"path":"/app","zxid":"0x2f3","znodes":[
//! {"path":"","lifetime":"persistent","data":"text","acl":[{"perms":"cdrwa","scheme":"world",
//!  "id":"anyone"}],"stat":{"cZxid":"0x2", …}},
//! {"path":"/config", …}
//! ],"ephemerals":[
//! ]}
//! ```
//!
//! The paths of znodes are those below `path`, parents first. `import` ignores stats, and ephemerals,
//! which no one but their sessions can create.

use std::io::Write;

use zoarium_proto::create::Owner;
use zoarium_tree::Tree;

use crate::error::Error;
use crate::walk::{Step, nearest_ancestor, walk};
use crate::znode_json::ZnodeJson;

/// The version of the format.
const FORMAT: u32 = 1;

/// Writes the subtree at `path`.
///
/// # Errors
/// If there is no such znode, or the output cannot be written.
pub fn write_document(tree: &Tree, path: &str, out: &mut dyn Write) -> Result<(), Error> {
    if tree.find(path).is_none() {
        let ancestor = nearest_ancestor(tree, path);
        return Err(Error::NoZnode { path: path.to_owned(), zxid: tree.last_zxid(), ancestor });
    }
    let (root, zxid) = (serde_json::to_string(path)?, tree.last_zxid());
    write!(out, "{{\"zoarium_export\":{FORMAT},\"path\":{root},\"zxid\":\"{zxid}\",\"znodes\":[")?;
    write_znodes(tree, path, &|owner| !is_session(owner), out)?;
    write!(out, "\n],\"ephemerals\":[")?;
    write_znodes(tree, path, &is_session, out)?;
    Ok(writeln!(out, "\n]}}")?)
}

fn is_session(owner: Owner) -> bool {
    matches!(owner, Owner::Session(_))
}

fn write_znodes(
    tree: &Tree,
    root: &str,
    wanted: &dyn Fn(Owner) -> bool,
    out: &mut dyn Write,
) -> Result<(), Error> {
    let prefix = root.trim_end_matches('/').len();
    let mut before = "\n";
    walk(tree, root, &mut |step| -> Result<(), Error> {
        let Step::Enter { path, znode, depth } = step else { return Ok(()) };
        if wanted(znode.owner()) {
            let below = if depth == 0 { "" } else { &path[prefix..] };
            out.write_all(std::mem::replace(&mut before, ",\n").as_bytes())?;
            serde_json::to_writer(&mut *out, &ZnodeJson::new(below, &znode))?;
        }
        Ok(())
    })?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::past::tree_at;
    use crate::place::Place;
    use crate::progress::Silent;
    use crate::testing::fixture;
    use expect_test::expect;

    #[test]
    fn a_subtree_is_a_valid_document_with_all_its_znodes() {
        let place = Place::find(&fixture("standalone-all/stage2"), None).unwrap();
        let past = tree_at(&place, None, &mut Silent).unwrap();
        let mut bytes = Vec::new();
        write_document(&past.tree, "/", &mut bytes).unwrap();
        let document: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
        let count = |name: &str| document[name].as_array().unwrap().len();
        assert_eq!(count("ephemerals"), past.tree.ephemerals_count());
        // Apache counts the root twice.
        assert_eq!(count("znodes") + count("ephemerals") + 1, past.tree.znode_count());
        assert_eq!(document["znodes"][0]["path"], "");
    }

    #[test]
    fn paths_are_below_the_root_and_lifetimes_as_import_reads_them() {
        let place = Place::find(&fixture("standalone-all/stage1"), None).unwrap();
        let past = tree_at(&place, None, &mut Silent).unwrap();
        let mut bytes = Vec::new();
        write_document(&past.tree, "/cont", &mut bytes).unwrap();
        write_document(&past.tree, "/ttl1", &mut bytes).unwrap();
        expect![[r#"
            {"zoarium_export":1,"path":"/cont","zxid":"0x3a","znodes":[
            {"path":"","lifetime":"container","data":"","acl":[{"perms":"cdrwa","scheme":"world","id":"anyone"}],"stat":{"cZxid":"0xc","ctime":1795427351984,"mZxid":"0xc","mtime":1795427351984,"pZxid":"0x23","cversion":2,"dataVersion":0,"aclVersion":0,"ephemeralOwner":"0x0","dataLength":0,"numChildren":2}},
            {"path":"/kid","lifetime":"persistent","data":"k","acl":[{"perms":"cdrwa","scheme":"world","id":"anyone"}],"stat":{"cZxid":"0xd","ctime":1795427351985,"mZxid":"0xd","mtime":1795427351985,"pZxid":"0xd","cversion":0,"dataVersion":0,"aclVersion":0,"ephemeralOwner":"0x0","dataLength":1,"numChildren":0}},
            {"path":"/kid2","lifetime":"persistent","data":"","acl":[{"perms":"cdrwa","scheme":"world","id":"anyone"}],"stat":{"cZxid":"0x23","ctime":1795427352054,"mZxid":"0x23","mtime":1795427352054,"pZxid":"0x23","cversion":0,"dataVersion":0,"aclVersion":0,"ephemeralOwner":"0x0","dataLength":0,"numChildren":0}}
            ],"ephemerals":[
            ]}
            {"zoarium_export":1,"path":"/ttl1","zxid":"0x3a","znodes":[
            {"path":"","lifetime":{"ttl_ms":3600000},"data":"t","acl":[{"perms":"cdrwa","scheme":"world","id":"anyone"}],"stat":{"cZxid":"0xe","ctime":1795427351987,"mZxid":"0xe","mtime":1795427351987,"pZxid":"0xe","cversion":0,"dataVersion":0,"aclVersion":0,"ephemeralOwner":"0x0","dataLength":1,"numChildren":0}}
            ],"ephemerals":[
            ]}
        "#]].assert_eq(&String::from_utf8(bytes).unwrap());
    }

    #[test]
    fn a_missing_path_names_the_ancestor_that_is_there() {
        let tree = Tree::new(zoarium_tree::TreeOptions::default());
        let error = write_document(&tree, "/zookeeper/quota/a/b", &mut Vec::new()).unwrap_err();
        let text = error.to_string();
        assert!(text.ends_with("the nearest ancestor there is /zookeeper/quota"), "{text}");
    }
}
