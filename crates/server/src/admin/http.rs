//! The HTTP admin server (Apache: `JettyAdminServer`).
//!
//! `GET <command URL>/<command>` answers JSON, `GET <command URL>` a page of links. Beyond Apache,
//! the same port has `/metrics` in the Prometheus format, `/livez` (the process answers) and
//! `/readyz` (it serves clients; 503 while not).
//!
//! Where Apache's server fails with a null pointer and status 500, this one says what is wrong:
//! 405 for a wrong method, the usual error for `monitor` while not serving.

use std::collections::HashMap;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use axum::extract::{ConnectInfo, Query, Request, State};
use axum::http::{HeaderName, HeaderValue, Method, StatusCode, Uri, header};
use axum::response::Response;
use tokio::net::TcpListener;
use tracing::{info, warn};

use super::commands::Command;
use super::documents::{self, Object};
use super::{NOT_SERVING, json};
use crate::metrics::process::ProcessUsage;
use crate::metrics::prometheus;
use crate::status::AdminSource;

mod actions;
mod listener;

use listener::{Client, IdleListener};

/// How long a stop waits for answers that are on their way.
const STOP_GRACE: Duration = Duration::from_secs(5);

/// How the admin server is set up. Address and port belong to [`bind`].
#[derive(Clone, Debug)]
pub struct AdminOptions {
    /// Where the commands are (`admin.commandURL`): empty, or beginning and not ending with `/`.
    /// `None` for a port that has only metrics and health.
    pub command_url: Option<String>,
    /// Connections end when nothing moves for so long (`admin.idleTimeout`).
    pub idle_timeout: Duration,
    /// Whether snapshots may be taken (`admin.snapshot.enabled`).
    pub snapshot_enabled: bool,
    /// Whether snapshots may be restored (`admin.restore.enabled`).
    pub restore_enabled: bool,
    /// Shortest time between two snapshots. Apache takes `admin.rateLimiterIntervalInMS` for
    /// microseconds here, so that its default of 300 000 is 300 ms; so is this default.
    pub snapshot_interval: Duration,
    /// Shortest time between two restores (`admin.rateLimiterIntervalInMS`).
    pub restore_interval: Duration,
}

impl Default for AdminOptions {
    fn default() -> Self {
        Self {
            command_url: Some("/commands".to_owned()),
            idle_timeout: Duration::from_secs(30),
            snapshot_enabled: true,
            restore_enabled: true,
            snapshot_interval: Duration::from_millis(300),
            restore_interval: Duration::from_secs(300),
        }
    }
}

/// Why the admin server has no port to listen on.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// Somebody else listens there.
    #[error(
        "admin server: address {address} is in use; find the owner with `ss -ltnp 'sport = :{}'`, \
         or set admin.serverPort to a free port, or admin.enableServer=false",
        address.port()
    )]
    InUse {
        /// The address asked for.
        address: SocketAddr,
    },
    /// This host does not have the address.
    #[error(
        "admin server: {address} is not an address of this host; set admin.serverAddress to one \
         that `ip address` lists, or to 0.0.0.0 for all"
    )]
    NotOurs {
        /// The address asked for.
        address: SocketAddr,
    },
    /// The system forbids it, as for ports below 1024.
    #[error(
        "admin server: not permitted to listen on {address}; ports below 1024 need privileges, \
         so set admin.serverPort to a higher one"
    )]
    NotPermitted {
        /// The address asked for.
        address: SocketAddr,
    },
    /// Anything else.
    #[error("admin server: cannot listen on {address}")]
    Other {
        /// The address asked for.
        address: SocketAddr,
        /// What the system says.
        source: io::Error,
    },
}

/// Listens on an address.
///
/// # Errors
/// When that is not possible, with what to do about it.
pub async fn bind(address: SocketAddr) -> Result<TcpListener, BindError> {
    TcpListener::bind(address).await.map_err(|source| {
        let kind = source.kind();
        if kind == io::ErrorKind::AddrInUse {
            BindError::InUse { address }
        } else if kind == io::ErrorKind::AddrNotAvailable {
            BindError::NotOurs { address }
        } else if kind == io::ErrorKind::PermissionDenied {
            BindError::NotPermitted { address }
        } else {
            BindError::Other { address, source }
        }
    })
}

/// Serves until `shutdown` is done; answers on their way then have a few seconds to end.
///
/// # Errors
/// When the listener fails.
pub async fn serve(
    listener: TcpListener,
    source: Arc<dyn AdminSource>,
    options: AdminOptions,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    let address = listener.local_addr()?;
    let command_url = options.command_url.as_deref();
    info!(%address, command_url, "admin server started");
    let listener = IdleListener::new(listener, options.idle_timeout);
    let server = Arc::new(AdminServer::new(source, options));
    let service = Router::new()
        .fallback(handle)
        .with_state(server)
        .into_make_service_with_connect_info::<Client>();
    let (stopping, stopped) = tokio::sync::oneshot::channel();
    let serving = axum::serve(listener, service).with_graceful_shutdown(async move {
        shutdown.await;
        // Nobody waits for it when the listener has failed.
        let _ = stopping.send(());
    });
    let grace = async {
        // An error means that serving is over, which the other branch reports.
        if stopped.await.is_err() {
            std::future::pending::<()>().await;
        }
        tokio::time::sleep(STOP_GRACE).await;
    };
    tokio::select! {
        result = serving => result?,
        () = grace => warn!(%address, "admin server stopped before all answers were sent"),
    }
    info!(%address, "admin server stopped");
    Ok(())
}

struct AdminServer {
    source: Arc<dyn AdminSource>,
    options: AdminOptions,
    window: prometheus::Window,
    snapshots: actions::RateLimit,
    restores: actions::RateLimit,
}

impl AdminServer {
    fn new(source: Arc<dyn AdminSource>, options: AdminOptions) -> Self {
        Self {
            source,
            window: prometheus::Window::default(),
            snapshots: actions::RateLimit::new(options.snapshot_interval),
            restores: actions::RateLimit::new(options.restore_interval),
            options,
        }
    }
}

async fn handle(
    State(server): State<Arc<AdminServer>>,
    ConnectInfo(client): ConnectInfo<Client>,
    request: Request,
) -> Response {
    let _under_way = client.request();
    if request.method() == Method::TRACE {
        return empty(StatusCode::FORBIDDEN);
    }
    let path = request.uri().path();
    match path {
        "/metrics" => return blocking(move || metrics(&server)).await,
        "/livez" => return text(StatusCode::OK, "ok\n".to_owned()),
        "/readyz" => return blocking(move || ready(&*server.source)).await,
        _ => {}
    }
    let Some(command_url) = server.options.command_url.clone() else {
        return nothing_here("/metrics, /livez and /readyz");
    };
    match path.strip_prefix(command_url.as_str()) {
        Some("" | "/") => index(&command_url),
        Some(rest) if rest.starts_with('/') => {
            let name = rest[1..].to_owned();
            command(server, client.address, &name, request).await
        }
        Some(_) | None => nothing_here(&format!("{command_url}/, /metrics, /livez and /readyz")),
    }
}

fn nothing_here(pages: &str) -> Response {
    text(StatusCode::NOT_FOUND, format!("nothing here; there are {pages}\n"))
}

fn index(command_url: &str) -> Response {
    let page: String = Command::ALL
        .iter()
        .map(|command| command.primary_name())
        .map(|name| format!("<a href=\"{command_url}/{name}\">{name}</a>\n<br/>\n"))
        .collect();
    respond(StatusCode::OK, "text/html; charset=utf-8", page)
}

fn metrics(server: &AdminServer) -> Response {
    let page = prometheus::render(
        server.source.metrics(),
        server.source.full_status().as_ref(),
        ProcessUsage::read().as_ref(),
        &server.window,
        Instant::now(),
    );
    respond(StatusCode::OK, prometheus::CONTENT_TYPE, page)
}

fn ready(source: &dyn AdminSource) -> Response {
    match source.status() {
        Some(status) => text(StatusCode::OK, format!("ok: {}\n", status.mode)),
        None => text(StatusCode::SERVICE_UNAVAILABLE, format!("{NOT_SERVING}\n")),
    }
}

/// One command, checked in Apache's order: known, method, serving, allowed.
async fn command(
    server: Arc<AdminServer>,
    peer: SocketAddr,
    name: &str,
    request: Request,
) -> Response {
    let Some(command) = Command::named(name) else {
        let error = format!("Unknown command: {name}");
        return document(StatusCode::OK, &documents::failed(name, &error));
    };
    if let Some(response) = wrong_method(command, request.method()) {
        return response;
    }
    let Some(action) = command.action() else {
        let arguments = arguments(request.uri());
        return blocking(move || {
            let answer = documents::answer(command, &arguments, &*server.source);
            document(StatusCode::OK, &answer)
        })
        .await;
    };
    let credentials = request.headers().get(header::AUTHORIZATION).cloned();
    match actions::authorize(&server, action, peer, credentials).await {
        Ok(()) => actions::run(server, action, request).await,
        Err(refusal) => refusal,
    }
}

fn wrong_method(command: Command, method: &Method) -> Option<Response> {
    let allowed = if command.is_post() { "POST, OPTIONS" } else { "GET, HEAD, OPTIONS" };
    let is_right = match *method {
        Method::GET | Method::HEAD => !command.is_post(),
        Method::POST => command.is_post(),
        _ => false,
    };
    if is_right {
        return None;
    }
    let mut response = if method == Method::OPTIONS {
        empty(StatusCode::OK)
    } else {
        let name = command.primary_name();
        let error = format!("Method {method} is not allowed for {name}; allowed are {allowed}");
        document(StatusCode::METHOD_NOT_ALLOWED, &documents::failed(name, &error))
    };
    response.headers_mut().insert(header::ALLOW, HeaderValue::from_static(allowed));
    Some(response)
}

/// The query's arguments; of several with one name the first counts.
fn arguments(uri: &Uri) -> HashMap<String, String> {
    let pairs = Query::<Vec<(String, String)>>::try_from_uri(uri).map(|query| query.0);
    pairs.unwrap_or_default().into_iter().rev().collect()
}

/// Runs what may block on a thread that may.
async fn blocking(answer: impl FnOnce() -> Response + Send + 'static) -> Response {
    tokio::task::spawn_blocking(answer).await.unwrap_or_else(|error| {
        warn!(%error, "admin command failed");
        empty(StatusCode::INTERNAL_SERVER_ERROR)
    })
}

fn document(status: StatusCode, object: &Object) -> Response {
    respond(status, "application/json", json::to_text(object))
}

fn text(status: StatusCode, text: String) -> Response {
    respond(status, "text/plain; charset=utf-8", text)
}

fn empty(status: StatusCode) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response
}

fn respond(status: StatusCode, content_type: &'static str, body: String) -> Response {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    set(&mut response, header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

fn set(response: &mut Response, name: HeaderName, value: HeaderValue) {
    response.headers_mut().insert(name, value);
}
