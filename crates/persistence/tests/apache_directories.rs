//! Data directories of real Apache 3.8.0 servers load to the trees that their clients saw.
//!
//! The directories were left by SIGKILL, the JSON dumps taken by a client just before it; see
//! `fixtures/README.md`.
#![expect(clippy::unwrap_used, reason = "helpers of tests may panic like tests")]

use flate2::read::GzDecoder;
use serde_json::{Map, Value, json};
use std::fmt::Write as _;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use zoarium_persistence::mem_dir::MemDir;
use zoarium_persistence::{DataDirs, Dir, Recovered, RecoveryOptions, StorageError, recover};
use zoarium_proto::{Stat, Zxid};
use zoarium_tree::Tree;

fn fixture(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(path)
}

fn dirs(path: &str) -> DataDirs<MemDir> {
    let version_2 = MemDir::new();
    for entry in std::fs::read_dir(fixture(path).join("version-2")).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        version_2.put(&name, &std::fs::read(entry.path()).unwrap()).unwrap();
    }
    let (snapshots, logs) = (version_2.clone(), version_2);
    DataDirs { root: MemDir::new(), snapshots, logs, logs_apart: false }
}

fn load(path: &str) -> Result<Recovered, StorageError> {
    recover(&dirs(path), &RecoveryOptions::default(), |_| {})
}

/// Loads a directory that nothing is wrong with.
fn load_clean(path: &str) -> Recovered {
    let recovered = load(path).unwrap_or_else(|error| panic!("{path}: {error}"));
    assert!(recovered.warnings.is_empty(), "{path}: {:?}", recovered.warnings);
    assert_eq!(recovered.stats.digest_mismatches, 0, "{path}");
    assert_eq!(recovered.seen, recovered.last_zxid, "{path}");
    recovered
}

fn expected(path: &str) -> Value {
    let bytes = std::fs::read(fixture(path)).unwrap();
    if path.ends_with(".gz") {
        let mut text = String::new();
        GzDecoder::new(&bytes[..]).read_to_string(&mut text).unwrap();
        serde_json::from_str(&text).unwrap()
    } else {
        serde_json::from_slice(&bytes).unwrap()
    }
}

/// The tree in the form of the dumps.
fn dump(tree: &Tree) -> Value {
    let mut all = Map::new();
    let mut paths = vec!["/".to_owned()];
    while let Some(path) = paths.pop() {
        let znode = tree.find(&path).unwrap();
        let acl: Vec<_> = znode
            .acl()
            .iter()
            .map(|acl| json!({"perms": acl.perms.0, "scheme": acl.scheme, "id": acl.id}))
            .collect();
        let mut children: Vec<_> = znode.children().collect();
        children.sort_unstable();
        let prefix = if path == "/" { "" } else { &path };
        paths.extend(children.iter().map(|name| format!("{prefix}/{name}")));
        let data_hex = znode.data().map(hex);
        let stat = stat_json(&znode.stat());
        let znode = json!({
            "acl": acl, "children": children, "data_hex": data_hex, "err": 0, "stat": stat,
        });
        all.insert(path, znode);
    }
    Value::Object(all)
}

fn hex(bytes: &[u8]) -> String {
    let mut text = String::new();
    bytes.iter().for_each(|byte| write!(text, "{byte:02x}").unwrap());
    text
}

fn stat_json(stat: &Stat) -> Value {
    json!({
        "czxid": stat.czxid.0, "mzxid": stat.mzxid.0, "pzxid": stat.pzxid.0,
        "ctime": stat.ctime, "mtime": stat.mtime,
        "version": stat.version, "cversion": stat.cversion, "aversion": stat.aversion,
        "ephemeralOwner": stat.ephemeral_owner.0,
        "dataLength": stat.data_length, "numChildren": stat.num_children,
    })
}

/// Compares znode by znode, so that a failure shows which.
fn assert_same(path: &str, found: &Value, expected: &Value) {
    let (found, expected) = (found.as_object().unwrap(), expected.as_object().unwrap());
    for (znode, expected) in expected {
        let found = found.get(znode).unwrap_or_else(|| panic!("{path}: {znode} is missing"));
        for key in expected.as_object().unwrap().keys() {
            assert_eq!(found[key], expected[key], "{path}: {znode} {key}");
        }
    }
    let extra: Vec<_> = found.keys().filter(|znode| !expected.contains_key(*znode)).collect();
    assert!(extra.is_empty(), "{path}: {extra:?}");
}

fn check(path: &str, expected_path: &str) {
    assert_same(path, &dump(&load_clean(path).tree), &expected(expected_path));
}

#[test]
fn every_kind_of_znode_and_failure() {
    check("standalone-all/stage1", "standalone-all/expected-stage1.json");
    check("standalone-all/stage2", "standalone-all/expected-stage2.json");
}

#[test]
fn compressed_snapshots() {
    check("compressed/gz", "compressed/expected-gz.json");
    check("compressed/snappy", "compressed/expected-snappy.json");
}

#[test]
fn a_snapshot_taken_under_load() {
    check("fuzzy", "fuzzy/expected.json.gz");
    let recovered = load_clean("fuzzy");
    assert_eq!(recovered.last_snapshot, Some(Zxid(0x1017)));
}

#[test]
fn torn_logs() {
    for (variant, tree, odd) in [
        ("original", "full", false),
        ("no_padding", "full", false),
        ("torn_truncated_midbody", "without-last", true),
        ("torn_truncated_in_crc", "without-last", true),
        ("torn_zero_filled_tail", "without-last", true),
        ("missing_eor_last", "without-last", true),
    ] {
        let path = format!("torn/{variant}");
        let Recovered { tree: found, warnings, .. } =
            load(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
        assert_eq!(warnings.len(), usize::from(odd), "{path}: {warnings:?}");
        let expected = expected(&format!("torn/expected-{tree}.json"));
        assert_same(&path, &dump(&found), &expected);
    }
    for (variant, odd) in [("header_only", false), ("zero_len_file", true)] {
        let Recovered { tree, warnings, .. } = load(&format!("torn/{variant}")).unwrap();
        assert_eq!(tree.znode_count(), 5, "{variant}");
        assert_eq!(warnings.len(), usize::from(odd), "{variant}: {warnings:?}");
    }
    for variant in ["bad_crc_last", "bad_crc_middle"] {
        let error = load(&format!("torn/{variant}")).unwrap_err();
        assert!(matches!(error, StorageError::EntryChecksum { .. }), "{variant}: {error}");
    }
}

#[test]
fn the_members_of_an_ensemble_agree() {
    let mut expected = expected("ensemble/expected-final.json");
    for server in ["s1", "s2", "s3"] {
        let path = format!("ensemble/final/{server}");
        let recovered = load_clean(&path);
        assert_eq!(recovered.last_zxid, Zxid(0x3_0000_0005), "{path}");
        let mut found = dump(&recovered.tree);
        // Created after the dump.
        assert!(found.as_object_mut().unwrap().remove("/final-eph").is_some(), "{path}");
        // Each server writes its configuration itself, at a time of its own.
        expected["/zookeeper/config"] = found["/zookeeper/config"].clone();
        expected["/"] = found["/"].clone();
        assert_same(&path, &found, &expected);
    }
}

#[test]
fn before_and_after_a_truncation() {
    for (path, last) in [
        ("trunc-before/s1", 0x1_0000_001a),
        ("trunc-before/s2", 0x1_0000_001b),
        ("trunc-before/s3", 0x1_0000_001a),
        ("trunc-after/s1", 0x1_0000_001a),
        ("trunc-after/s2", 0x1_0000_001a),
        ("trunc-after/s3", 0x1_0000_001a),
    ] {
        let path = format!("ensemble/{path}");
        assert_eq!(load_clean(&path).last_zxid, Zxid(last), "{path}");
    }
}

#[test]
fn reconfigured_servers_agree() {
    let first = load_clean("reconfig/s1");
    for server in ["s2", "s3", "s4"] {
        let recovered = load_clean(&format!("reconfig/{server}"));
        assert_eq!(recovered.last_zxid, first.last_zxid, "{server}");
        assert_eq!(recovered.tree.digest(), first.tree.digest(), "{server}");
    }
}

#[test]
fn recovery_changes_nothing_that_it_reads() {
    let dirs = dirs("torn/torn_zero_filled_tail");
    let before: Vec<_> = dirs.logs.names().unwrap();
    let bytes: Vec<_> = before.iter().map(|name| dirs.logs.bytes(name).unwrap()).collect();
    recover(&dirs, &RecoveryOptions::default(), |_| {}).unwrap();
    assert_eq!(dirs.logs.names().unwrap(), before);
    for (name, bytes) in before.iter().zip(bytes) {
        assert!(dirs.logs.bytes(name).unwrap() == bytes, "{name}");
    }
}
