//! What a learner and its leader tell each other through the agreement, which carries it as bytes:
//! clients' requests, sessions heard of, questions about sessions (Apache's `REQUEST`, `PING` and
//! `REVALIDATE`).

use alloc::vec::Vec;
use bytes::{BufMut, Bytes, BytesMut};
use zoarium_proto::jute::DecodeError;
use zoarium_proto::quorum::Identities as Encoded;
use zoarium_proto::{OpCode, Reader, SessionId};
use zoarium_tree::access::Identities;
use zoarium_zab::Forward;

/// A request that came from a learner's client.
#[derive(Clone, Debug)]
pub(crate) struct Forwarded {
    pub(crate) session: SessionId,
    pub(crate) cxid: i32,
    /// `None` if there is no such operation.
    pub(crate) op: Option<OpCode>,
    pub(crate) body: Bytes,
    pub(crate) identities: Identities,
}

impl Forwarded {
    /// Bytes before the body.
    const HEADER_BYTES: usize = 16;

    pub(crate) fn decode(forward: &Forward) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(&forward.bytes);
        let session = SessionId(reader.long()?);
        let cxid = reader.int()?;
        let op = OpCode::from_wire(reader.int()?);
        let body = forward.bytes.slice(Self::HEADER_BYTES..);
        let identities = Identities::new(Encoded::from_encoded(&forward.auth).iter());
        Ok(Self { session, cxid, op, body, identities })
    }
}

/// A client's request for the leader. Its bytes are cut from `chunk`.
pub(crate) fn forward(
    (session, cxid, op): (SessionId, i32, OpCode),
    body: &[u8],
    identities: Option<&Identities>,
    chunk: &mut BytesMut,
) -> Forward {
    chunk.reserve(Forwarded::HEADER_BYTES + body.len());
    chunk.put_i64(session.0);
    chunk.put_i32(cxid);
    chunk.put_i32(op.to_wire());
    chunk.put_slice(body);
    let bytes = chunk.split().freeze();
    let auth = match identities {
        None => Bytes::new(),
        Some(identities) => {
            let ids: Vec<_> = identities.iter().cloned().collect();
            let mut buffer = Vec::new();
            Encoded::encode_into(&ids, &mut buffer);
            buffer.into()
        }
    };
    Forward { bytes, auth }
}

/// Sessions and their timeouts in milliseconds.
pub(crate) fn encode_touched(touched: impl Iterator<Item = (SessionId, i32)>) -> Bytes {
    let mut out = Vec::new();
    for (session, timeout_ms) in touched {
        out.put_i64(session.0);
        out.put_i32(timeout_ms);
    }
    out.into()
}

/// The sessions in a list with their timeouts, which must be whole.
pub(crate) fn decode_touched(bytes: &Bytes) -> impl Iterator<Item = SessionId> + '_ {
    let mut reader = Reader::new(bytes);
    core::iter::from_fn(move || {
        let session = SessionId(reader.long().ok()?);
        reader.int().ok().map(|_timeout_ms| session)
    })
}

/// Does this session live? It is to have this timeout in milliseconds.
pub(crate) fn encode_question(session: SessionId, timeout_ms: i32) -> Bytes {
    let mut out = Vec::with_capacity(12);
    out.put_i64(session.0);
    out.put_i32(timeout_ms);
    out.into()
}

pub(crate) fn decode_question(bytes: &[u8]) -> Result<(SessionId, i32), DecodeError> {
    let mut reader = Reader::new(bytes);
    Ok((SessionId(reader.long()?), reader.int()?))
}

/// Whether the session lives.
pub(crate) fn encode_answer(session: SessionId, lives: bool) -> Bytes {
    let mut out = Vec::with_capacity(9);
    out.put_i64(session.0);
    out.put_u8(lives.into());
    out.into()
}

pub(crate) fn decode_answer(bytes: &[u8]) -> Result<(SessionId, bool), DecodeError> {
    let mut reader = Reader::new(bytes);
    Ok((SessionId(reader.long()?), reader.boolean()?))
}
