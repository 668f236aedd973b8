//! What a client is told of what became of its request.

use alloc::vec::Vec;
use zoarium_proto::jute::{put_buffer, put_text};
use zoarium_proto::multi::MultiHeader;
use zoarium_proto::reply::{ReplyHeader, put_frame, put_header_frame};
use zoarium_proto::txn::{LoggedTxn, Txn};
use zoarium_proto::{ErrorCode, OpCode, Reader, Xid, Zxid};
use zoarium_tree::{Applied, Outcome};

/// Appends the reply to a write that became `txn`.
pub fn answer_delivery(
    xid: Xid,
    op: OpCode,
    txn: &LoggedTxn<'_>,
    applied: &Applied<'_>,
    out: &mut Vec<u8>,
) {
    let zxid = txn.header.zxid;
    if let Outcome::Error(code) = applied.outcome {
        return put_header_frame(out, ReplyHeader { xid, zxid: zxid.to_wire(), error: code });
    }
    put_frame(out, |out| {
        ReplyHeader::ok(xid, zxid).encode(out);
        match (&applied.outcome, &txn.txn) {
            (Outcome::Multi(outcomes), Txn::Multi(parts)) => put_results(outcomes, parts, out),
            (Outcome::DataSet { stat }, Txn::Reconfig { data, .. }) => {
                put_buffer(out, *data);
                stat.encode(out);
            }
            (outcome, _) => put_result(outcome, op, out),
        }
    });
}

/// Appends the reply to a request that was not proposed.
pub fn answer_refusal(xid: Xid, last_zxid: Zxid, error: ErrorCode, out: &mut Vec<u8>) {
    let zxid = if error == ErrorCode::Unimplemented { -1 } else { last_zxid.to_wire() };
    put_header_frame(out, ReplyHeader { xid, zxid, error: error.to_wire() });
}

/// Appends the reply to the end of a session that no transaction tells of.
pub fn answer_closed(xid: Xid, last_zxid: Zxid, out: &mut Vec<u8>) {
    put_header_frame(out, ReplyHeader::ok(xid, last_zxid));
}

/// Appends the reply to a sync: its path, whatever it was.
pub fn answer_sync(xid: Xid, last_zxid: Zxid, body: &[u8], out: &mut Vec<u8>) {
    match Reader::new(body).text() {
        Ok(path) => put_frame(out, |out| {
            ReplyHeader::ok(xid, last_zxid).encode(out);
            put_buffer(out, path.as_deref().map(str::as_bytes));
        }),
        Err(_) => answer_refusal(xid, last_zxid, ErrorCode::MarshallingError, out),
    }
}

fn put_result(outcome: &Outcome<'_>, op: OpCode, out: &mut Vec<u8>) {
    match outcome {
        Outcome::Created { path, stat } => {
            put_text(out, path);
            if op != OpCode::Create {
                stat.encode(out);
            }
        }
        Outcome::DataSet { stat } | Outcome::AclSet { stat } => stat.encode(out),
        Outcome::Deleted
        | Outcome::Checked
        | Outcome::SessionCreated
        | Outcome::SessionClosed
        | Outcome::Error(_)
        | Outcome::Multi(_) => {}
    }
}

fn put_results(outcomes: &[Outcome<'_>], parts: &[Txn<'_>], out: &mut Vec<u8>) {
    for (outcome, part) in outcomes.iter().zip(parts) {
        match outcome {
            Outcome::Error(code) => MultiHeader::encode_error(*code, out),
            Outcome::Created { .. } if part.kind() != OpCode::Create => {
                // createContainer and createTTL answer as create2 does.
                MultiHeader::result(OpCode::Create2).encode(out);
                put_result(outcome, OpCode::Create2, out);
            }
            Outcome::Created { .. }
            | Outcome::Deleted
            | Outcome::DataSet { .. }
            | Outcome::AclSet { .. }
            | Outcome::Checked
            | Outcome::SessionCreated
            | Outcome::SessionClosed
            | Outcome::Multi(_) => {
                MultiHeader::result(part.kind()).encode(out);
                put_result(outcome, part.kind(), out);
            }
        }
    }
    MultiHeader::END.encode(out);
}
