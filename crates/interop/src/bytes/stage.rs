//! Plays a scenario against two servers in lockstep and compares every answer.

use std::collections::BTreeMap;
use std::slice;

use anyhow::{Context, Result, bail};

use super::decode::{self, Answer};
use super::layout;
use super::request::{Await, Difference, Ours, Request};
use crate::report::say;
use crate::wire::{self, Connection, Hello, Reader, ReplyHeader, op};

/// How many differing steps of one scenario are printed.
const FINDINGS_MAX: usize = 12;
/// First xid of a burst, above those that single requests use.
const BURST_XID: i32 = 1001;

/// What stands for a server's own numbers in comparisons.
#[derive(Clone, Debug, Default)]
pub(super) struct Names {
    /// The last zxid before the scenario.
    zxid_base: i64,
    /// Session ids in the order in which they were first seen.
    sessions: Vec<i64>,
}

impl Names {
    /// A zxid relative to the start of the scenario; 0 and -1 keep their meaning.
    pub(super) fn zxid(&self, zxid: i64) -> i64 {
        if zxid <= 0 { zxid } else { zxid - self.zxid_base }
    }

    /// A session id as its ordinal under its high byte, which names the server.
    pub(super) fn session(&self, id: i64) -> i64 {
        match (1..).zip(&self.sessions).find(|(_, known)| **known == id) {
            Some((ordinal, _)) => (id & (0xFF << 56)) | ordinal,
            None => id,
        }
    }
}

/// One of the two servers, with the scenario's connections to it.
#[derive(Debug)]
pub(super) struct Side {
    port: u16,
    names: Names,
    connections: BTreeMap<&'static str, Client>,
    /// Session id and password by the connection that opened it.
    sessions: BTreeMap<&'static str, (i64, Vec<u8>)>,
}

#[derive(Debug)]
struct Client {
    connection: Connection,
    next_xid: i32,
}

impl Side {
    fn new(port: u16) -> Result<Self> {
        let text = wire::four_letter_word(port, "srvr")?;
        let zxid = text.lines().find_map(|line| line.strip_prefix("Zxid: 0x"));
        let zxid = zxid.with_context(|| format!("no Zxid in {text:?}"))?;
        let zxid_base = i64::from_str_radix(zxid, 16).context("Zxid of srvr")?;
        let names = Names { zxid_base, ..Names::default() };
        Ok(Self { port, names, connections: BTreeMap::new(), sessions: BTreeMap::new() })
    }

    /// A ConnectRequest that resumes the session which `name` opened.
    pub(super) fn resuming(&self, name: &str) -> Hello {
        let (session_id, password) = self.sessions.get(name).cloned().unwrap_or_default();
        Hello { session_id, password: password.into(), ..Hello::default() }
    }

    /// A zxid of this server from one relative to the scenario's start.
    pub(super) fn absolute_zxid(&self, relative: i64) -> i64 {
        self.names.zxid_base + relative
    }

    fn connect(&mut self, name: &'static str) -> Result<()> {
        let client = Client { connection: Connection::open(self.port)?, next_xid: 1 };
        self.connections.insert(name, client);
        Ok(())
    }

    fn client(&mut self, name: &str) -> Result<&mut Client> {
        self.connections.get_mut(name).with_context(|| format!("no connection {name:?}"))
    }

    fn hello(&mut self, name: &'static str, hello: &Hello) -> Result<Vec<Answer>> {
        self.connect(name)?;
        let connection = &mut self.client(name)?.connection;
        connection.send(&hello.bytes())?;
        let Some(payload) = connection.receive()? else { return Ok(vec![Answer::closed()]) };
        let mut reader = Reader::new(&payload);
        let head = (reader.int(), reader.int(), reader.long(), reader.text());
        if let (Ok(_), Ok(1..), Ok(id), Ok(Some(password))) = head {
            if !self.names.sessions.contains(&id) {
                self.names.sessions.push(id);
            }
            self.sessions.insert(name, (id, password.to_vec()));
        }
        let mut answers = vec![decode::connect_response(&self.names, &payload)];
        if matches!(answers[0].bytes.as_deref(), Some([0, 0, 0, 0, 0, 0, 0, 0, ..])) {
            // Timeout 0 refuses the session; the close belongs to the answer.
            answers.extend(self.rest(name)?);
        }
        Ok(answers)
    }

    /// Everything until the server closes the connection.
    fn rest(&mut self, name: &str) -> Result<Vec<Answer>> {
        self.receive(name, &[], Await::Close)
    }

    fn call(&mut self, name: &str, request: &Request, ours: bool) -> Result<Vec<Answer>> {
        let client = self.client(name)?;
        let xid = request.xid.unwrap_or(client.next_xid);
        if request.xid.is_none() {
            client.next_xid += 1;
        }
        client.connection.send(&wire::request(xid, request.op, &request.body))?;
        let mut awaits = request.awaits.unwrap_or(Await::Reply(xid));
        if let Some(difference) = request.expected_difference.as_ref().filter(|_| ours) {
            awaits = match &difference.ours {
                Ours::Exactly { closes: true, .. } => Await::Close,
                Ours::Exactly { .. } | Ours::SameAndOpen | Ours::Error(_) => Await::Reply(xid),
            };
        }
        self.receive(name, slice::from_ref(request), awaits)
    }

    /// Sends all requests in one write, under xids from 1001 on.
    fn burst(&mut self, name: &str, requests: &[Request]) -> Result<Vec<Answer>> {
        let mut bytes = Vec::new();
        for (xid, request) in (BURST_XID..).zip(requests) {
            bytes.extend(wire::frame(&wire::request(xid, request.op, &request.body)));
        }
        self.client(name)?.connection.send_raw(&bytes)?;
        let last = (BURST_XID..).zip(requests).last().map_or(0, |(xid, _)| xid);
        self.receive(name, requests, Await::Reply(last))
    }

    /// Reads answers to `requests` (one, or a burst) up to the awaited one.
    fn receive(&mut self, name: &str, requests: &[Request], awaits: Await) -> Result<Vec<Answer>> {
        let mut answers = Vec::new();
        loop {
            let Some(payload) = self.client(name)?.connection.receive()? else {
                answers.push(Answer::closed());
                return Ok(answers);
            };
            let header = ReplyHeader::read(&mut Reader::new(&payload))?;
            let of_burst = usize::try_from(i64::from(header.xid) - i64::from(BURST_XID)).ok();
            let request = of_burst.and_then(|index| requests.get(index)).or(requests.first());
            let op = request.map_or(op::PING, |request| request.op);
            answers.push(decode::reply(&self.names, op, &payload));
            if awaits == Await::Reply(header.xid) {
                return Ok(answers);
            }
        }
    }

    fn word(&self, bytes: &[u8]) -> Result<String> {
        let mut connection = Connection::open(self.port)?;
        connection.send_raw(bytes)?;
        Ok(String::from_utf8_lossy(&connection.receive_to_end()?).into_owned())
    }

    fn raw(&mut self, name: &str, bytes: &[u8], awaits: Await) -> Result<Vec<Answer>> {
        self.client(name)?.connection.send_raw(bytes)?;
        self.receive(name, &[], awaits)
    }
}

/// A scenario in progress on a reference server and the server under test.
#[derive(Debug)]
pub(super) struct Stage {
    reference: Side,
    subject: Side,
    /// False when both servers are Apache's: then no difference is expected anywhere.
    subject_is_ours: bool,
    /// Prints every step with the reference's answer.
    verbose: bool,
    steps: usize,
    differences: usize,
    findings: Vec<String>,
}

impl Stage {
    pub(super) fn new(
        reference: u16,
        subject: u16,
        subject_is_ours: bool,
        verbose: bool,
    ) -> Result<Self> {
        Ok(Self {
            reference: Side::new(reference)?,
            subject: Side::new(subject)?,
            subject_is_ours,
            verbose,
            steps: 0,
            differences: 0,
            findings: Vec::new(),
        })
    }

    /// A new session with the usual ConnectRequest.
    pub(super) fn open(&mut self, name: &'static str) -> Result<()> {
        self.hello(name, "open a session", |_| Hello::default())
    }

    /// A new connection and its ConnectRequest.
    pub(super) fn hello(
        &mut self,
        name: &'static str,
        label: &str,
        hello: impl Fn(&Side) -> Hello,
    ) -> Result<()> {
        self.step(name, label, None, |side, _| {
            let hello = hello(side);
            side.hello(name, &hello)
        })
    }

    /// A new TCP connection, nothing sent.
    pub(super) fn connect(&mut self, name: &'static str) -> Result<()> {
        self.reference.connect(name)?;
        self.subject.connect(name)
    }

    /// Drops the TCP connection; the session stays.
    pub(super) fn drop_connection(&mut self, name: &str) {
        self.reference.connections.remove(name);
        self.subject.connections.remove(name);
    }

    /// Sends one request and compares all answers up to its reply.
    pub(super) fn call(&mut self, name: &str, request: Request) -> Result<()> {
        let difference = request.expected_difference.clone();
        self.step(name, &request.label, difference, |side, ours| side.call(name, &request, ours))
    }

    /// A request that Apache's server does not survive, compared with our own answer alone.
    pub(super) fn only_ours(&mut self, name: &str, request: Request) -> Result<()> {
        let Some(difference) = request.expected_difference.clone() else {
            bail!("{}: no answer of ours given", request.label);
        };
        if !self.subject_is_ours {
            return Ok(());
        }
        self.steps += 1;
        let place = format!("step {} [{name}] {}", self.steps, request.label);
        let got = self.subject.call(name, &request, true).with_context(|| place.clone())?;
        let expected = expected_answers(&difference.ours, &[]);
        self.compare(&place, &expected, &got, Some(difference.reason))
    }

    /// One request after the other on one connection.
    pub(super) fn all<const N: usize>(&mut self, name: &str, requests: [Request; N]) -> Result<()> {
        requests.into_iter().try_for_each(|request| self.call(name, request))
    }

    /// As [`Stage::call`] with a request that depends on the server's own numbers.
    pub(super) fn call_with(
        &mut self,
        name: &str,
        label: &str,
        request: impl Fn(&Side) -> Request,
    ) -> Result<()> {
        self.step(name, label, None, |side, ours| {
            let request = request(side);
            side.call(name, &request, ours)
        })
    }

    /// Sends each request on its own new session, for those that end the connection.
    pub(super) fn each_alone<const N: usize>(&mut self, requests: [Request; N]) -> Result<()> {
        for request in requests {
            self.open("alone")?;
            let difference = request.expected_difference.is_some();
            self.call("alone", request)?;
            if !difference {
                continue;
            }
            // The two sides disagree whether the connection lives; both end their session by a
            // new one, so that no expiry falls into a later scenario.
            self.hello("alone", "resume to close", |side| side.resuming("alone"))?;
            self.call("alone", super::request::close_session())?;
        }
        Ok(())
    }

    /// Sends several requests in one write and compares everything up to the last reply.
    pub(super) fn burst(&mut self, name: &str, label: &str, requests: &[Request]) -> Result<()> {
        self.step(name, label, None, |side, _| side.burst(name, requests))
    }

    /// Sends bytes without a frame around them.
    pub(super) fn raw(
        &mut self,
        name: &str,
        label: &str,
        bytes: &[u8],
        awaits: Await,
    ) -> Result<()> {
        self.step(name, label, None, |side, _| side.raw(name, bytes, awaits))
    }

    /// A four-letter word, compared by its layout.
    pub(super) fn word(&mut self, word: &str) -> Result<()> {
        self.words_raw(word, word.as_bytes())
    }

    /// Bytes that a server should take for a four-letter word.
    pub(super) fn words_raw(&mut self, label: &str, bytes: &[u8]) -> Result<()> {
        self.step("-", label, None, |side, _| {
            let text = side.word(bytes)?;
            let layout = layout::of(&text);
            Ok(vec![Answer {
                bytes: Some(layout.clone().into_bytes()),
                hint: format!("{layout:?}"),
            }])
        })
    }

    /// Only the keys of a word's lines: every key of the reference must be there, but for those
    /// that `except` names.
    pub(super) fn keys(
        &mut self,
        word: &str,
        separator: char,
        except: fn(&str) -> bool,
    ) -> Result<()> {
        let mut wanted = layout::keys(&self.reference.word(word.as_bytes())?, separator);
        wanted.retain(|key| !except(key));
        self.step("-", &format!("keys of {word}"), None, |side, _| {
            let found = layout::keys(&side.word(word.as_bytes())?, separator);
            let missing: Vec<_> = wanted.difference(&found).collect();
            Ok(vec![Answer::raw(format!("{missing:?}").as_bytes(), &format!("lacks {missing:?}"))])
        })
    }

    fn step(
        &mut self,
        name: &str,
        label: &str,
        difference: Option<Difference>,
        mut play: impl FnMut(&mut Side, bool) -> Result<Vec<Answer>>,
    ) -> Result<()> {
        self.steps += 1;
        let difference = difference.filter(|_| self.subject_is_ours);
        let place = format!("step {} [{name}] {label}", self.steps);
        let reference = play(&mut self.reference, false)
            .with_context(|| format!("{place}: the reference server"))?;
        if self.verbose {
            say(&format!("{place}: {}", hints(&reference)));
        }
        let got = match play(&mut self.subject, self.subject_is_ours) {
            Ok(got) => got,
            Err(error) => {
                let expected = shown(&reference);
                bail!("{place}: {error:#}\n  expected {expected}")
            }
        };
        match &difference {
            None => self.compare(&place, &reference, &got, None),
            Some(difference) => {
                let expected = expected_answers(&difference.ours, &reference);
                self.compare(&place, &expected, &got, Some(difference.reason))
            }
        }
    }

    /// Notes a finding unless the answers are equal. `reason` marks a difference on purpose.
    fn compare(
        &mut self,
        place: &str,
        expected: &[Answer],
        got: &[Answer],
        reason: Option<&str>,
    ) -> Result<()> {
        self.differences += usize::from(reason.is_some());
        if !equal(expected, got) {
            let reason = reason.map_or_else(String::new, |why| format!(", on purpose: {why}"));
            let (expected, got) = (shown(expected), shown(got));
            let finding = format!("{place}{reason}\n  expected {expected}\n  got      {got}");
            self.findings.push(finding);
        }
        if self.findings.len() > FINDINGS_MAX {
            bail!("too many differences");
        }
        Ok(())
    }

    fn shown_findings(&self) -> String {
        self.findings.iter().map(|finding| format!("{finding}\n")).collect()
    }

    /// The scenario's result: how many steps, or every difference.
    pub(super) fn finish(self) -> Result<String> {
        if !self.findings.is_empty() {
            bail!(
                "{} of {} steps differ\n{}",
                self.findings.len(),
                self.steps,
                self.shown_findings()
            );
        }
        match self.differences {
            0 => Ok(format!("{} steps", self.steps)),
            count => Ok(format!("{} steps, {count} different on purpose", self.steps)),
        }
    }
}

/// Our answer, where it differs from the reference's.
fn expected_answers(ours: &Ours, reference: &[Answer]) -> Vec<Answer> {
    let open = reference.iter().filter(|answer| answer.bytes.is_some());
    match ours {
        Ours::SameAndOpen => open.cloned().collect(),
        Ours::Error(code) => open.take(1).map(|answer| with_error(answer, *code)).collect(),
        Ours::Exactly { frames, closes } => {
            let frames = frames.iter().map(|frame| Answer::raw(frame, "as documented"));
            frames.chain(closes.then(Answer::closed)).collect()
        }
    }
}

/// The header of an answer with another error code.
fn with_error(answer: &Answer, code: i32) -> Answer {
    let bytes = answer.bytes.as_deref().unwrap_or_default();
    let xid_and_zxid = bytes.get(..12).unwrap_or(bytes);
    Answer::raw(&[xid_and_zxid, &code.to_be_bytes()].concat(), &format!("err {code} as documented"))
}

/// Compares bytes only: hints are for people.
fn equal(expected: &[Answer], got: &[Answer]) -> bool {
    expected.len() == got.len() && expected.iter().zip(got).all(|(a, b)| a.bytes == b.bytes)
}

fn hints(answers: &[Answer]) -> String {
    answers.iter().map(|answer| answer.hint.as_str()).collect::<Vec<_>>().join(", then ")
}

fn shown(answers: &[Answer]) -> String {
    let one = |answer: &Answer| match &answer.bytes {
        None => answer.hint.clone(),
        Some(bytes) => format!("{} ({})", hex(bytes), answer.hint),
    };
    answers.iter().map(one).collect::<Vec<_>>().join(", then ")
}

/// Hex in groups of four bytes; long frames are cut, the hint tells the rest.
fn hex(bytes: &[u8]) -> String {
    let groups = bytes.chunks(4).take(48);
    let hex = |group: &[u8]| group.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let text = groups.map(hex).collect::<Vec<_>>().join(" ");
    if bytes.len() > 48 * 4 { format!("{text} …") } else { text }
}
