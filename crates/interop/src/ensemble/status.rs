//! What a server says about itself.

use anyhow::{Context, Result, bail};

use crate::wire;

/// A serving server's part in the ensemble.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    Leader,
    Follower,
    Observer,
}

/// The lines of `srvr` that matter here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Status {
    pub(crate) mode: Mode,
    /// The last transaction applied.
    pub(crate) zxid: i64,
}

impl Status {
    /// Fails when the server at this port does not serve as a member of an ensemble.
    pub(crate) fn of(port: u16) -> Result<Self> {
        let text = wire::four_letter_word(port, "srvr")?;
        let field = |name: &str| text.lines().find_map(|line| line.strip_prefix(name));
        let mode = match field("Mode: ") {
            Some("leader") => Mode::Leader,
            Some("follower") => Mode::Follower,
            Some("observer") => Mode::Observer,
            _ => bail!("srvr answered {:?}", text.trim_end()),
        };
        let zxid = field("Zxid: 0x").context("no Zxid in srvr")?;
        Ok(Self { mode, zxid: i64::from_str_radix(zxid, 16)? })
    }
}

/// A number of `mntr`; the name is without `zk_`.
pub(crate) fn metric(port: u16, name: &str) -> Result<f64> {
    let text = wire::four_letter_word(port, "mntr")?;
    let prefix = format!("zk_{name}\t");
    let value = text.lines().find_map(|line| line.strip_prefix(&prefix));
    Ok(value.with_context(|| format!("no zk_{name} in mntr"))?.parse()?)
}
