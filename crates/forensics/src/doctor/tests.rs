use super::*;
use crate::progress::Silent;
use crate::testing::{Scratch, fixture};
use expect_test::{Expect, expect};
use std::fmt::Write;
use std::fs;
use std::path::Path;

fn summary(directory: &Path) -> String {
    let report = examine(&Place::find(directory, None).unwrap(), &mut Silent).unwrap();
    // Paths differ from machine to machine.
    let prefix = format!("{}/", directory.join("version-2").display());
    let mut text = String::new();
    for verdict in &report.verdicts {
        let last = verdict.last_zxid.map(|last| last.0.to_string()).unwrap_or_default();
        let word = if verdict.starts { "starts" } else { "refuses" };
        writeln!(text, "{}: {word} {last}", verdict.server).unwrap();
    }
    for finding in &report.findings {
        let Finding { id, severity, evidence, .. } = finding;
        writeln!(text, "{} {id}: {}", severity.word(), evidence.join(" | ")).unwrap();
    }
    for repair in &report.repairs {
        writeln!(text, "repair: {}", repair.words()).unwrap();
    }
    text.replace(&prefix, "")
}

fn check(name: &str, expected: &Expect) {
    expected.assert_eq(&summary(&fixture(name)));
}

#[test]
fn a_sound_directory_has_nothing_wrong() {
    check(
        "torn/original",
        &expect![[r#"
        Zoarium: starts 0xf
        Apache 3.8: starts 0xf
        Apache 3.9: starts 0xf
        warning acl-parent-open: /torn/n2
        info acl-open: 10 of 15 znodes
    "#]],
    );
    check(
        "torn/no_padding",
        &expect![[r#"
        Zoarium: starts 0xf
        Apache 3.8: starts 0xf
        Apache 3.9: starts 0xf
        warning acl-parent-open: /torn/n2
        info acl-open: 10 of 15 znodes
    "#]],
    );
    check(
        "compressed/gz",
        &expect![[r#"
        Zoarium: starts 0x13
        Apache 3.8: starts 0x13
        Apache 3.9: starts 0x13
        warning acl-parent-open: /gz/n2
        info acl-open: 13 of 18 znodes
    "#]],
    );
    check(
        "fuzzy",
        &expect![[r#"
        Zoarium: starts 0x1c8b
        Apache 3.8: starts 0x1c8b
        Apache 3.9: starts 0x1c8b
        info acl-open: 2732 of 2736 znodes
    "#]],
    );
}

#[test]
fn everything_that_can_be_in_a_directory_is_understood() {
    check(
        "standalone-all/stage1",
        &expect![[r#"
        Zoarium: starts 0x3a
        Apache 3.8: starts 0x3a
        Apache 3.9: starts 0x3a
        warning acl-parent-open: /acl-auth | /acl-digest | /acl-ip | /acl-ro
        info acl-open: 25 of 36 znodes
    "#]],
    );
    check(
        "standalone-all/stage2",
        &expect![[r#"
        Zoarium: starts 0x40
        Apache 3.8: starts 0x40
        Apache 3.9: starts 0x40
        warning acl-parent-open: /acl-auth | /acl-digest | /acl-ip | /acl-ro
        info acl-open: 26 of 37 znodes
    "#]],
    );
}

#[test]
fn torn_tails_are_told_and_hurt_nobody() {
    check(
        "torn/torn_truncated_midbody",
        &expect![[r#"
        Zoarium: starts 0xe
        Apache 3.8: starts 0xe
        Apache 3.9: starts 0xe
        warning acl-parent-open: /torn/n2
        info log-torn: log.1 was cut short by a crash at byte 1668, after zxid 0xe; nothing acknowledged is lost
        info acl-open: 9 of 14 znodes
    "#]],
    );
    check(
        "torn/torn_truncated_in_crc",
        &expect![[r#"
        Zoarium: starts 0xe
        Apache 3.8: starts 0xe
        Apache 3.9: starts 0xe
        warning acl-parent-open: /torn/n2
        info log-torn: log.1 was cut short by a crash at byte 1668, after zxid 0xe; nothing acknowledged is lost
        info acl-open: 9 of 14 znodes
    "#]],
    );
    check(
        "torn/torn_zero_filled_tail",
        &expect![[r#"
        Zoarium: starts 0xe
        Apache 3.8: starts 0xe
        Apache 3.9: starts 0xe
        warning acl-parent-open: /torn/n2
        info log-torn: log.1 was cut short by a crash at byte 1668, after zxid 0xe; nothing acknowledged is lost
        info acl-open: 9 of 14 znodes
    "#]],
    );
    check(
        "torn/missing_eor_last",
        &expect![[r#"
        Zoarium: starts 0xe
        Apache 3.8: starts 0xe
        Apache 3.9: starts 0xe
        warning acl-parent-open: /torn/n2
        info log-torn: log.1 was cut short by a crash at byte 1668, after zxid 0xe; nothing acknowledged is lost
        info acl-open: 9 of 14 znodes
    "#]],
    );
}

#[test]
fn empty_logs_are_told() {
    check(
        "torn/header_only",
        &expect![[r#"
        Zoarium: starts 0x0
        Apache 3.8: starts 0x0
        Apache 3.9: starts 0x0
        info acl-open: 1 of 5 znodes
    "#]],
    );
    check(
        "torn/zero_len_file",
        &expect![[r#"
        Zoarium: starts 0x0
        Apache 3.8: refuses 
        Apache 3.9: starts 0x0
        error no-start: log.1 has no bytes (ZOOKEEPER-2332)
        warning log-empty: log.1 has no entry; it is ignored
        info acl-open: 1 of 5 znodes
        repair: remove log.1, which holds no entry
    "#]],
    );
}

#[test]
fn damage_that_no_crash_explains_keeps_servers_from_starting() {
    check(
        "torn/bad_crc_last",
        &expect![[r#"
            Zoarium: refuses 
            Apache 3.8: refuses 
            Apache 3.9: refuses 
            error log-damaged: log.1 is damaged: the entry at byte 1668, after zxid 0xe, has checksum 0xe0761cc7, not 0xe0761cc6, and was not cut short by a crash; restore the data directory from a copy, or, if the rest of the ensemble is healthy, empty it and let this server fetch the data
            error no-start: log.1 is damaged: the entry at byte 1668, after zxid 0xe, has checksum 0xe0761cc7, not 0xe0761cc6, and was not cut short by a crash; restore the data directory from a copy, or, if the rest of the ensemble is healthy, empty it and let this server fetch the data
            error no-start: log.1 fails its checksum at byte 1668
        "#]],
    );
    check(
        "torn/bad_crc_middle",
        &expect![[r#"
            Zoarium: refuses 
            Apache 3.8: refuses 
            Apache 3.9: refuses 
            error log-damaged: log.1 is damaged: the entry at byte 599, after zxid 0x5, has checksum 0xeb631859, not 0xeb631858, and was not cut short by a crash; restore the data directory from a copy, or, if the rest of the ensemble is healthy, empty it and let this server fetch the data
            error no-start: log.1 is damaged: the entry at byte 599, after zxid 0x5, has checksum 0xeb631859, not 0xeb631858, and was not cut short by a crash; restore the data directory from a copy, or, if the rest of the ensemble is healthy, empty it and let this server fetch the data
            error no-start: log.1 fails its checksum at byte 599
        "#]],
    );
}

#[test]
fn members_of_an_ensemble_have_epochs_and_divergent_history() {
    check(
        "ensemble/final/s1",
        &expect![[r#"
        Zoarium: starts 0x300000005
        Apache 3.8: starts 0x300000005
        Apache 3.9: starts 0x300000005
        info acl-open: 14 of 20 znodes
    "#]],
    );
    check(
        "ensemble/final/s3",
        &expect![[r#"
            Zoarium: starts 0x300000005
            Apache 3.8: starts 0x300000005
            Apache 3.9: starts 0x300000005
            info log-hole-before-snapshot: transactions are missing: log.300000004 has zxid 0x300000004 at byte 16, after 0x200000003
            info acl-open: 14 of 20 znodes
        "#]],
    );
    check(
        "ensemble/trunc-after/s2",
        &expect![[r#"
        Zoarium: starts 0x10000001a
        Apache 3.8: starts 0x10000001a
        Apache 3.9: starts 0x10000001a
        info acl-open: 11 of 17 znodes
    "#]],
    );
    check(
        "reconfig/s1",
        &expect![[r#"
        Zoarium: starts 0x100000011
        Apache 3.8: starts 0x100000011
        Apache 3.9: starts 0x100000011
        info acl-open: 3 of 7 znodes
    "#]],
    );
}

/// A copy of a fixture that may be changed.
fn copy(name: &str) -> Scratch {
    Scratch::copy_of(&fixture(name))
}

#[test]
fn epochs_behind_are_errors_and_repaired() {
    let scratch = copy("ensemble/final/s1");
    let inside = scratch.path().join("version-2");
    fs::write(inside.join("acceptedEpoch"), "1").unwrap();
    fs::write(inside.join("currentEpoch"), "2").unwrap();
    expect![[r#"
        Zoarium: starts 0x300000005
        Apache 3.8: refuses 
        Apache 3.9: refuses 
        error epoch-accepted-behind: acceptedEpoch 1, currentEpoch 2
        error epoch-current-behind: currentEpoch 2, last zxid 0x300000005
        error no-start: currentEpoch 2 is behind the last zxid 0x300000005 (as a member of an ensemble)
        info acl-open: 14 of 20 znodes
        repair: set acceptedEpoch to 3
        repair: set currentEpoch to 3
    "#]].assert_eq(&summary(scratch.path()));
    repair_all(scratch.path());
    assert_eq!(fs::read_to_string(inside.join("currentEpoch")).unwrap(), "3");
    assert_eq!(fs::read_to_string(inside.join("acceptedEpoch")).unwrap(), "3");
    let after = summary(scratch.path());
    assert!(!after.contains("epoch") && !after.contains("refuses"), "{after}");
}

#[test]
fn a_missing_log_is_a_hole_that_apache_does_not_see() {
    let scratch = copy("standalone-all/stage2");
    let inside = scratch.path().join("version-2");
    let name = fs::read_dir(&inside).unwrap().map(|entry| entry.unwrap().file_name());
    let newest = name.filter(|name| name.to_string_lossy().starts_with("snapshot.")).max().unwrap();
    fs::remove_file(inside.join(newest)).unwrap();
    fs::remove_file(inside.join("log.1")).unwrap();
    expect![[r#"
        Zoarium: refuses 
        Apache 3.8: starts 0x40
        Apache 3.9: starts 0x40
        error log-hole: the snapshot ends at zxid 0x0, log.3b goes on with 0x3b
        error no-start: the log lacks transactions: log.3b has zxid 0x3b at byte 16 where 0x0 must be followed directly; restore the missing log files, or restore the data directory from a copy, or, if the rest of the ensemble is healthy, empty it and let this server fetch the data
    "#]].assert_eq(&summary(scratch.path()));
}

#[test]
fn a_damaged_snapshot_is_set_aside_only_if_nothing_is_lost() {
    let scratch = copy("standalone-all/stage2");
    let inside = scratch.path().join("version-2");
    let snapshot = inside.join("snapshot.3a");
    let mut bytes = fs::read(&snapshot).unwrap();
    bytes[200] ^= 1;
    fs::write(&snapshot, &bytes).unwrap();
    fs::write(inside.join("snapshot.50.tmp"), "half").unwrap();
    expect![[r#"
        Zoarium: starts 0x40
        Apache 3.8: starts 0x40
        Apache 3.9: starts 0x40
        warning snapshot-damaged: snapshot.3a is damaged: the seal at byte 3440 is 0xa2bca841, the bytes before it give 0x9614a840; move it away; an older one will do if the logs since it are there
        warning acl-parent-open: /acl-auth | /acl-digest | /acl-ip | /acl-ro
        info unfinished-files: snapshot.50.tmp
        info acl-open: 26 of 37 znodes
        repair: remove snapshot.3a, which cannot be loaded and is not needed
        repair: remove snapshot.50.tmp, which was never finished
    "#]].assert_eq(&summary(scratch.path()));
    let copies = repair_all(scratch.path());
    assert!(!snapshot.exists());
    assert_eq!(copies.len(), 2);
    assert_eq!(fs::read(scratch.path().join("backup/snapshot.3a")).unwrap(), bytes);
    fs::remove_file(inside.join("log.1")).unwrap();
    fs::write(&snapshot, &bytes).unwrap();
    assert!(!summary(scratch.path()).contains("repair"));
}

fn repair_all(directory: &Path) -> Vec<std::path::PathBuf> {
    let place = Place::find(directory, None).unwrap();
    let report = examine(&place, &mut Silent).unwrap();
    let backup = directory.join("backup");
    repair::carry_out(&place.to_change(), &report.repairs, &backup).unwrap()
}

#[test]
fn examining_changes_nothing() {
    let scratch = copy("torn/zero_len_file");
    fs::write(scratch.path().join("initialize"), "").unwrap();
    let before = scratch.listing();
    summary(scratch.path());
    assert_eq!(scratch.listing(), before);
}

#[test]
fn acls_that_protect_nothing_are_told() {
    use zoarium_persistence::snapshot::write_snapshot;
    use zoarium_persistence::{Compression, LogWriter};
    use zoarium_proto::txn::{CreateKind, CreateTxn, LoggedTxn, Txn, TxnHeader};
    use zoarium_proto::{Acl, AclList, Perms, SessionId};

    let scratch = Scratch::new();
    let dir = crate::disk::DiskDir::new(scratch.path());
    let mut tree = zoarium_tree::Tree::new(zoarium_tree::TreeOptions::default());
    write_snapshot(&dir, &mut tree, Compression::None, true).unwrap();
    let options = zoarium_persistence::LogOptions { reserve: 0, ..Default::default() };
    let mut log = LogWriter::new(dir, Zxid::ZERO, options);
    let read = [Acl::new(Perms::READ, "digest", "bob:hash")];
    let nobody = [Acl::new(Perms::ALL, "digest", "bob"), Acl::new(Perms::ALL, "auth", "")];
    for (zxid, path, acl, ephemeral) in [
        (1, "/protected", &read[..], false),
        (2, "/nobody", &nobody[..], false),
        (3, "/orphan", &[], true),
    ] {
        let mut encoded = Vec::new();
        let create = CreateTxn {
            path: path.into(),
            data: None,
            acl: AclList::encode_into(acl, &mut encoded),
            kind: CreateKind::Plain { ephemeral, with_stat: false },
            parent_cversion: zxid,
        };
        let zxid = Zxid(zxid.unsigned_abs().into());
        let header = TxnHeader { session: SessionId(9), cxid: 1, zxid, time_ms: 0 };
        let mut txn = Vec::new();
        LoggedTxn { header, txn: Txn::Create(create), digest: None }.encode(&mut txn);
        log.append(zxid, &txn);
    }
    log.sync().unwrap();
    expect![[r#"
        Zoarium: starts 0x3
        Apache 3.8: starts 0x3
        Apache 3.9: starts 0x3
        warning ephemerals-orphaned: /orphan of session 0x9
        warning acl-unmatchable: /nobody: digest:bob: an id of scheme digest is user:hash | /nobody: auth:: auth stands for whoever sets an ACL and is never stored
        warning acl-empty: /orphan
        warning acl-parent-open: /nobody | /orphan | /protected
        info acl-open: 1 of 8 znodes
    "#]].assert_eq(&summary(scratch.path()));
}

/// All data directories below a directory.
fn data_directories(below: &Path, found: &mut Vec<std::path::PathBuf>) {
    for entry in fs::read_dir(below).unwrap().map(|entry| entry.unwrap().path()) {
        if entry.join("version-2").is_dir() {
            found.push(entry);
        } else if entry.is_dir() {
            data_directories(&entry, found);
        }
    }
}

#[test]
fn all_fixtures_start_everywhere_but_the_damaged_ones() {
    let mut directories = Vec::new();
    data_directories(&fixture(""), &mut directories);
    directories.sort();
    assert!(directories.len() >= 25, "{}", directories.len());
    let mut refusals = String::new();
    for directory in directories {
        let name = directory.strip_prefix(fixture("")).unwrap().display().to_string();
        let report = examine(&Place::find(&directory, None).unwrap(), &mut Silent).unwrap();
        let ends: Vec<_> = report.verdicts.iter().map(|verdict| verdict.last_zxid).collect();
        if ends.iter().any(Option::is_none) || ends.windows(2).any(|ends| ends[0] != ends[1]) {
            writeln!(refusals, "{name}: {ends:?}").unwrap();
        } else {
            // Who starts has nothing worse to be told than a warning.
            assert!(report.worst() < Some(Severity::Error), "{name}: {:?}", report.findings);
        }
    }
    expect![[r#"
        torn/bad_crc_last: [None, None, None]
        torn/bad_crc_middle: [None, None, None]
        torn/zero_len_file: [Some(Shown(0x0)), None, Some(Shown(0x0))]
    "#]]
    .assert_eq(&refusals);
}
