//! A session that ends with many ephemerals, which is one transaction.

use crate::measure::{Writer, create, report, shuffled};
use zoarium_proto::txn::Txn;

const DATA: [u8; 100] = [7; 100];

pub(crate) fn run(size: usize) {
    let paths: Vec<String> =
        (0..size).map(|n| format!("/locks-{:04}/member-{n:08}", n % 1000)).collect();
    let mut writer = Writer::new();
    (0..1000).for_each(|n| writer.create(&format!("/locks-{n:04}"), &DATA));
    report("create", size, || {
        paths.iter().for_each(|path| writer.apply(create(path, &DATA, true), &mut |_| {}));
    });
    let listed: Vec<_> = shuffled(size).into_iter().map(|at| (&*paths[at]).into()).collect();
    let mut deleted = 0;
    report("close the session, all of it", 1, || {
        writer.apply(Txn::CloseSession { paths: listed }, &mut |_| deleted += 1);
    });
    assert_eq!(deleted, size);
}
