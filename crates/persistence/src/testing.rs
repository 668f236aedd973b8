//! What several tests need: txns, and the fixture directories in memory.

use crate::mem_dir::MemDir;
use alloc::borrow::Cow;
use alloc::vec::Vec;
use std::path::{Path, PathBuf};
use zoarium_proto::txn::{CreateKind, CreateTxn, LoggedTxn, Txn, TxnHeader};
use zoarium_proto::{AclList, SessionId, Zxid};

/// A create with `size` bytes of data that are not zeros.
pub(crate) fn create(zxid: Zxid, size: usize) -> Vec<u8> {
    let path = alloc::format!("/n{:x}", zxid.0);
    let data: Vec<u8> = (1..=127).cycle().take(size).collect();
    let create = CreateTxn {
        path: Cow::Owned(path),
        data: Some(&data),
        acl: AclList::OPEN,
        kind: CreateKind::Plain { ephemeral: false, with_stat: false },
        parent_cversion: zxid.counter() as i32,
    };
    let header = TxnHeader { session: SessionId(7), cxid: 1, zxid, time_ms: 1_000 };
    let mut bytes = Vec::new();
    LoggedTxn { header, txn: Txn::Create(create), digest: None }.encode(&mut bytes);
    bytes
}

pub(crate) fn fixture_path(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(path)
}

/// A directory of real files, as Apache left it, in memory.
pub(crate) fn fixture(path: &str) -> MemDir {
    let dir = MemDir::new();
    for entry in std::fs::read_dir(fixture_path(path)).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        dir.put(&name, &std::fs::read(entry.path()).unwrap()).unwrap();
    }
    dir
}
