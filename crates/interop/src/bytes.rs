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
mod random;
mod reading;
mod request;
mod sessions;
mod stage;
mod ttl;
mod watches;
mod words;
mod writing;

use anyhow::{Result, bail};

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
    ("many-children", reading::many_children),
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
    ("acl-null-ids", acl::null_ids),
    ("acl-get", acl::getting),
    ("acl-watch", acl::watch_delivery),
    ("auth", auth::accepted),
    ("auth-pipelined", auth::pipelined),
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

/// Runs every scenario whose name contains the filter, and the random ones.
pub(crate) fn run(tools: &Tools, report: &Report, options: &Options) -> Result<()> {
    setup::jars(tools)?;
    for (name, cfg, scenarios) in
        [("bytes-base", BASE, ON_BASE), ("bytes-extended", EXTENDED, ON_EXTENDED)]
    {
        let wanted: Vec<_> =
            scenarios.iter().filter(|(name, _)| name.contains(&options.filter)).collect();
        if wanted.is_empty() {
            continue;
        }
        let pair = Pair::start(tools, options, name, cfg)?;
        for (scenario, play) in wanted {
            report.result(&format!("bytes/{scenario}"), pair.play(*play));
        }
    }
    if "random".contains(&options.filter) {
        let pair = Pair::start(tools, options, "bytes-random", BASE)?;
        for seed in options.seeds.clone() {
            let result = pair.play(|stage| random::play(stage, seed));
            report.result(&format!("bytes/random --seed {seed}"), result);
        }
    }
    Ok(())
}

/// A fresh Apache server and a fresh server under test.
struct Pair<'a> {
    reference: Server,
    subject: Server,
    options: &'a Options,
}

impl<'a> Pair<'a> {
    fn start(tools: &Tools, options: &'a Options, name: &str, cfg: &[&str]) -> Result<Self> {
        let reference = Server::start(tools, Kind::Apache, &format!("{name}-reference"), cfg)?;
        let subject = Server::start(tools, options.server, name, cfg)?;
        Ok(Self { reference, subject, options })
    }

    fn play(&self, scenario: impl Fn(&mut Stage) -> Result<()>) -> Result<String> {
        let ours = self.subject.kind == Kind::Zoarium;
        let (reference, subject) = (self.reference.port, self.subject.port);
        let mut stage = Stage::new(reference, subject, ours, self.options.verbose)?;
        // The differences found before a scenario broke off say more than the break.
        let played = scenario(&mut stage);
        let finished = stage.finish();
        match (played, finished) {
            (Ok(()), finished) => finished,
            (Err(error), Ok(_)) => Err(error.context("cut short")),
            (Err(error), Err(findings)) => bail!("cut short: {error:#}\n{findings:#}"),
        }
    }
}
