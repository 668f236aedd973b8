//! The first bytes of a connection: a four letter word, or the handshake of a session.

use super::connection_throttle::SessionKind;
use super::frames::{complete_frame, take_frame};
use super::task::Closing;
use crate::admin::four_letter::{self, FourLetterWord};
use crate::connection::{Connection, SharedConnection};
use crate::operator::Operator;
use crate::shared::{Shared, random_fraction};
use bytes::BytesMut;
use std::io;
use std::sync::Arc;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use zoarium_peer::Connect;
use zoarium_proto::connect::ConnectRequest;
use zoarium_proto::{DecodeError, Reader, SessionId};

/// What a client begins with.
#[derive(Debug)]
pub(super) struct Handshake {
    pub(super) stream: TcpStream,
    /// What has come behind it.
    pub(super) unread: BytesMut,
    pub(super) connect: Connect,
}

/// Reads the first bytes. `None` if the connection has served its purpose with them: a four letter
/// word.
pub(super) async fn run(
    mut stream: TcpStream,
    conn: SharedConnection,
    operator: Arc<Operator>,
    shared: Arc<Shared>,
) -> Result<Option<Handshake>, Closing> {
    let patience = shared.limits.sessionless_timeout;
    let first = read_first(&mut stream, shared.limits.frame_bytes_max);
    let first = match tokio::time::timeout(patience, first).await {
        Ok(first) => first?,
        Err(_) => return Err(Closing::Idle(patience)),
    };
    conn.stats.received(1);
    shared.stats.packets_received.increment();
    match first {
        First::Word { word, unread } => {
            let answer = answer_word(word, &unread[4..], &mut stream, operator);
            match tokio::time::timeout(patience, answer).await {
                Ok(answered) => answered?,
                Err(_) => return Err(Closing::Idle(patience)),
            }
            shared.stats.packets_sent.increment();
            Ok(None)
        }
        First::Frame { mut unread, length } => {
            let connect = decode(&mut unread, length, &conn)?;
            throttle(&shared, &connect)?;
            conn.set_heard_ms(shared.clock.mono_ms());
            shared.metrics.connection_request_count.increment();
            Ok(Some(Handshake { stream, unread, connect }))
        }
    }
}

/// Lets a session in, or not.
fn throttle(shared: &Shared, connect: &Connect) -> Result<(), Closing> {
    let Some(throttle) = &shared.guards.connection_throttle else { return Ok(()) };
    let kind = match connect.session {
        SessionId::NONE => SessionKind::Global,
        _ => SessionKind::Renewed,
    };
    match throttle.admit(kind, shared.clock.mono_ms(), random_fraction()) {
        Some(missing) => {
            shared.metrics.connection_token_deficit.record(missing.into());
            Ok(())
        }
        None => {
            shared.metrics.connection_rejected.increment();
            Err(Closing::Throttled)
        }
    }
}

/// Answers a four letter word. That may read directories, so a blocking thread makes the answer.
/// `more` is what has come behind the word.
async fn answer_word(
    word: FourLetterWord,
    more: &[u8],
    stream: &mut TcpStream,
    operator: Arc<Operator>,
) -> io::Result<()> {
    if !operator.answers(word) {
        return super::write_all(stream, &word.refusal()).await;
    }
    let mut argument = [0; 8];
    let wanted = &mut argument[..word.argument_len()];
    let (here, missing) = wanted.split_at_mut(more.len().min(wanted.len()));
    here.copy_from_slice(&more[..here.len()]);
    stream.read_exact(missing).await?;
    let argument = i64::from_be_bytes(argument);
    let render = move || four_letter::render(word, argument, &*operator);
    let answer = tokio::task::spawn_blocking(render).await.map_err(io::Error::other)?;
    super::write_all(stream, &answer).await
}

enum First {
    Word { word: FourLetterWord, unread: BytesMut },
    Frame { unread: BytesMut, length: usize },
}

async fn read_first(stream: &mut TcpStream, max: usize) -> Result<First, Closing> {
    let mut unread = BytesMut::with_capacity(128);
    loop {
        if let Some(word) = unread.first_chunk().and_then(|bytes| FourLetterWord::parse(*bytes)) {
            return Ok(First::Word { word, unread });
        }
        if let Some(length) = complete_frame(&unread, max)? {
            return Ok(First::Frame { unread, length });
        }
        if stream.read_buf(&mut unread).await? == 0 {
            return Err(Closing::ByClient);
        }
    }
}

fn decode(unread: &mut BytesMut, length: usize, conn: &Connection) -> Result<Connect, DecodeError> {
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
