//! The admin interfaces against answers captured from Apache 3.9.5 (`tests/golden`), over a fake
//! server that has the same facts.

#![expect(
    clippy::unwrap_used,
    reason = "tests may; clippy only sees it in functions marked as tests"
)]

mod client;
mod fake;
mod golden;
mod http;
mod json;
mod metrics;
mod words;
