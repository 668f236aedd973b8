//! What is committed, on its way to the tree and to whoever waits for it.

use crate::peer::Peer;
use crate::pipeline::{Delivery, Origin};
use crate::request::Output;
use zoarium_process::{Effects, Now};
use zoarium_proto::txn::TxnHeader;
use zoarium_proto::{ConnId, ErrorCode, OpCode, Reader};
use zoarium_zab::Txn;

impl Peer {
    /// A transaction is committed, or before a server serves, at least logged.
    pub(crate) fn deliver(&mut self, now: Now, txn: Txn, effects: &mut Effects<Self>) {
        let Txn { zxid, bytes, membership: _ } = txn;
        let mut reader = Reader::new(&bytes);
        let Ok((header, kind)) = TxnHeader::decode(&mut reader) else {
            unreachable!("transaction {zxid} was written or checked here");
        };
        let (mut origin, foresight) = self.pipeline.delivered(&header, kind);
        let mut closes = None;
        let mut leaves = None;
        if kind == OpCode::CreateSession.to_wire() {
            let timeout_ms = reader.int().unwrap_or(0);
            self.sessions.add(header.session, timeout_ms, now.mono);
            // A slow disk has eaten into the timeout before the client knew of the session.
            self.sessions.heard(header.session, now.mono);
            if let Some(conn) = self.local.note_known(header.session) {
                self.sessions.attach(header.session, conn);
            }
        } else if kind == OpCode::CloseSession.to_wire() {
            closes = Some(header.session);
            leaves = self.sessions.remove(header.session);
            if self.local_sessions_enabled() {
                self.local.note_ended(header.session);
            }
        }
        match origin {
            Some(Origin::Request { conn, .. }) if is_moved(kind, &mut reader) => {
                // An answer would tell the client that its request failed; but it may have sent it
                // again on its new connection (ZOOKEEPER-710).
                effects.output(Output::Unanswered { conn });
                origin = None;
                leaves = Some(conn);
            }
            Some(Origin::Connect { conn, .. }) if kind == OpCode::Error.to_wire() => {
                origin = None;
                leaves = Some(conn);
            }
            Some(Origin::Connect { conn, session, .. }) => self.sessions.attach(session, conn),
            Some(Origin::Request { .. }) | None => {}
        }
        effects.output(Output::Deliver(Delivery { zxid, txn: bytes, closes, origin, foresight }));
        if let Some(conn) = leaves {
            effects.output(Output::Close { conn });
        }
        self.tell_due(effects);
        self.finish_revalidations(now, zxid);
    }

    /// Tells what has nothing to wait for any more.
    pub(crate) fn tell_due(&mut self, effects: &mut Effects<Self>) {
        while let Some(output) = self.pipeline.next_due() {
            effects.output(output);
        }
    }

    /// Tells a connection something behind what is under way. While the disk is full the queue
    /// stands still: then only that counts which is under way for this connection.
    pub(crate) fn pass(&mut self, conn: ConnId, output: Output, effects: &mut Effects<Self>) {
        if self.disk_full && !self.pipeline.has_for(conn) {
            return effects.output(output);
        }
        if let Some(output) = self.pipeline.pass(output) {
            effects.output(output);
        }
    }
}

/// Whether a transaction, read up to its record, says that its session's client has moved. Of a
/// multi that is the first part's error.
fn is_moved(kind: i32, record: &mut Reader<'_>) -> bool {
    let moved = Ok(ErrorCode::SessionMoved.to_wire());
    if kind == OpCode::Multi.to_wire() {
        let _count = record.int();
        let first = record.int();
        let _length = record.int();
        return first == Ok(OpCode::Error.to_wire()) && record.int() == moved;
    }
    kind == OpCode::Error.to_wire() && record.int() == moved
}
