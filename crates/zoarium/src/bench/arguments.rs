//! What `zoarium bench` is asked.

use clap::Args;
use std::path::PathBuf;
use std::time::Duration;
use zoarium_bench::connect_string::{ConnectString, ConnectStringError};
use zoarium_bench::plan::Plan;
use zoarium_bench::settings::{Settings, Side};
use zoarium_bench::workload::{Kind, Mix, PRESETS, Preset, Workload};

/// The workload whose weights are given.
const MIX: &str = "mix";

/// What to measure.
///
/// Everything happens below a znode of its own, /zoarium-bench, which is removed at the end.
///
/// Without --rate each connection sends when a reply has come: that shows how much the servers take.
/// With --rate requests are due at that rate whatever the servers do, and latencies count from when a
/// request was due, so that a server that stalls cannot hide it: that shows how long users wait.
#[derive(Args, Debug)]
pub(crate) struct BenchArguments {
    /// The workloads, in this order; --list shows them. `mix` is what --read, --write, … say.
    #[arg(value_name = "WORKLOAD", default_values_t = ["read".to_owned(), "write".to_owned()])]
    workloads: Vec<String>,
    /// The servers, with a chroot if wanted: host:port,host:port/path. Connections are spread over
    /// them.
    #[arg(long, short, value_name = "SERVERS", default_value = "127.0.0.1:2181")]
    servers: String,
    /// Other servers, to compare with: each run has one against them next to it.
    #[arg(long, value_name = "SERVERS")]
    against: Option<String>,
    /// What reports call the two sides.
    #[arg(long, value_name = "NAME,NAME", value_delimiter = ',')]
    names: Vec<String>,
    /// How often each workload is run; 5 with --against.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1000))]
    repeats: Option<u32>,
    /// How long a run is measured, in seconds.
    #[arg(long, short, default_value_t = 10.0, value_name = "SECONDS", value_parser = seconds)]
    duration: f64,
    /// How long it runs before that.
    #[arg(long, default_value_t = 2.0, value_name = "SECONDS", value_parser = seconds)]
    warm_up: f64,
    /// Operations a second over all connections, whether or not the servers keep up.
    #[arg(long, value_name = "N", value_parser = rate)]
    rate: Option<f64>,
    /// How many sessions; each workload has its own number.
    #[arg(long, short, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    connections: Option<u32>,
    /// How many requests each connection has under way at most.
    #[arg(long, short, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pipeline: Option<u32>,
    /// Bytes of data in a znode, as in 100 or 100-4096.
    #[arg(long, value_name = "BYTES", value_parser = sizes)]
    size: Option<(usize, usize)>,
    /// How many znodes are read and written, or listed as children.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    keys: Option<u32>,
    /// Threads of this program.
    #[arg(long, default_value_t = 1, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: u16,
    #[command(flatten)]
    weights: Weights,
    /// The session timeout asked for, in seconds.
    #[arg(long, default_value_t = 30.0, value_name = "SECONDS", value_parser = seconds)]
    session_timeout: f64,
    /// The znode below which /zoarium-bench is made. Two programs at once need different ones.
    #[arg(long, default_value = "/", value_name = "PATH")]
    below: String,
    /// Who the sessions are, as in digest:user:password.
    #[arg(long, value_name = "SCHEME:CREDENTIALS", value_parser = identity)]
    auth: Vec<(String, String)>,
    /// Server processes on this machine whose CPU is shown.
    #[arg(long, value_name = "PID", value_delimiter = ',')]
    pid: Vec<u32>,
    /// The same for --against.
    #[arg(long, value_name = "PID", value_delimiter = ',')]
    against_pid: Vec<u32>,
    /// Leave the znodes there.
    #[arg(long)]
    keep: bool,
    /// Use the znodes that --keep left, of the same size, and make only what is missing.
    #[arg(long)]
    reuse: bool,
    /// Everything that was measured, as JSON instead of the table; or into a file.
    #[arg(long, value_name = "FILE", num_args = 0..=1, default_missing_value = "-", require_equals = true)]
    pub(crate) json: Option<PathBuf>,
    /// A page with plots, one file that needs nothing else.
    #[arg(long, value_name = "FILE")]
    pub(crate) html: Option<PathBuf>,
    /// Show the workloads.
    #[arg(long)]
    pub(crate) list: bool,
}

/// How often each operation is drawn in the workload `mix`.
#[derive(Args, Debug)]
#[command(next_help_heading = "What `mix` asks, by weight")]
struct Weights {
    /// getData.
    #[arg(long, default_value_t = 0.0, value_name = "WEIGHT", value_parser = weight)]
    read: f64,
    /// exists.
    #[arg(long, default_value_t = 0.0, value_name = "WEIGHT", value_parser = weight)]
    exists: f64,
    /// getChildren.
    #[arg(long, default_value_t = 0.0, value_name = "WEIGHT", value_parser = weight)]
    children: f64,
    /// setData.
    #[arg(long, default_value_t = 0.0, value_name = "WEIGHT", value_parser = weight)]
    write: f64,
    /// create of znodes that stay until the end.
    #[arg(long, default_value_t = 0.0, value_name = "WEIGHT", value_parser = weight)]
    create: f64,
    /// create, or delete of what was created when --live of them are there.
    #[arg(long, default_value_t = 0.0, value_name = "WEIGHT", value_parser = weight)]
    churn: f64,
    /// multi of --batch writes.
    #[arg(long, default_value_t = 0.0, value_name = "WEIGHT", value_parser = weight)]
    multi: f64,
    /// How many writes a multi has.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    batch: Option<u16>,
    /// How many znodes each connection keeps in churn.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    live: Option<u32>,
    /// What is created is ephemeral.
    #[arg(long)]
    ephemeral: bool,
}

/// Arguments that do not fit together.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ArgumentError {
    #[error("no workload {name:?}{}; --list shows all", nearest(name))]
    Workload { name: String },
    #[error("mix needs a weight, as in --read 9 --write 1")]
    Weights,
    #[error("--{option}: {source}")]
    Servers { option: &'static str, source: ConnectStringError },
    #[error("--against-pid needs --against")]
    Against,
    #[error("--below {path}: expected the path of a znode, as in /app")]
    Below { path: String },
}

impl BenchArguments {
    pub(crate) fn plan(&self) -> Result<Plan, ArgumentError> {
        if self.against.is_none() && !self.against_pid.is_empty() {
            return Err(ArgumentError::Against);
        }
        let side = |index: usize, option: &'static str, servers: &str, pids: &[u32]| {
            let parsed: ConnectString =
                servers.parse().map_err(|source| ArgumentError::Servers { option, source })?;
            let name = self.names.get(index).cloned().unwrap_or_else(|| servers.to_owned());
            Ok(Side { name, servers: parsed, pids: pids.to_vec() })
        };
        let against = self.against.as_deref();
        let against = against.map(|servers| side(1, "against", servers, &self.against_pid));
        let repeats = self.repeats.unwrap_or(if against.is_some() { 5 } else { 1 });
        Ok(Plan {
            workloads: self
                .workloads
                .iter()
                .map(|name| self.workload(name))
                .collect::<Result<_, _>>()?,
            settings: self.settings()?,
            side: side(0, "servers", &self.servers, &self.pid)?,
            against: against.transpose()?,
            repeats: repeats as usize,
        })
    }

    fn settings(&self) -> Result<Settings, ArgumentError> {
        let below = self.below.trim_end_matches('/');
        if !below.is_empty() && !below.starts_with('/') {
            return Err(ArgumentError::Below { path: self.below.clone() });
        }
        Ok(Settings {
            duration: Duration::from_secs_f64(self.duration),
            warm_up: Duration::from_secs_f64(self.warm_up),
            rate: self.rate,
            session_timeout: Duration::from_secs_f64(self.session_timeout),
            root: format!("{below}/zoarium-bench"),
            identities: self.auth.clone(),
            threads: usize::from(self.threads),
            keep: self.keep,
            reuse: self.reuse,
        })
    }

    fn workload(&self, name: &str) -> Result<Workload, ArgumentError> {
        let mut workload = match Preset::named(name) {
            Some(preset) => preset.workload(),
            None if name == MIX => Workload {
                name: name.to_owned(),
                kind: Kind::Mix(self.weights.mix().ok_or(ArgumentError::Weights)?),
                connections: 16,
                pipeline: 1,
                size: (100, 100),
                keys: 1000,
            },
            None => return Err(ArgumentError::Workload { name: name.to_owned() }),
        };
        // What `latency` shows is the latency of one request at a time.
        if workload.kind != Kind::Latency {
            let (connections, pipeline) = (self.connections, self.pipeline);
            workload.connections = connections.map_or(workload.connections, |n| n as usize);
            workload.pipeline = pipeline.map_or(workload.pipeline, |n| n as usize);
        }
        workload.size = self.size.unwrap_or(workload.size);
        workload.keys = self.keys.map_or(workload.keys, |n| n as usize);
        Ok(workload)
    }
}

impl Weights {
    fn mix(&self) -> Option<Mix> {
        let defaults = Mix::empty();
        let mix = Mix {
            read: self.read,
            exists: self.exists,
            children: self.children,
            write: self.write,
            create: self.create,
            churn: self.churn,
            multi: self.multi,
            batch: self.batch.map_or(defaults.batch, usize::from),
            live: self.live.map_or(defaults.live, u64::from),
            ephemeral: self.ephemeral,
        };
        (mix.total() > 0.0).then_some(mix)
    }
}

/// A hint at the workload that was meant.
fn nearest(name: &str) -> String {
    let meant =
        PRESETS.iter().find(|preset| preset.name.contains(name) || name.contains(preset.name));
    meant.map_or_else(String::new, |preset| format!(", did you mean {:?}?", preset.name))
}

fn in_range(text: &str, range: std::ops::RangeInclusive<f64>) -> Result<f64, String> {
    let number: f64 = text.parse().map_err(|_| "not a number".to_owned())?;
    if range.contains(&number) {
        return Ok(number);
    }
    Err(format!("expected {} to {}", range.start(), range.end()))
}

fn seconds(text: &str) -> Result<f64, String> {
    in_range(text, 0.0..=86_400.0)
}

fn rate(text: &str) -> Result<f64, String> {
    in_range(text, 0.01..=1e8)
}

fn weight(text: &str) -> Result<f64, String> {
    in_range(text, 0.0..=1e9)
}

/// The greatest size is what servers take by default, less what is around it.
fn sizes(text: &str) -> Result<(usize, usize), String> {
    let (from, to) = text.split_once('-').unwrap_or((text, text));
    let expected = "expected a number of bytes up to 64 MiB, or two as in 100-4096";
    let parse = |text: &str| text.trim().parse().ok().filter(|bytes| *bytes <= 64 << 20);
    match (parse(from), parse(to)) {
        (Some(from), Some(to)) if from <= to => Ok((from, to)),
        _ => Err(expected.to_owned()),
    }
}

fn identity(text: &str) -> Result<(String, String), String> {
    let (scheme, credentials) =
        text.split_once(':').ok_or("expected SCHEME:CREDENTIALS, as in digest:user:password")?;
    Ok((scheme.to_owned(), credentials.to_owned()))
}
