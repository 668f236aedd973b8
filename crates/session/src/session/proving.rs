//! Between the handshake and the session: who the client is.

use super::connecting::Opened;
use super::{Phase, Session};
use crate::fault::{Fault, Misbehaved};
use crate::request::put_request;
use crate::sasl::{Exchange, Mechanism, Step};
use crate::vocabulary::LinkId;
use alloc::boxed::Box;
use bytes::Bytes;
use core::fmt::Debug;
use zoarium_process::{Effects, Instant};
use zoarium_proto::jute::put_buffer;
use zoarium_proto::reply::ReplyHeader;
use zoarium_proto::{OpCode, Reader, Xid};

/// An exchange under way. The session counts as opened when it is through.
#[derive(Debug)]
pub(super) struct Proving {
    opened: Opened,
    exchange: Box<dyn Exchange>,
    /// The request that carries the last token.
    xid: Xid,
}

impl Proving {
    pub(super) fn link(&self) -> LinkId {
        self.opened.link
    }
}

impl<T: Debug> Session<T> {
    pub(super) fn begin_proof(&mut self, opened: Opened, mechanism: &dyn Mechanism) {
        let mut exchange = mechanism.begin(&opened.connected.server, &mut self.random);
        let xid = self.send_token(&exchange.first());
        self.phase = Phase::Proving(Box::new(Proving { opened, exchange, xid }));
    }

    fn send_token(&mut self, token: &[u8]) -> Xid {
        let xid = self.next_xid();
        put_request(&mut self.outgoing, xid, OpCode::Sasl, |out| put_buffer(out, Some(token)));
        xid
    }

    /// The answer to a token.
    pub(super) fn on_token(
        &mut self,
        now: Instant,
        frame: &Bytes,
        fx: &mut Effects<Self>,
    ) -> Result<(), Fault> {
        let Phase::Proving(proving) = &mut self.phase else { return Ok(()) };
        let mut reader = Reader::new(frame);
        let header = ReplyHeader::decode(&mut reader)?;
        if header.xid != proving.xid {
            let awaited = Some(proving.xid);
            return Err(Misbehaved::OutOfOrder { answered: header.xid, awaited }.into());
        }
        if header.error != 0 {
            return Err(Fault::AuthFailed);
        }
        let token = reader.buffer()?.unwrap_or_default();
        match proving.exchange.next(token)? {
            Step::Answer(token) => {
                let xid = self.send_token(&token);
                if let Phase::Proving(proving) = &mut self.phase {
                    proving.xid = xid;
                }
            }
            Step::Done => {
                let phase = core::mem::replace(&mut self.phase, Phase::Resting);
                if let Phase::Proving(proving) = phase {
                    self.become_connected(now, proving.opened, fx);
                }
            }
        }
        Ok(())
    }
}
