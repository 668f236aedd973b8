//! Where sessions came from, out of whatever logs a server has left.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read};
use std::net::{IpAddr, SocketAddr};

use super::Blame;
use crate::error::Error;

/// How much of a line is looked at, in bytes.
const LINE_MAX: u64 = 16 << 10;

/// Finds addresses in text logs: server logs, audit logs, Apache's or ours, as they come. A line that
/// has a session's id in hex and an address is taken to say that the session came from there; both
/// `ip=10.0.0.7` and `/10.0.0.7:41234` are understood.
#[derive(Debug)]
pub struct Addresses;

impl Addresses {
    /// Adds what a log tells of the sessions in `blame`.
    ///
    /// # Errors
    /// If the log cannot be read.
    pub fn add_to(blame: &mut Blame, log: impl Read) -> Result<(), Error> {
        let mut log = BufReader::new(log);
        let mut line = Vec::new();
        loop {
            line.clear();
            if log.by_ref().take(LINE_MAX).read_until(b'\n', &mut line)? == 0 {
                return Ok(());
            }
            let line = String::from_utf8_lossy(&line);
            let mut found: Option<BTreeSet<String>> = None;
            for (session, facts) in &mut blame.sessions {
                if !words(&line).any(|word| word == session) {
                    continue;
                }
                let found = found.get_or_insert_with(|| words(&line).filter_map(address).collect());
                for address in found.iter() {
                    if !facts.addresses.contains(address) {
                        facts.addresses.push(address.clone());
                    }
                }
            }
        }
    }
}

fn words(line: &str) -> impl Iterator<Item = &str> {
    let is_border = |c: char| c.is_whitespace() || "=,;()\"'".contains(c);
    line.split(is_border).map(|word| word.trim_end_matches(['.', ':']))
}

fn address(word: &str) -> Option<String> {
    let word = word.strip_prefix('/').unwrap_or(word);
    let is_one = word.parse::<SocketAddr>().is_ok() || word.parse::<IpAddr>().is_ok();
    is_one.then(|| word.to_owned())
}
