//! The first bytes of a connection: a four letter word, or the handshake of a session.

use super::frames::{complete_frame, take_frame};
use super::task::Closing;
use crate::admin::four_letter;
use crate::connection::SharedConnection;
use crate::peer_loop::LoopEvent;
use crate::shared::Shared;
use bytes::BytesMut;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use zoarium_peer::Connect;
use zoarium_proto::connect::ConnectRequest;
use zoarium_proto::{DecodeError, Reader, SessionId};

/// A connection that has a session.
#[derive(Debug)]
pub(super) struct Connected {
    pub(super) stream: TcpStream,
    pub(super) unread: BytesMut,
    pub(super) session: SessionId,
    pub(super) timeout: Duration,
}

/// Runs the handshake. `None` if the connection has served its purpose without a session: a four
/// letter word, or a session that is over.
pub(super) async fn run(
    mut stream: TcpStream,
    conn: &SharedConnection,
    shared: &Arc<Shared>,
) -> Result<Option<Connected>, Closing> {
    let patience = shared.limits.sessionless_timeout;
    let first = read_first(&mut stream, shared.limits.frame_bytes_max);
    let first = match tokio::time::timeout(patience, first).await {
        Ok(first) => first?,
        Err(_) => return Err(Closing::Idle(patience)),
    };
    match first {
        First::Word(word) => {
            let answer = four_letter::answer(word, &mut stream, shared).await?;
            super::write_all(&stream, &answer).await?;
            Ok(None)
        }
        First::Frame { mut unread, length } => {
            conn.stats.on_received();
            let connect = decode(&mut unread, length, conn).map_err(Closing::Handshake)?;
            if !shared.admits(connect.session) {
                return Err(Closing::Throttled);
            }
            conn.set_heard_ms(shared.clock.mono_ms());
            shared.metrics.connection_request_count.add(1);
            shared.inbox.push(LoopEvent::Connect(Arc::clone(conn), connect));
            let timeout = connected(&stream, conn).await?;
            let Some(session) = conn.session() else { return Ok(None) };
            Ok(Some(Connected { stream, unread, session, timeout }))
        }
    }
}

enum First {
    Word([u8; 4]),
    Frame { unread: BytesMut, length: usize },
}

async fn read_first(stream: &mut TcpStream, max: usize) -> Result<First, Closing> {
    let mut unread = BytesMut::with_capacity(128);
    loop {
        if let Some(word) = unread.first_chunk::<4>()
            && four_letter::is_word(*word)
        {
            return Ok(First::Word(*word));
        }
        if let Some(length) = complete_frame(&unread, max)? {
            return Ok(First::Frame { unread, length });
        }
        if stream.read_buf(&mut unread).await? == 0 {
            return Err(Closing::ByClient);
        }
    }
}

fn decode(
    unread: &mut BytesMut,
    length: usize,
    conn: &SharedConnection,
) -> Result<Connect, DecodeError> {
    let frame = take_frame(unread, length, 0);
    let request = ConnectRequest::decode(&mut Reader::new(&frame))?;
    Ok(Connect {
        conn: conn.id,
        last_zxid_seen: request.last_zxid_seen,
        timeout_ms: request.timeout_ms,
        session: request.session,
        password: request.password.map_or_else(Default::default, |it| frame.slice_ref(it)),
        read_only: request.read_only,
    })
}

/// Waits for the peer loop's answer and sends it. Nothing is read meanwhile: what the client sends
/// early waits in the socket.
async fn connected(stream: &TcpStream, conn: &SharedConnection) -> Result<Duration, Closing> {
    loop {
        let (frames, closed) = {
            let mut outbox = conn.outbox();
            (std::mem::take(&mut outbox.frames), outbox.closed)
        };
        if !frames.is_empty() {
            super::write_all(stream, &frames).await?;
            conn.stats.on_sent(1);
        }
        if closed {
            return Err(Closing::BySession);
        }
        if conn.session().is_some() {
            return Ok(conn.timeout());
        }
        tokio::select! {
            () = conn.wake.notified() => {}
            gone = stream.readable() => {
                gone?;
                if super::is_closed_by_client(stream)? {
                    return Err(Closing::ByClient);
                }
                // It sent more without waiting for the answer, which is allowed.
                conn.wake.notified().await;
            }
        }
    }
}
