//! Replies made comparable: what must differ between two servers is replaced, all else is kept.
//!
//! Replaced are wall-clock times, session ids and passwords; zxids become relative to the start of
//! the scenario; lists without an order are sorted. A record that does not fit its layout is kept
//! byte for byte, so a malformed reply never compares equal to a well-formed one by accident.

use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Result, bail};

use super::stage::Names;
use crate::wire::{Jute, Reader, ReplyHeader, XID_NOTIFICATION, op};

/// What every believable wall-clock time becomes.
const TIME: i64 = 0x7469_6D65_7469_6D65;
/// A server's clock may differ from ours by this much; it is the same machine.
const CLOCK_SKEW_MS: i64 = 3_600_000;

/// Length of a ConnectResponse with the readOnly byte.
const CONNECT_RESPONSE_LEN: usize = 37;

/// One answer of a server, ready to compare.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Answer {
    /// The frame after normalising; `None` is the end of the connection.
    pub(super) bytes: Option<Vec<u8>>,
    /// The same for human eyes.
    pub(super) hint: String,
}

impl Answer {
    pub(super) fn closed() -> Self {
        Self { bytes: None, hint: "connection closed".to_owned() }
    }

    /// Any bytes, uninterpreted.
    pub(super) fn raw(bytes: &[u8], hint: &str) -> Self {
        Self { bytes: Some(bytes.to_vec()), hint: hint.to_owned() }
    }
}

/// The parts a reply record is made of.
#[derive(Clone, Copy, Debug)]
enum Field {
    Text,
    Stat,
    Int,
    /// Child names and the like: order carries no meaning.
    Names,
    Acls,
    /// whoAmI's pairs, unordered.
    Pairs,
    /// The results of a multi.
    Results,
}

/// The reply record of each request type; empty for those answered by a header alone.
fn layout(op: i32) -> &'static [Field] {
    match op {
        op::CREATE | op::SYNC | op::SASL => &[Field::Text],
        op::CREATE2 | op::CREATE_CONTAINER | op::CREATE_TTL | op::GET_DATA | op::RECONFIG => {
            &[Field::Text, Field::Stat]
        }
        op::EXISTS | op::SET_DATA | op::SET_ACL => &[Field::Stat],
        op::GET_ACL => &[Field::Acls, Field::Stat],
        op::GET_CHILDREN | op::GET_EPHEMERALS => &[Field::Names],
        op::GET_CHILDREN2 => &[Field::Names, Field::Stat],
        op::GET_ALL_CHILDREN_NUMBER | op::ADD_WATCH => &[Field::Int],
        op::MULTI | op::MULTI_READ => &[Field::Results],
        op::WHO_AM_I => &[Field::Pairs],
        _ => &[],
    }
}

/// Permissions, scheme, id.
type AclEntry = (i32, Option<Vec<u8>>, Option<Vec<u8>>);

/// Rewrites a reply while reading it.
struct Rewriter<'a> {
    names: &'a Names,
    reader: Reader<'a>,
    out: Jute,
    hint: String,
}

/// A reply or event. `op` is the type of the request it answers.
pub(super) fn reply(names: &Names, op: i32, payload: &[u8]) -> Answer {
    if op == op::CREATE_SESSION && payload.len() == CONNECT_RESPONSE_LEN {
        return connect_response(names, payload);
    }
    let mut rewriter =
        Rewriter { names, reader: Reader::new(payload), out: Jute::new(), hint: String::new() };
    match rewriter.reply(op) {
        Ok(()) => rewriter.finish(),
        Err(error) => {
            let hint = format!("{} then undecodable: {error:#}", rewriter.hint);
            Answer::raw(payload, &hint)
        }
    }
}

/// The answer to a ConnectRequest.
pub(super) fn connect_response(names: &Names, payload: &[u8]) -> Answer {
    let mut rewriter =
        Rewriter { names, reader: Reader::new(payload), out: Jute::new(), hint: String::new() };
    match rewriter.connect_response() {
        Ok(()) => rewriter.finish(),
        Err(error) => Answer::raw(payload, &format!("undecodable ConnectResponse: {error:#}")),
    }
}

impl Rewriter<'_> {
    fn finish(mut self) -> Answer {
        let rest = self.reader.rest();
        if !rest.is_empty() {
            self.hint.push_str(&format!(" +{} bytes", rest.len()));
        }
        Answer { bytes: Some(self.out.raw(rest).bytes()), hint: self.hint }
    }

    fn reply(&mut self, op: i32) -> Result<()> {
        let ReplyHeader { xid, zxid, err } = ReplyHeader::read(&mut self.reader)?;
        let zxid = self.names.zxid(zxid);
        self.emit(|out| out.int(xid).long(zxid).int(err));
        self.hint = format!("xid {xid} zxid {zxid:+} err {err}");
        if xid == XID_NOTIFICATION {
            self.hint.push_str(" event type/state/path");
            self.int()?;
            self.int()?;
            return self.text();
        }
        if self.reader.rest().is_empty() {
            return Ok(());
        }
        layout(op).iter().try_for_each(|field| self.field(*field))
    }

    fn connect_response(&mut self) -> Result<()> {
        self.hint.push_str("version/timeout");
        self.int()?;
        self.int()?;
        let id = self.reader.long()?;
        let name = self.names.session(id);
        let password = self.reader.text()?.unwrap_or_default();
        // A server of one ensemble must accept what another handed out, so the password is a
        // function of the id; only then is it replaced.
        let known = id != 0 && password == password_of(id);
        let shown = if known { b"derived from id!" } else { password };
        self.emit(|out| out.long(name).text(shown));
        self.hint.push_str(&format!(" session {name:#x} password {shown:02x?}"));
        Ok(())
    }

    fn emit(&mut self, write: impl FnOnce(Jute) -> Jute) {
        self.out = write(std::mem::take(&mut self.out));
    }

    fn field(&mut self, field: Field) -> Result<()> {
        match field {
            Field::Text => self.text(),
            Field::Stat => self.stat(),
            Field::Int => self.int().map(drop),
            Field::Names => self.names(),
            Field::Acls => self.acls(),
            Field::Pairs => self.pairs(),
            Field::Results => self.results(),
        }
    }

    fn int(&mut self) -> Result<i32> {
        let value = self.reader.int()?;
        self.emit(|out| out.int(value));
        self.hint.push_str(&format!(" {value}"));
        Ok(value)
    }

    fn text(&mut self) -> Result<()> {
        let text = self.reader.text()?.map(<[u8]>::to_vec);
        self.emit_text(text);
        Ok(())
    }

    fn emit_text(&mut self, text: Option<Vec<u8>>) {
        self.hint.push_str(&match &text {
            None => " null".to_owned(),
            Some(bytes) => format!(" {:?}", String::from_utf8_lossy(bytes)),
        });
        match text {
            None => self.emit(|out| out.int(-1)),
            Some(bytes) => self.emit(|out| out.text(bytes)),
        }
    }

    fn stat(&mut self) -> Result<()> {
        let czxid = self.names.zxid(self.reader.long()?);
        let mzxid = self.names.zxid(self.reader.long()?);
        let ctime = plausible_time(self.reader.long()?);
        let mtime = plausible_time(self.reader.long()?);
        let versions = [self.reader.int()?, self.reader.int()?, self.reader.int()?];
        let owner = self.names.session(self.reader.long()?);
        let counts = [self.reader.int()?, self.reader.int()?];
        let pzxid = self.names.zxid(self.reader.long()?);
        let [version, cversion, aversion] = versions;
        self.emit(|out| {
            let out = out.long(czxid).long(mzxid).long(ctime).long(mtime);
            let out = out.int(version).int(cversion).int(aversion);
            out.long(owner).int(counts[0]).int(counts[1]).long(pzxid)
        });
        let dated = if ctime == 0 { "" } else { " dated" };
        self.hint.push_str(&format!(
            " stat(c{czxid:+} m{mzxid:+} p{pzxid:+}{dated} versions {version}/{cversion}/{aversion} \
             owner {owner:#x} length {} children {})",
            counts[0], counts[1]
        ));
        Ok(())
    }

    fn count(&mut self) -> Result<i32> {
        match self.reader.int()? {
            count @ -1..=100_000 => Ok(count),
            count => bail!("a vector of {count}"),
        }
    }

    fn names(&mut self) -> Result<()> {
        let count = self.count()?;
        let mut names = Vec::new();
        for _ in 0..count {
            names.push(self.reader.text()?.unwrap_or_default().to_vec());
        }
        names.sort();
        self.emit(|out| names.iter().fold(out.int(count), |out, name| out.text(name.clone())));
        let shown: Vec<_> = names.iter().map(|name| String::from_utf8_lossy(name)).collect();
        self.hint.push_str(&format!(" {shown:?}"));
        Ok(())
    }

    /// Entries in their order. Only neighbours of the same permissions and scheme are sorted: that
    /// is what `auth` became, and Apache keeps a connection's identities in a hash table.
    fn acls(&mut self) -> Result<()> {
        let count = self.count()?;
        let mut acls = Vec::new();
        for _ in 0..count {
            let perms = self.reader.int()?;
            let scheme = self.reader.text()?.map(<[u8]>::to_vec);
            acls.push((perms, scheme, self.reader.text()?.map(<[u8]>::to_vec)));
        }
        let alike = |a: &AclEntry, b: &AclEntry| (a.0, &a.1) == (b.0, &b.1);
        acls.chunk_by_mut(alike).for_each(<[AclEntry]>::sort);
        self.emit(|out| out.int(count));
        for (perms, scheme, id) in acls {
            self.emit(|out| out.int(perms));
            self.hint.push_str(&format!(" {perms}"));
            self.emit_text(scheme);
            self.emit_text(id);
        }
        Ok(())
    }

    fn pairs(&mut self) -> Result<()> {
        let count = self.count()?;
        let mut pairs = Vec::new();
        for _ in 0..count {
            let scheme = self.reader.text()?.map(<[u8]>::to_vec);
            let user = self.reader.text()?.map(<[u8]>::to_vec);
            pairs.push((scheme, user));
        }
        pairs.sort();
        self.hint.push_str(&format!(" {count} identities"));
        self.emit(|out| out.int(count));
        for text in pairs.into_iter().flat_map(|(scheme, user)| [scheme, user]) {
            self.emit_text(text);
        }
        Ok(())
    }

    fn results(&mut self) -> Result<()> {
        loop {
            let kind = self.reader.int()?;
            let done = self.reader.byte()?;
            let err = self.reader.int()?;
            self.emit(|out| out.int(kind).byte(done).int(err));
            self.hint.push_str(&format!(" | {kind},{done},{err}"));
            if done != 0 {
                return Ok(());
            }
            let fields = if kind == -1 { &[Field::Int] } else { layout(kind) };
            fields.iter().try_for_each(|field| self.field(*field))?;
        }
    }
}

/// Replaces a time near this machine's clock; any other value is a finding and stays.
fn plausible_time(millis: i64) -> i64 {
    let elapsed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let now = i64::try_from(elapsed.as_millis()).unwrap_or(i64::MAX);
    if (millis - now).abs() < CLOCK_SKEW_MS { TIME } else { millis }
}

/// Apache's session password: the first 16 bytes of `java.util.Random` seeded with the session id
/// and a constant (SessionTrackerImpl, `ZooKeeperServer.superSecret`).
fn password_of(session_id: i64) -> [u8; 16] {
    const SUPER_SECRET: i64 = 0xB341_5C00;
    const MULTIPLIER: i64 = 0x5_DEEC_E66D;
    const MASK: i64 = (1 << 48) - 1;
    let mut state = (session_id ^ SUPER_SECRET ^ MULTIPLIER) & MASK;
    let mut password = [0; 16];
    for chunk in password.chunks_mut(4) {
        state = state.wrapping_mul(MULTIPLIER).wrapping_add(0xB) & MASK;
        // Bits 16–47 of the state, lowest byte first.
        let [_, _, a, b, c, d, _, _] = state.to_le_bytes();
        chunk.copy_from_slice(&[a, b, c, d]);
    }
    password
}

#[cfg(test)]
mod tests {
    use super::password_of;

    #[test]
    fn password_matches_one_seen_on_the_wire() {
        let seen = 0x1b12_15f4_0c29_b6c2_f10d_8177_35be_4742_u128;
        assert_eq!(password_of(0x0100_000b_c677_0000), seen.to_be_bytes());
    }
}
