//! Names and contents of the files that reconfiguration keeps beside `zoo.cfg`.
//!
//! The membership of version V stands in `<zoo.cfg>.dynamic.<V>`, V in hexadecimal, and `zoo.cfg`
//! points there with `dynamicConfigFile`. A membership that is proposed and not yet committed
//! stands in `<zoo.cfg>.dynamic.next`. The `zoo.cfg` that had the members itself is kept as
//! `<zoo.cfg>.bak`.

use super::properties::{self, PropertiesError, Property};
use std::path::{Path, PathBuf};
use zoarium_proto::Zxid;

/// The file for the membership of a version.
pub fn file(zoo_cfg: &str, version: Zxid) -> PathBuf {
    PathBuf::from(format!("{zoo_cfg}.dynamic.{:x}", version.0))
}

/// The file for a membership that is proposed and not yet committed.
pub fn next_file(zoo_cfg: &str) -> PathBuf {
    PathBuf::from(format!("{zoo_cfg}.dynamic.next"))
}

/// The copy of `zoo.cfg` from before its members moved out.
pub fn backup_file(zoo_cfg: &str) -> PathBuf {
    PathBuf::from(format!("{zoo_cfg}.bak"))
}

/// The version at the end of a dynamic file's name; `None` if it does not end in one.
pub fn version_in_name(path: &Path) -> Option<Zxid> {
    let (_, version) = path.file_name()?.to_str()?.rsplit_once('.')?;
    u64::from_str_radix(version, 16).ok().map(Zxid)
}

/// `zoo.cfg` without members, pointing to the dynamic file instead.
///
/// Unlike Apache's, it keeps comments and the order of lines. `erase_client_port` is set when the
/// dynamic file has this server's client port.
pub fn without_members(
    zoo_cfg: &[u8],
    dynamic_file: &str,
    erase_client_port: bool,
) -> Result<Vec<u8>, PropertiesError> {
    let removed: Vec<Property> = properties::parse(zoo_cfg)?
        .into_iter()
        .filter(|property| is_removed(&property.key, erase_client_port))
        .collect();
    let mut kept = Vec::with_capacity(zoo_cfg.len());
    for (number, line) in (1..).zip(properties::natural_lines(zoo_cfg)) {
        let in_removed =
            |property: &Property| (property.line..=property.last_line).contains(&number);
        if !removed.iter().any(in_removed) {
            kept.extend_from_slice(line);
            kept.push(b'\n');
        }
    }
    // The last natural line is what follows the last line end: nothing, in most files.
    if kept.ends_with(b"\n\n") || kept == b"\n" {
        kept.pop();
    }
    kept.extend_from_slice(properties::render([("dynamicConfigFile", dynamic_file)]).as_bytes());
    Ok(kept)
}

fn is_removed(key: &str, erase_client_port: bool) -> bool {
    let members = ["server.", "group", "weight", "dynamicConfigFile", "peerType"];
    let client = ["clientPort", "clientPortAddress"];
    members.iter().any(|prefix| key.starts_with(prefix))
        || (erase_client_port && client.contains(&key))
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::expect;

    #[test]
    fn the_version_is_the_hexadecimal_end_of_the_name() {
        for (name, version) in [
            ("/a/zoo.cfg.dynamic.100000000", Some(Zxid(0x1_0000_0000))),
            ("zoo.cfg.dynamic.0", Some(Zxid(0))),
            ("zoo.cfg.dynamic", None),
            ("zoo.cfg.dynamic.next", None),
            ("nodots", None),
            ("/", None),
        ] {
            assert_eq!(version_in_name(Path::new(name)), version, "{name}");
        }
        assert_eq!(file("zoo.cfg", Zxid(0x1_0000_0000)), Path::new("zoo.cfg.dynamic.100000000"));
        assert_eq!(next_file("zoo.cfg"), Path::new("zoo.cfg.dynamic.next"));
        assert_eq!(backup_file("zoo.cfg"), Path::new("zoo.cfg.bak"));
    }

    #[test]
    fn members_leave_the_static_file_and_comments_stay() {
        let text =
            b"# ours\ntickTime=2000\nclientPort=2181\nserver.1=\\\n  a:1:2\npeerType=observer\
            \nweight.1=1\r\ninitLimit=5\n";
        let edited = without_members(text, "/etc/zoo.cfg.dynamic.5", true).unwrap();
        expect![[r"
            # ours
            tickTime=2000
            initLimit=5
            dynamicConfigFile=/etc/zoo.cfg.dynamic.5
        "]]
        .assert_eq(std::str::from_utf8(&edited).unwrap());
        let edited = without_members(b"clientPort=1\ndynamicConfigFile=x", "y", false).unwrap();
        expect![[r"
            clientPort=1
            dynamicConfigFile=y
        "]]
        .assert_eq(std::str::from_utf8(&edited).unwrap());
        assert_eq!(without_members(b"", "y", false).unwrap(), b"dynamicConfigFile=y\n");
    }
}
