//! The admin server: `GET /commands/<name>`, JSON back.

use crate::target::Target;
use serde_json::Value;
use std::io;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// Where Apache's servers and ours have it unless told otherwise.
pub const ADMIN_PORT: u16 = 8080;

/// No answer is longer.
const ANSWER_BYTES_MAX: u64 = 64 << 20;

/// Why an admin command has no answer.
#[derive(Debug, thiserror::Error)]
pub enum AdminError {
    /// No connection, or it broke.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// It took too long.
    #[error("no answer within {:.1} s", after.as_secs_f64())]
    TimedOut {
        /// How long was waited.
        after: Duration,
    },
    /// Not HTTP, or not a success.
    #[error("answered {status:?}")]
    Status {
        /// The first line of the answer.
        status: String,
    },
    /// Not JSON.
    #[error("no JSON: {0}")]
    Json(#[from] serde_json::Error),
    /// The command has failed.
    #[error("{message}")]
    Command {
        /// What the server says.
        message: String,
    },
}

/// Asks a command of the admin server at this address.
///
/// # Errors
/// If there is no answer within `patience`, or one that is no success.
pub async fn ask(address: &Target, command: &str, patience: Duration) -> Result<Value, AdminError> {
    let exchanged = timeout(patience, exchange(address, command)).await;
    let bytes = exchanged.map_err(|_| AdminError::TimedOut { after: patience })??;
    parse(&bytes)
}

async fn exchange(address: &Target, command: &str) -> io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect((address.host.as_str(), address.port)).await?;
    // With HTTP/1.0 the answer ends with the connection, and comes in one piece.
    let request = format!("GET /commands/{command} HTTP/1.0\r\nHost: {address}\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut bytes = Vec::new();
    stream.take(ANSWER_BYTES_MAX).read_to_end(&mut bytes).await?;
    Ok(bytes)
}

fn parse(bytes: &[u8]) -> Result<Value, AdminError> {
    let text = String::from_utf8_lossy(bytes);
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    let status = head.lines().next().unwrap_or_default();
    let is_success = status.starts_with("HTTP/1.") && status.split(' ').nth(1) == Some("200");
    if !is_success {
        return Err(AdminError::Status { status: status.chars().take(80).collect() });
    }
    let document: Value = serde_json::from_str(body)?;
    match document.get("error").and_then(Value::as_str) {
        Some(message) => Err(AdminError::Command { message: message.to_owned() }),
        None => Ok(document),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_told_from_failures() {
        let good = parse(b"HTTP/1.1 200 OK\r\nX: y\r\n\r\n{\"zab_epoch\": 3, \"error\": null}");
        assert_eq!(good.unwrap()["zab_epoch"], 3);
        for (bytes, expected) in [
            (&b"HTTP/1.1 404 Not Found\r\n\r\n<html>"[..], "answered \"HTTP/1.1 404 Not Found\""),
            (b"SSH-2.0", "answered \"SSH-2.0\""),
            (b"", "answered \"\""),
            (b"HTTP/1.1 200 OK\r\n\r\n{\"error\": \"not here\"}", "not here"),
            (
                b"HTTP/1.1 200 OK\r\n\r\n{",
                "no JSON: EOF while parsing an object at line 1 column 1",
            ),
        ] {
            assert_eq!(parse(bytes).unwrap_err().to_string(), expected);
        }
    }
}
