//! The replicated state: just the list of what was applied.

use zoarium_proto::Zxid;
use zoarium_zab::Txn;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tree {
    pub(crate) txns: Vec<Txn>,
    /// The zxid of the last transaction, or of the snapshot it comes from.
    pub(crate) zxid: Zxid,
}

impl Tree {
    pub(crate) fn apply(&mut self, txn: Txn) {
        assert!(txn.zxid > self.zxid, "{} applied after {}", txn.zxid, self.zxid);
        self.zxid = txn.zxid;
        self.txns.push(txn);
    }

    pub(crate) fn truncate(&mut self, to: Zxid) {
        self.txns.retain(|txn| txn.zxid <= to);
        self.zxid = to;
    }
}
