//! An entry of a transaction log, applied to a small tree.
#![no_main]

use libfuzzer_sys::fuzz_target;
use zoarium_proto::txn::LoggedTxn;
use zoarium_tree::{Tree, TreeOptions};

fuzz_target!(|bytes: &[u8]| {
    let Ok(txn) = LoggedTxn::decode(bytes) else { return };
    let mut again = Vec::new();
    txn.encode(&mut again);
    // Invalid UTF-8 is replaced while reading and the digest may be absent, so the bytes can
    // differ; the meaning cannot.
    assert_eq!(LoggedTxn::decode(&again).as_ref(), Ok(&txn));
    let mut tree = Tree::new(TreeOptions::default());
    // Replay meets its own effects again.
    for _ in 0..2 {
        tree.apply(&txn, &mut |_| {});
    }
});
