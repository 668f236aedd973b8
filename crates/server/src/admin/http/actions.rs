//! Commands that do something big: take a snapshot, restore one, shed connections. They need
//! authorization, and the first two have a rate limit.

use std::fs::File;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::Response;
use serde_json::{Value, json};
use tracing::{info, warn};

use super::{AdminServer, Object, arguments, blocking, document, set};
use crate::admin::NOT_SERVING;
use crate::admin::commands::Action;
use crate::admin::documents::{failed, finished, object};
use crate::admin::snapshot_body::{FileBody, body_reader, send_body};
use crate::status::{AuthorizeError, SnapshotFile};

/// Longest body of a request that is not a snapshot.
const BODY_BYTES_MAX: usize = 64 * 1024;

/// One action in so much time.
pub(super) struct RateLimit {
    interval: Duration,
    last: Mutex<Option<Instant>>,
}

impl RateLimit {
    pub(super) fn new(interval: Duration) -> Self {
        Self { interval, last: Mutex::new(None) }
    }

    fn allow(&self, now: Instant) -> bool {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let allowed = last.is_none_or(|last| now.duration_since(last) > self.interval);
        if allowed {
            *last = Some(now);
        }
        allowed
    }
}

/// Whether the request's sender may do this; otherwise what to answer.
pub(super) async fn authorize(
    server: &Arc<AdminServer>,
    action: Action,
    peer: SocketAddr,
    credentials: Option<HeaderValue>,
) -> Result<(), Response> {
    let server = Arc::clone(server);
    let task = tokio::task::spawn_blocking(move || decide(&server, peer, credentials.as_ref()));
    let Err((status, error)) = task
        .await
        .unwrap_or(Err((StatusCode::INTERNAL_SERVER_ERROR, "Error occurred during auth")))
    else {
        return Ok(());
    };
    let name = action.command().primary_name();
    warn!(command = name, %peer, error, "admin command refused");
    Err(document(status, &failed(name, error)))
}

fn decide(
    server: &AdminServer,
    peer: SocketAddr,
    credentials: Option<&HeaderValue>,
) -> Result<(), (StatusCode, &'static str)> {
    if server.source.status().is_none() {
        return Err((StatusCode::OK, NOT_SERVING));
    }
    let Some(credentials) = credentials else {
        return Err((StatusCode::UNAUTHORIZED, "Auth info is missing for the command"));
    };
    let not_authenticated = (StatusCode::UNAUTHORIZED, "Not authenticated");
    let mut words = credentials.as_bytes().split(|byte| *byte == b' ');
    let scheme = words.next().and_then(|scheme| std::str::from_utf8(scheme).ok());
    let (Some(scheme), auth, None) = (scheme, words.next().unwrap_or_default(), words.next())
    else {
        return Err(not_authenticated);
    };
    server.source.authorize(scheme, auth, peer).map_err(|error| match error {
        AuthorizeError::NotAuthenticated => not_authenticated,
        AuthorizeError::NotAuthorized => (StatusCode::FORBIDDEN, "Not authorized"),
        AuthorizeError::Failed(source) => {
            warn!(%source, %peer, "authorization of an admin command failed");
            (StatusCode::INTERNAL_SERVER_ERROR, "Error occurred during auth")
        }
    })
}

/// Carries out a command whose sender is allowed to ask for it. Unlike Apache, which answers only a
/// status code, an answer that is no success has an `error` that says why.
pub(super) async fn run(server: Arc<AdminServer>, action: Action, request: Request) -> Response {
    let name = action.command().primary_name();
    let result = match action {
        Action::Restore => restore(server, request.into_body()).await,
        Action::ShedConnections => shed(server, request.into_body()).await,
        Action::Snapshot => snapshot(server, request).await,
    };
    result.unwrap_or_else(|refusal| {
        warn!(command = name, error = refusal.error, "admin command not carried out");
        document(refusal.status, &failed(name, &refusal.error))
    })
}

struct Refusal {
    status: StatusCode,
    error: String,
}

fn refusal(status: StatusCode, error: impl Into<String>) -> Refusal {
    Refusal { status, error: error.into() }
}

fn internal(error: impl std::fmt::Display) -> Refusal {
    refusal(StatusCode::INTERNAL_SERVER_ERROR, error.to_string())
}

fn rate_limited(interval: Duration) -> Refusal {
    let error = format!("Only one in {interval:?} is allowed");
    refusal(StatusCode::TOO_MANY_REQUESTS, error)
}

async fn snapshot(server: Arc<AdminServer>, request: Request) -> Result<Response, Refusal> {
    if !server.options.snapshot_enabled {
        let error = "Snapshots are disabled by admin.snapshot.enabled";
        return Err(refusal(StatusCode::SERVICE_UNAVAILABLE, error));
    }
    if !server.snapshots.allow(Instant::now()) {
        server.source.metrics().snapshot_rate_limited_count.increment();
        return Err(rate_limited(server.options.snapshot_interval));
    }
    let streaming = arguments(request.uri())
        .get("streaming")
        .is_none_or(|streaming| streaming.eq_ignore_ascii_case("true"));
    let counting = Arc::clone(&server);
    let taken = tokio::task::spawn_blocking(move || -> Result<_, Refusal> {
        let snapshot = server.source.take_snapshot().map_err(internal)?;
        let (file, bytes) = open(&snapshot).map_err(internal)?;
        Ok((snapshot, file, bytes))
    });
    let (snapshot, file, bytes) = taken.await.map_err(internal).flatten().inspect_err(|_| {
        counting.source.metrics().snapshot_error_count.increment();
    })?;
    info!(zxid = %snapshot.zxid, bytes, streaming, "snapshot taken for the admin server");
    let mut response = if streaming {
        let mut response = Response::new(Body::new(FileBody::new(file, bytes)));
        let octets = HeaderValue::from_static("application/octet-stream");
        set(&mut response, header::CONTENT_TYPE, octets);
        response
    } else {
        document(StatusCode::OK, &finished("snapshot", Object::new()))
    };
    let zxid = HeaderValue::try_from(snapshot.zxid.to_string()).map_err(internal)?;
    set(&mut response, HeaderName::from_static("last_zxid"), zxid);
    set(&mut response, HeaderName::from_static("snapshot_size"), bytes.into());
    Ok(response)
}

fn open(snapshot: &SnapshotFile) -> io::Result<(File, u64)> {
    let file = File::open(&snapshot.path)?;
    let bytes = file.metadata()?.len();
    if bytes == 0 {
        return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "snapshot file is empty"));
    }
    Ok((file, bytes))
}

async fn restore(server: Arc<AdminServer>, body: Body) -> Result<Response, Refusal> {
    if !server.options.restore_enabled {
        let error = "Restoring is disabled by admin.restore.enabled";
        return Err(refusal(StatusCode::SERVICE_UNAVAILABLE, error));
    }
    if !server.restores.allow(Instant::now()) {
        server.source.metrics().restore_rate_limited_count.increment();
        return Err(rate_limited(server.options.restore_interval));
    }
    let idle_timeout = server.options.idle_timeout;
    let (chunks, mut reader) = body_reader();
    let counting = Arc::clone(&server);
    let restored = tokio::task::spawn_blocking(move || {
        let start = Instant::now();
        let zxid = server.source.restore(&mut reader).map_err(internal)?;
        server.source.metrics().restore_time.record(start.elapsed());
        Ok(zxid)
    });
    send_body(body, chunks, idle_timeout).await;
    let zxid = restored.await.map_err(internal).flatten().inspect_err(|_| {
        counting.source.metrics().restore_error_count.increment();
    })?;
    info!(%zxid, "state restored from a snapshot");
    let fields = object(json!({ "last_zxid": zxid.to_wire() }));
    Ok(document(StatusCode::OK, &finished("restore", fields)))
}

async fn shed(server: Arc<AdminServer>, body: Body) -> Result<Response, Refusal> {
    let wrong = || {
        let error = "The body must be JSON such as {\"percentage\": 25}, from 0 to 100";
        refusal(StatusCode::BAD_REQUEST, error)
    };
    let body = to_bytes(body, BODY_BYTES_MAX).await.map_err(|_| wrong())?;
    let body: Value = serde_json::from_slice(&body).map_err(|_| wrong())?;
    let percentage = body.get("percentage").and_then(Value::as_u64);
    let percentage =
        percentage.and_then(|p| u8::try_from(p).ok()).filter(|p| *p <= 100).ok_or_else(wrong)?;
    Ok(blocking(move || {
        let shed = server.source.shed_connections(percentage);
        info!(shed, percentage, "client connections shed");
        let fields = json!({ "connections_shed": shed, "percentage_requested": percentage });
        document(StatusCode::OK, &finished("shed_connections", object(fields)))
    })
    .await)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_limit_counts_from_the_last_allowed_action() {
        let limit = RateLimit::new(Duration::from_secs(10));
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let allowed: Vec<bool> =
            [0, 5, 10, 11, 20, 22].into_iter().map(|seconds| limit.allow(at(seconds))).collect();
        assert_eq!(allowed, [true, false, false, true, false, true]);
    }
}
