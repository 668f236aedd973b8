//! Ending sessions.

use super::{Context, DIGEST_BYTES, Prep};
use alloc::collections::BTreeSet;
use alloc::string::String;
use alloc::vec::Vec;
use zoarium_proto::OpCode;
use zoarium_proto::txn::Txn;

impl Prep {
    /// Deletes the session's ephemerals: those in the tree, with those being created and without
    /// those being deleted.
    ///
    /// A list too long to be read back from the log is left out: every server then deletes what it
    /// has of the session, which is the same, as it was before the list existed (3.5).
    pub(super) fn close_session(&mut self, cx: &Context<'_>, out: &mut Vec<u8>) -> OpCode {
        let mut paths: BTreeSet<String> = cx.tree.ephemerals(cx.session).collect();
        self.outstanding.correct_ephemerals(cx.session, &mut paths);
        let start = out.len();
        let txn = Txn::CloseSession { paths: paths.iter().map(|path| path.into()).collect() };
        txn.encode_record(out);
        let too_long = out.len() + DIGEST_BYTES > cx.options.txn_bytes_max;
        if too_long || !cx.options.close_session_lists {
            out.truncate(start);
        }
        for path in &paths {
            let Some((parent_path, _)) = path.rsplit_once('/') else { continue };
            let (path, parent_path) = (cx.tree.hashed(path), cx.tree.hashed(parent_path));
            if let Ok(parent) = self.outstanding.record(parent_path, cx.tree)
                && let Ok(znode) = self.outstanding.record(path, cx.tree)
            {
                self.outstanding.delete((path, &znode), (parent_path, parent), cx.zxid);
            }
        }
        OpCode::CloseSession
    }
}
