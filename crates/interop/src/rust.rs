//! Our own client, against Apache's servers and ours: what every operation means, what is left of a
//! session when servers fail, and who one is over TLS and SASL.

mod failover;
mod operations;
mod secured;

use std::future::Future;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use crate::Options;
use crate::mixed::took;
use crate::report::Report;
use crate::server::{Kind, Server};
use crate::setup;
use crate::tools::Tools;

/// How long anything may take.
const LIMIT: Duration = Duration::from_secs(60);

pub(crate) fn run(tools: &Tools, report: &Report, options: &Options) -> Result<()> {
    setup::jars(tools)?;
    setup::jars_38(tools)?;
    setup::openssl()?;
    let check = |name: &str, check: &dyn Fn() -> Result<String>| {
        if name.contains(&options.filter) {
            let began = Instant::now();
            let done = check().map(|detail| format!("{detail}; {}", took(began)));
            report.result(name, done);
        }
    };
    for kind in [Kind::Zoarium, Kind::Apache, Kind::Apache38] {
        check(&format!("rust/operations-{}", kind.name()), &|| operations(tools, kind));
    }
    check("rust/failover", &|| failover::run(tools, options.server));
    check("rust/secured", &|| secured::run(tools));
    Ok(())
}

fn operations(tools: &Tools, kind: Kind) -> Result<String> {
    let lines = ["extendedTypesEnabled=true"];
    let server = Server::start(tools, kind, "rust-operations", &lines)?;
    block_on(operations::all(&server.address()))
}

/// Runs a conversation on a runtime of its own.
fn block_on<R>(conversation: impl Future<Output = Result<R>>) -> Result<R> {
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    runtime.worker_threads(1).enable_all().build()?.block_on(conversation)
}

/// What has to come, in time.
async fn soon<F: IntoFuture>(what: &str, wait: F) -> Result<F::Output> {
    let in_time = tokio::time::timeout(LIMIT, wait).await;
    in_time.with_context(|| format!("waited {LIMIT:?} for {what}"))
}
