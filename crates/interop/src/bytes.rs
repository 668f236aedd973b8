//! Byte-for-byte conformance: the same raw requests to Apache's server and to the one under test.
//!
//! Each scenario is a function in a file by subject. Every answer of the server under test must
//! equal Apache's after normalising ([`decode`]), except where a step names an
//! `expected_difference`: there our own exact bytes are asserted.

mod acl;
mod auth;
mod creation;
mod decode;
mod framing;
mod handshake;
mod layout;
mod multi;
mod persistent_watches;
mod quota;
mod reading;
mod request;
mod sessions;
mod stage;
mod ttl;
mod watches;
mod words;
mod writing;

use anyhow::{Context, Result};

use crate::Options;
use crate::report::Report;
use crate::server::{Kind, Server};
use crate::setup;
use crate::tools::Tools;
use stage::Stage;

/// zoo.cfg of every scenario. Long sessions: an expiry in mid-run would use up a zxid on one
/// server and not yet on the other.
const BASE: &[&str] = &["minSessionTimeout=4000", "maxSessionTimeout=900000"];
/// TTL znodes and enforced quotas are off by default.
const EXTENDED: &[&str] = &[
    "minSessionTimeout=4000",
    "maxSessionTimeout=900000",
    "extendedTypesEnabled=true",
    "enforceQuota=true",
    // Digest of `super:pw`.
    "DigestAuthenticationProvider.superDigest=super:0bX78nEegDzJM3ju0iLBEJdWzjg=",
];

type Scenario = (&'static str, fn(&mut Stage) -> Result<()>);

const ON_BASE: &[Scenario] = &[
    ("handshake", handshake::handshake),
    ("handshake-refused", handshake::refused),
    ("timeouts", handshake::timeouts),
    ("create", creation::kinds),
    ("create-bad-paths", creation::bad_paths),
    ("create-bad-arguments", creation::bad_arguments),
    ("sequential", creation::sequential),
    ("container", creation::container),
    ("read", reading::reads),
    ("read-bad-paths", reading::bad_paths),
    ("read-counts", reading::counts),
    ("initial-tree", reading::initial_tree),
    ("set-data", writing::set_data_scenario),
    ("delete", writing::delete_scenario),
    ("set-acl", writing::set_acl_scenario),
    ("zxids-of-failures", writing::zxids_of_failures),
    ("multi", multi::good),
    ("multi-failing", multi::failing),
    ("multi-malformed", multi::malformed),
    ("multi-read", multi::reads),
    ("acl-permissions", acl::permissions),
    ("acl-invalid", acl::invalid),
    ("acl-get", acl::getting),
    ("acl-watch", acl::watch_delivery),
    ("auth", auth::accepted),
    ("auth-refused", auth::refused),
    ("sasl-off", auth::sasl_off),
    ("watch-data", watches::data),
    ("watch-children", watches::children),
    ("watch-once", watches::once),
    ("watch-order", watches::order),
    ("watch-remove", watches::remove),
    ("set-watches", watches::set_watches),
    ("watch-persistent", persistent_watches::persistent),
    ("watch-recursive", persistent_watches::recursive),
    ("watch-modes-together", persistent_watches::together),
    ("set-watches2", persistent_watches::set_watches2),
    ("xids", framing::xids),
    ("truncated", framing::truncated),
    ("frames", framing::frames),
    ("unknown-ops", framing::unknown_ops),
    ("internal-ops", framing::internal_ops),
    ("pipelined", framing::pipelined),
    ("reconfig-refused", framing::reconfig_refused),
    ("ttl-off", ttl::off),
    ("session-resume", sessions::resume),
    ("session-takeover", sessions::takeover),
    ("session-close", sessions::close),
    ("four-letter-words", words::words),
];

const ON_EXTENDED: &[Scenario] = &[
    ("ttl", ttl::on),
    ("quota", quota::accounting),
    ("quota-hard", quota::hard_limits),
    ("super", auth::super_user),
];

/// Runs every scenario whose name contains `filter`.
pub(crate) fn run(tools: &Tools, report: &Report, options: &Options) -> Result<()> {
    setup::jars(tools)?;
    group(tools, report, options, "bytes-base", BASE, ON_BASE)?;
    group(tools, report, options, "bytes-extended", EXTENDED, ON_EXTENDED)
}

fn group(
    tools: &Tools,
    report: &Report,
    options: &Options,
    name: &str,
    cfg: &[&str],
    scenarios: &[Scenario],
) -> Result<()> {
    let wanted: Vec<_> =
        scenarios.iter().filter(|(name, _)| name.contains(&options.filter)).collect();
    if wanted.is_empty() {
        return Ok(());
    }
    let reference = Server::start(tools, Kind::Apache, &format!("{name}-reference"), cfg)?;
    let subject = Server::start(tools, options.server, name, cfg)?;
    for (scenario, play) in wanted {
        let ours = options.server == Kind::Zoarium;
        let stage = Stage::new(reference.port, subject.port, ours, options.verbose);
        let result = stage.and_then(|mut stage| {
            play(&mut stage).context("cut short")?;
            stage.finish()
        });
        report.result(&format!("bytes/{scenario}"), result);
    }
    Ok(())
}
