//! A checker that cannot fail proves nothing: every test here breaks a sound history in one way.

use serde_json::json;

use super::*;

/// Two clients write `/r/k0`, one of them creates, a third reads.
fn sound() -> (History, Dump) {
    let wrote = |client, began, ended, value: &str, version, mzxid| Op {
        client,
        began,
        ended,
        zxid: mzxid,
        event: Event::Wrote {
            key: "k0".to_owned(),
            value: value.to_owned(),
            expected: (version == 3).then_some(2),
            version,
            mzxid,
        },
    };
    let read = |began, value: &str, version, mzxid, zxid| Op {
        client: 2,
        began,
        ended: began + 1,
        zxid,
        event: Event::Read { key: "k0".to_owned(), value: value.to_owned(), version, mzxid },
    };
    let created = |began, name: &str, value: &str, czxid| Op {
        client: 1,
        began,
        ended: began + 5,
        zxid: czxid,
        event: Event::Created { name: name.to_owned(), value: value.to_owned(), czxid },
    };
    let lost = |event| Op { client: 0, began: 60, ended: 70, zxid: 0, event };
    let ops = vec![
        wrote(0, 10, 20, "a", 1, 11),
        read(15, "a", 1, 11, 11),
        wrote(1, 30, 40, "b", 2, 12),
        wrote(0, 35, 45, "c", 3, 13),
        lost(Event::MaybeWrote { key: "k0".to_owned(), value: "d".to_owned() }),
        created(50, "n-0", "x", 14),
        created(60, "n-1", "y", 15),
        read(80, "d", 4, 16, 17),
        lost(Event::MaybeCreated { value: "z".to_owned() }),
    ];
    let znode = |value: &str, stat: Value| {
        let hex: String = value.bytes().map(|byte| format!("{byte:02x}")).collect();
        json!({ "data_hex": hex, "stat": stat })
    };
    let tree = Dump::from([
        ("/r/k0".to_owned(), znode("d", json!({ "version": 4, "mzxid": 16 }))),
        ("/r/created/n-0".to_owned(), znode("x", json!({ "czxid": 14 }))),
        ("/r/created/n-1".to_owned(), znode("y", json!({ "czxid": 15 }))),
        ("/r/created/n-2".to_owned(), znode("z", json!({ "czxid": 17 }))),
        ("/r/held/e".to_owned(), znode("held", json!({ "ephemeralOwner": 7 }))),
    ]);
    (History { ops, broken: Vec::new(), moves: 0 }, tree)
}

fn judge(history: &History, tree: &Dump) -> Result<()> {
    super::history(history, "/r", tree)?;
    sessions(history)?;
    ephemerals(tree, "/r", &[7])
}

/// The verdict after `harm` was done to the sound history.
#[track_caller]
fn refused(harm: impl FnOnce(&mut History, &mut Dump), reason: &str) {
    let (mut history, mut tree) = sound();
    harm(&mut history, &mut tree);
    let error = format!("{:#}", judge(&history, &tree).unwrap_err());
    assert!(error.contains(reason), "{error}");
}

fn set_version(event: &mut Event, to: i32) {
    if let Event::Wrote { version, .. } | Event::Read { version, .. } = event {
        *version = to;
    }
}

fn set_mzxid(event: &mut Event, to: i64) {
    if let Event::Wrote { mzxid, .. } | Event::Read { mzxid, .. } = event {
        *mzxid = to;
    }
}

#[test]
fn a_sound_history_passes() {
    let (history, tree) = sound();
    judge(&history, &tree).unwrap();
}

#[test]
fn an_acknowledged_write_that_is_gone_is_found() {
    refused(|_, tree| tree.get_mut("/r/k0").unwrap()["stat"]["version"] = 3.into(), "was seen");
    refused(|_, tree| drop(tree.remove("/r/created/n-1")), "is None");
    refused(|_, tree| drop(tree.remove("/r/k0")), "is gone");
}

#[test]
fn a_read_that_was_undone_is_found() {
    refused(|history, _| set_mzxid(&mut history.ops[1].event, 10), "but was");
}

#[test]
fn two_writes_of_one_version_are_found() {
    refused(
        |history, _| {
            set_version(&mut history.ops[0].event, 2);
            set_mzxid(&mut history.ops[0].event, 12);
            if let Event::Wrote { value, .. } = &mut history.ops[0].event {
                "b".clone_into(value);
            }
        },
        "two writes",
    );
}

#[test]
fn a_conditional_write_on_another_version_is_found() {
    refused(
        |history, _| {
            if let Event::Wrote { expected, .. } = &mut history.ops[3].event {
                *expected = Some(1);
            }
        },
        "a write on 1 made 3",
    );
}

#[test]
fn versions_against_real_time_are_found() {
    // Version 2 was acknowledged at 40; if version 1 was only asked for at 100, it came later.
    refused(
        |history, _| {
            history.ops[0].began = 100;
            history.ops[0].ended = 110;
            history.ops[1].ended = 120;
        },
        "earlier version",
    );
}

#[test]
fn a_write_that_took_effect_twice_is_found() {
    refused(
        |_, tree| {
            let znode = tree["/r/k0"].clone();
            tree.insert("/r/k0".to_owned(), znode);
            tree.get_mut("/r/k0").unwrap()["stat"] = json!({ "version": 5, "mzxid": 18 });
        },
        "written twice",
    );
    refused(
        |_, tree| {
            let mut znode = tree["/r/created/n-2"].clone();
            znode["stat"]["czxid"] = 18.into();
            tree.insert("/r/created/n-3".to_owned(), znode);
        },
        "created twice",
    );
}

#[test]
fn a_session_that_goes_back_is_found() {
    refused(|history, _| history.ops[7].zxid = 10, "in a reply of");
    refused(|history, _| history.ops[6].zxid = 13, "went back");
    // Having seen zxid 17, the reader must see version 4.
    refused(
        |history, _| {
            history.ops[1].zxid = 17;
            let mut stale = history.ops[1].clone();
            stale.zxid = 18;
            history.ops.push(stale);
        },
        "having seen",
    );
}

#[test]
fn writes_of_one_client_in_another_order_are_found() {
    refused(|history, _| history.ops.swap(0, 3), "asked for later");
}

#[test]
fn a_znode_that_nobody_asked_for_is_found() {
    refused(|history, _| drop(history.ops.pop()), "nobody asked");
}

#[test]
fn numbers_against_real_time_are_found() {
    refused(
        |history, _| {
            history.ops[5].began = 90;
            history.ops[5].ended = 95;
        },
        "before a smaller number",
    );
}

#[test]
fn an_ephemeral_too_many_or_too_few_is_found() {
    refused(|_, tree| drop(tree.remove("/r/held/e")), "ephemerals of []");
    let (_, tree) = sound();
    assert!(ephemerals(&tree, "/r", &[]).is_err());
}
