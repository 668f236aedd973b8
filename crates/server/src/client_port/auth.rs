//! Answering auth packets. Identities belong to the connection, not to the session.

use crate::shared::Shared;
use std::net::IpAddr;
use zoarium_proto::reply::{ReplyHeader, put_header_frame};
use zoarium_proto::request::AuthRequest;
use zoarium_proto::{ErrorCode, Reader, Xid, Zxid};
use zoarium_tree::access::{AuthOutcome, Identities, Remote};

/// Appends the reply. `None` if the connection must close after it.
pub(super) fn answer(
    shared: &Shared,
    address: IpAddr,
    held: &Identities,
    xid: Xid,
    body: &[u8],
    out: &mut Vec<u8>,
) -> Option<Identities> {
    let remote = Remote { address, certificate: None };
    let request = AuthRequest::decode(&mut Reader::new(body)).ok()?;
    match shared.access.authenticate(request.scheme.as_deref(), request.auth, &remote, held) {
        AuthOutcome::Accepted(identities) => {
            put_header_frame(out, ReplyHeader::ok(xid, Zxid::ZERO));
            Some(identities)
        }
        AuthOutcome::Refused => {
            shared.stats.auth_failed.increment();
            put_header_frame(out, ReplyHeader::error(xid, Zxid::ZERO, ErrorCode::AuthFailed));
            None
        }
        AuthOutcome::Disconnect => None,
    }
}
