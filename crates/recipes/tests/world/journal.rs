//! What is printed of a run.

use std::fmt;
use tokio::time::Instant;
use tracing::Subscriber;
use tracing_subscriber::fmt::format::{FmtSpan, Writer};
use tracing_subscriber::fmt::time::FormatTime;

/// Tells the time of the simulation, in seconds since this one.
#[derive(Debug)]
struct Since(Instant);

impl FormatTime for Since {
    fn format_time(&self, out: &mut Writer<'_>) -> fmt::Result {
        write!(out, "{:9.4}", self.0.elapsed().as_secs_f64())
    }
}

/// Prints the states of clients, and each request when it is answered.
pub(super) fn printed() -> impl Subscriber {
    tracing_subscriber::fmt()
        .with_timer(Since(Instant::now()))
        .with_max_level(tracing::Level::DEBUG)
        .with_span_events(FmtSpan::CLOSE)
        .with_ansi(false)
        .finish()
}
