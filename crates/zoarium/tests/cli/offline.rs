//! The offline tools, on directories that Apache's server wrote.

use super::{Running, Scratch, zoarium};
use std::fs;
use std::path::{Path, PathBuf};

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../persistence/tests/fixtures").join(name)
}

/// Runs a command: its exit code, standard output and standard error.
fn run(arguments: &[&str]) -> (i32, String, String) {
    let output = zoarium().args(arguments).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn zoarium_alone_says_what_to_do_next() {
    let (code, said, _) = run(&[]);
    assert_eq!(code, 0);
    for part in ["Run servers:", "  doctor ", "To begin:", "zoarium dev"] {
        assert!(said.contains(part), "{part}: {said}");
    }
}

#[test]
fn a_wrong_command_suggests_the_nearest() {
    for (wrong, suggestion) in [
        (&["doctr"][..], "'doctor'"),
        (&["log", "blam"], "'blame'"),
        (&["snapshoot"], "'snapshot'"),
    ] {
        let (code, _, said) = run(wrong);
        assert!(code == 2 && said.contains(suggestion), "{said}");
    }
}

#[test]
fn a_log_is_dumped_filtered_and_counted() {
    let data = fixture("standalone-all/stage2");
    let (code, all, said) = run(&["log", "dump", path(&data)]);
    assert_eq!((code, said.as_str()), (0, ""));
    assert!(all.starts_with("2026-11-23T09:49:11.957Z  0x1  session 0x1000013fb910000 cxid 0"));
    let filter = ["--path", "/ttl*", "--type", "createTTL", "--from", "0xf", "--to", "0xf"];
    let (code, one, _) = run(&[&["log", "dump", path(&data), "--json"][..], &filter[..]].concat());
    let line: serde_json::Value = serde_json::from_str(&one).unwrap();
    assert_eq!((code, line["path"].as_str()), (0, Some("/ttlseq-0000000006")));
    let (_, counts, _) = run(&["log", "dump", path(&data), "--count"]);
    assert!(counts.ends_with("64  of 64 in 2 files\n"), "{counts}");
}

#[test]
fn what_is_asked_in_vain_is_said_with_what_there_is() {
    let data = fixture("torn/original");
    for (arguments, expected) in [
        (
            &["log", "at", path(&data), "0xf", "/torn/n2/x"][..],
            "nearest ancestor there is /torn/n2",
        ),
        (&["log", "at", path(&data), "0x10"], "the history ends at zxid 0xf"),
        (&["log", "dump", "/dev"], "is no ZooKeeper data directory"),
        (&["log", "dump", path(&data), "--type", "made"], "the types are create,"),
        (&["log", "dump", path(&data), "--since", "noon"], "a time is written 2026-11-23"),
        (&["doctor", "/no/such"], "cannot look at /no/such"),
    ] {
        let (code, _, said) = run(arguments);
        assert!(code == 2 && said.contains(expected), "{arguments:?}: {code} {said}");
    }
}

#[test]
fn damage_is_told_and_the_rest_is_shown() {
    let (code, shown, said) = run(&["log", "dump", path(&fixture("torn/bad_crc_middle"))]);
    assert_eq!((code, shown.lines().count()), (1, 5));
    assert!(said.contains("is damaged: the entry at byte 599"), "{said}");
}

#[test]
fn differences_are_the_exit_code() {
    let data = fixture("torn/original");
    let (code, said, _) = run(&["log", "diff", path(&data), "0xe", "last"]);
    assert_eq!((code, said.as_str()), (1, "+ /torn/last\n"));
    let (code, said, _) = run(&["log", "diff", path(&data), "0xf", "last", "--stat"]);
    assert_eq!((code, said.as_str()), (0, ""));
}

#[test]
fn the_doctor_repairs_only_when_told_and_keeps_copies() {
    let scratch = Scratch::new("");
    let data = scratch.dir.join("data");
    let inside = data.join("version-2");
    fs::create_dir_all(&inside).unwrap();
    for name in ["snapshot.0", "log.1"] {
        let from = fixture("torn/zero_len_file/version-2").join(name);
        fs::copy(from, inside.join(name)).unwrap();
    }
    let (code, said, _) = run(&["doctor", path(&data)]);
    assert!(code == 3 && said.contains("remove log.1, which holds no entry"), "{code} {said}");
    let (code, _, said) = run(&["doctor", path(&data), "--repair"]);
    assert!(code == 3 && said.contains("without --yes"), "{code} {said}");
    assert!(inside.join("log.1").exists());
    let backup = scratch.dir.join("backup");
    let (code, said, _) =
        run(&["doctor", path(&data), "--repair", "--yes", "--backup", path(&backup)]);
    assert!(code == 0 && said.contains("made this change"), "{code} {said}");
    assert!(!inside.join("log.1").exists() && backup.join("log.1").exists());
}

#[test]
fn snapshots_are_converted_and_purged() {
    let scratch = Scratch::new("");
    let data = scratch.dir.join("version-2");
    fs::create_dir_all(&data).unwrap();
    let from = fixture("compressed/gz/version-2/snapshot.12.gz");
    let convert = ["snapshot", "convert", path(&from), "-o", path(&data), "--to"];
    for packing in ["none", "snappy"] {
        let (code, _, said) = run(&[&convert[..], &[packing]].concat());
        assert_eq!((code, said.as_str()), (0, ""));
    }
    let (code, _, said) = run(&[&convert[..], &["none"]].concat());
    assert!(code == 2 && said.contains("snapshot.12"), "{said}");
    let (plain, snappy) = (data.join("snapshot.12"), data.join("snapshot.12.snappy"));
    let (code, said, _) = run(&["snapshot", "compare", path(&plain), path(&snappy), "--stat"]);
    assert_eq!((code, said.as_str()), (0, ""));
    for zxid in ["13", "14", "15"] {
        fs::copy(&plain, data.join(format!("snapshot.{zxid}"))).unwrap();
    }
    let (_, said, _) = run(&["purge", path(&data), "--dry-run"]);
    assert!(said.contains("snapshot.12.snappy") && plain.exists(), "{said}");
    let (code, _, _) = run(&["purge", path(&data)]);
    assert!(code == 1 && plain.exists());
    let (code, said, _) = run(&["purge", path(&data), "--yes"]);
    assert!(code == 0 && said.ends_with("removed 2 files\n") && !plain.exists(), "{said}");
}

#[test]
fn completions_and_manual_pages_know_all_commands() {
    for shell in ["bash", "zsh", "fish"] {
        let (code, script, _) = run(&["completions", shell]);
        let knows = ["doctor", "blame", "zkcli"].iter().all(|command| script.contains(command));
        assert!(code == 0 && knows, "{shell}");
    }
    let scratch = Scratch::new("");
    let pages = scratch.dir.join("man1");
    assert_eq!(run(&["man", path(&pages)]).0, 0);
    let page = fs::read_to_string(pages.join("zoarium-log-blame.1")).unwrap();
    assert!(page.contains("Who created, changed and deleted a znode"), "{page}");
    assert!(pages.join("zoarium-zkcli.1").exists());
}

#[test]
fn a_subtree_out_of_an_old_directory_is_imported_into_a_running_server() {
    let scratch = Scratch::new("extendedTypesEnabled=true");
    let file = scratch.dir.join("lost.json");
    let data = fixture("standalone-all/stage1");
    let (code, _, said) =
        run(&["snapshot", "extract", path(&data), "/zookeeper", "-o", path(&file)]);
    assert_eq!((code, said.as_str()), (0, ""));
    let (code, document, _) = run(&["log", "at", path(&data), "last", "/p", "--json"]);
    assert_eq!(code, 0);
    fs::write(&file, document).unwrap();
    let server = Running::start(&scratch.config());
    let address = server.address.to_string();
    let shell = |words: &[&str]| run(&[&["shell", "--yes", "-s", &address][..], words].concat());
    let (code, said, errors) = shell(&["import", path(&file)]);
    assert_eq!(code, 0, "{said} {errors}");
    let (code, said, _) = shell(&["get", "/p/uni-é中"]);
    let (_, before, _) = run(&["log", "at", path(&data), "last", "/p/uni-é中"]);
    assert!(code == 0 && before.contains(&format!("{:?}", said.trim())), "{said} {before}");
}
