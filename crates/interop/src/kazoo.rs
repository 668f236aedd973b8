//! Kazoo's own test suite against the server under test.
//!
//! Kazoo's harness starts servers itself, with a `java` command line. A program named `java` early
//! on `PATH` takes the configuration path and the `-D` properties out of it and starts Zoarium.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::Options;
use crate::report::{Outcome, Report};
use crate::server::Kind;
use crate::setup;
use crate::tools::{Tools, bound, run_within};

/// Limit of one pytest process.
const LIMIT: Duration = Duration::from_secs(900);
/// Limit of one test, in seconds.
const TEST_LIMIT_S: &str = "60";

/// A server that does not start fails every test, slowly; so many failures end the run.
const FAILURES_MAX: &str = "12";

/// The test files in two groups that take about as long, run at the same time.
const GROUPS: [&[&str]; 2] = [
    &[
        "test_client",
        "test_watchers",
        "test_lock",
        "test_gevent_handler",
        "test_queue",
        "test_lease",
        "test_party",
        "test_election",
        "test_interrupt",
        "test_build",
        "test_sasl",
    ],
    &[
        "test_eventlet_handler",
        "test_partitioner",
        "test_selectors_select",
        "test_connection",
        "test_cache",
        "test_barrier",
        "test_counter",
        "test_utils",
        "test_threading_handler",
        "test_exceptions",
        "test_retry",
        "test_hosts",
        "test_paths",
        "test_security",
    ],
];

/// Outcome by test.
type Outcomes = BTreeMap<String, String>;

/// One pytest process.
struct Pytest<'a> {
    tools: &'a Tools,
    kind: Kind,
    name: &'a str,
    servers: u16,
    /// Settings that the shim leaves out.
    without: &'a [String],
}

pub(crate) fn run(tools: &Tools, report: &Report, options: &Options) -> Result<()> {
    setup::jars(tools)?;
    setup::python(tools)?;
    setup::kazoo_source(tools)?;
    let kind = options.server;
    let expected = Expected::read(&tools.source.join("clients/python/kazoo_expected.txt"), kind)?;
    report.result("kazoo/one-server", one_server(tools, kind, &expected));
    match &expected.wait {
        Some(reason) => {
            let reason = format!("{} tests wait for {reason}", expected.three.len());
            report.line("kazoo/three-servers", &Outcome::Skipped(reason), "");
        }
        None => report.result("kazoo/three-servers", three_servers(tools, kind, &expected)),
    }
    Ok(())
}

fn one_server(tools: &Tools, kind: Kind, expected: &Expected) -> Result<String> {
    known_files(tools)?;
    let deselected = &expected.three | &expected.not_run;
    let group = |name: &str, files: &[&str]| {
        let pytest = Pytest { tools, kind, name, servers: 1, without: &expected.without };
        let files: Vec<_> = files.iter().map(|file| format!("kazoo/tests/{file}.py")).collect();
        pytest.run(&files, &deselected)
    };
    let mut outcomes = std::thread::scope(|scope| {
        let first = scope.spawn(|| group("kazoo-1", GROUPS[0]));
        let second = group("kazoo-2", GROUPS[1])?;
        let mut outcomes = first.join().map_err(|_| anyhow::anyhow!("a thread failed"))??;
        outcomes.extend(second);
        anyhow::Ok(outcomes)
    })?;
    let retried = retry(tools, kind, 1, expected, &mut outcomes)?;
    Ok(format!("{}{retried}", expected.judge(&outcomes)?))
}

fn three_servers(tools: &Tools, kind: Kind, expected: &Expected) -> Result<String> {
    let tests: Vec<String> = expected.three.iter().cloned().collect();
    let without = &expected.without;
    let pytest = Pytest { tools, kind, name: "kazoo-three", servers: 3, without };
    let mut outcomes = pytest.run(&tests, &BTreeSet::new())?;
    let retried = retry(tools, kind, 3, expected, &mut outcomes)?;
    let bad: Vec<_> = outcomes.iter().filter(|(_, outcome)| *outcome != "passed").collect();
    if !bad.is_empty() {
        bail!("{bad:?}");
    }
    Ok(format!("{} passed{retried}", outcomes.len()))
}

/// Runs unexpected failures once more, alone: kazoo's tests have tight time limits, and both
/// groups and their servers share the machine.
fn retry(
    tools: &Tools,
    kind: Kind,
    servers: u16,
    expected: &Expected,
    outcomes: &mut Outcomes,
) -> Result<String> {
    let unexpected = |(test, outcome): &(&String, &String)| {
        *outcome == "failed" && !expected.listed.contains_key(*test)
    };
    let again: Vec<String> =
        outcomes.iter().filter(unexpected).map(|(test, _)| test.clone()).collect();
    if again.is_empty() || again.len() > 10 {
        return Ok(String::new());
    }
    let without = &expected.without;
    let pytest = Pytest { tools, kind, name: "kazoo-again", servers, without };
    outcomes.extend(pytest.run(&again, &BTreeSet::new())?);
    Ok(format!(", {} of them at the second attempt", again.len()))
}

/// A kazoo with other test files than [`GROUPS`] must not go half tested.
fn known_files(tools: &Tools) -> Result<()> {
    let known: BTreeSet<String> = GROUPS.concat().iter().map(|file| format!("{file}.py")).collect();
    for entry in fs::read_dir(tools.root.join("kazoo/kazoo/tests"))? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if name.starts_with("test_") && name.ends_with(".py") && !known.contains(&name) {
            bail!("{name} is in no group");
        }
    }
    Ok(())
}

impl Pytest<'_> {
    fn run(&self, tests: &[String], deselected: &BTreeSet<String>) -> Result<Outcomes> {
        let tools = self.tools;
        let dir = tools.run_dir(self.name)?;
        let outcomes = dir.join("outcomes");
        let mut command = bound(tools.python());
        command.args(["-W", "ignore", "-m", "pytest", "-q", "-p", "no:cacheprovider"]);
        command.args(["-p", "kazoo_outcomes", "--timeout", TEST_LIMIT_S]);
        command.args(["--maxfail", FAILURES_MAX]);
        command.args(deselected.iter().map(|test| format!("--deselect={test}")));
        command.args(tests).current_dir(tools.root.join("kazoo"));
        let path = std::env::var("PATH").unwrap_or_default();
        if self.kind == Kind::Zoarium {
            command.env("PATH", format!("{}:{path}", shim(tools, self.without)?.display()));
        }
        command.env("PYTHONPATH", tools.source.join("clients/python"));
        command.env("PYTHONDONTWRITEBYTECODE", "1").env("TMPDIR", &dir);
        command.env("KAZOO_OUTCOMES", &outcomes);
        // Where it is set, kazoo runs one more test, of its own CI.
        command.env_remove("CI");
        command.env("ZOOKEEPER_CLASSPATH", tools.class_path());
        command.env("ZOOKEEPER_VERSION", tools.apache_version()?);
        command.env("ZOOKEEPER_CLUSTER_SIZE", self.servers.to_string());
        // Kazoo gives every server ten ports, and starts observers above them.
        command.env("ZOOKEEPER_PORT_OFFSET", tools.ports(10 * (self.servers + 1)).to_string());
        // A failing test is no error here: the outcomes are judged.
        let ran = run_within(&mut command, LIMIT, &dir.join("pytest.log"));
        let text = fs::read_to_string(&outcomes)
            .with_context(|| format!("no outcomes: {:?}; see {}", ran.err(), dir.display()))?;
        Ok(text
            .lines()
            .filter_map(|line| line.split_once(' '))
            .map(|(outcome, test)| (test.to_owned(), outcome.to_owned()))
            .collect())
    }
}

/// The directory with our `java`, which leaves out the settings in `without`.
fn shim(tools: &Tools, without: &[String]) -> Result<PathBuf> {
    let dir = tools.root.join("shim");
    fs::create_dir_all(&dir)?;
    let skip: String = without.iter().map(|key| format!("-D{key}*) ;;\n    ")).collect();
    let drop: String = without.iter().map(|key| format!(" -e '/^{key}/d'")).collect();
    // Options before the main class; the class is followed by the path of zoo.cfg. No value that
    // kazoo passes contains a space.
    let script = format!(
        "#!/bin/sh\n\
         # Takes a command line for Apache's server and starts Zoarium instead.\n\
         properties=\n\
         while [ $# -gt 0 ]; do\n  \
           case $1 in\n    \
             -cp|-classpath) shift ;;\n    \
             {skip}\
             -D*) properties=\"$properties $1\" ;;\n    \
             -*) ;;\n    \
             *.QuorumPeerMain|*.ZooKeeperServerMain)\n      \
               sed -e ''{drop} \"$2\" > \"$2.zoarium\"\n      \
               exec '{}' server $properties \"$2.zoarium\" ;;\n  \
           esac\n  \
           shift\n\
         done\n\
         echo 'no main class of ZooKeeper' >&2\n\
         exit 1\n",
        tools.zoarium()?.display()
    );
    let path = dir.join("java");
    // Written aside and renamed: another pytest may be executing the old one.
    let draft = dir.join(format!("java.{:?}", std::thread::current().id()));
    fs::write(&draft, script)?;
    fs::set_permissions(&draft, fs::Permissions::from_mode(0o755))?;
    fs::rename(&draft, &path)?;
    Ok(dir)
}

/// The checked-in list, as far as it concerns one server.
struct Expected {
    three: BTreeSet<String>,
    wait: Option<String>,
    not_run: BTreeSet<String>,
    /// Beginnings of keys that the server would refuse.
    without: Vec<String>,
    /// Outcome and reason by test.
    listed: BTreeMap<String, (String, String)>,
}

impl Expected {
    fn read(path: &Path, kind: Kind) -> Result<Self> {
        let text = fs::read_to_string(path).with_context(|| format!("read {}", path.display()))?;
        let mut expected = Self {
            three: BTreeSet::new(),
            wait: None,
            not_run: BTreeSet::new(),
            without: Vec::new(),
            listed: BTreeMap::new(),
        };
        for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
            let (entry, reason) =
                line.split_once(" # ").with_context(|| format!("no reason in {line:?}"))?;
            let concerns = |server: &str| server == "both" || server == kind.name();
            match entry.split(' ').collect::<Vec<_>>()[..] {
                ["three", test] => drop(expected.three.insert(test.to_owned())),
                ["wait", server] if concerns(server) => expected.wait = Some(reason.to_owned()),
                ["without", server, key] if concerns(server) => {
                    expected.without.push(key.to_owned());
                }
                ["not-run", server, test] if concerns(server) => {
                    expected.not_run.insert(test.to_owned());
                }
                ["wait", _] | ["without" | "not-run", _, _] => {}
                [outcome @ ("skipped" | "failed"), server, test] => {
                    if concerns(server) {
                        let entry = (outcome.to_owned(), reason.to_owned());
                        expected.listed.insert(test.to_owned(), entry);
                    }
                }
                _ => bail!("unknown line {line:?}"),
            }
        }
        Ok(expected)
    }

    /// Fails when an unlisted test did not pass, or a listed one did not do as listed.
    fn judge(&self, outcomes: &Outcomes) -> Result<String> {
        let mut wrong = Vec::new();
        for (test, outcome) in outcomes {
            let wanted = self.listed.get(test).map_or("passed", |(outcome, _)| outcome);
            if outcome != wanted {
                wrong.push(format!("{test}: {outcome}, expected {wanted}"));
            }
        }
        for test in self.listed.keys().filter(|test| !outcomes.contains_key(*test)) {
            wrong.push(format!("{test}: listed but not run"));
        }
        let passed = outcomes.values().filter(|outcome| *outcome == "passed").count();
        if wrong.is_empty() {
            let (listed, not_run) = (self.listed.len(), self.not_run.len());
            return Ok(format!("{passed} passed, {listed} as listed, {not_run} left out"));
        }
        bail!("{passed} passed, {} wrong\n{}", wrong.len(), wrong.join("\n"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listed(test: &str) -> Expected {
        let entry = ("failed".to_owned(), "TLS".to_owned());
        let listed = BTreeMap::from([(test.to_owned(), entry)]);
        Expected {
            three: BTreeSet::new(),
            wait: None,
            not_run: BTreeSet::new(),
            without: Vec::new(),
            listed,
        }
    }

    fn outcomes(list: &[(&str, &str)]) -> Outcomes {
        list.iter().map(|(test, outcome)| ((*test).to_owned(), (*outcome).to_owned())).collect()
    }

    #[test]
    fn a_listed_test_must_fail_and_an_unlisted_one_must_pass() {
        let expected = listed("tls");
        assert!(expected.judge(&outcomes(&[("tls", "failed"), ("lock", "passed")])).is_ok());
        assert!(expected.judge(&outcomes(&[("tls", "failed"), ("lock", "failed")])).is_err());
        assert!(expected.judge(&outcomes(&[("tls", "passed"), ("lock", "passed")])).is_err());
        assert!(expected.judge(&outcomes(&[("lock", "passed")])).is_err());
    }
}
