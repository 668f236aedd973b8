//! What a thread asks next, and what a reply must look like.

use crate::dice::Dice;
use crate::error::Fault;
use crate::op::Op;
use crate::workload::Mix;
use std::borrow::Cow;
use std::fmt::Write as _;
use std::sync::Arc;
use zoarium_proto::jute::length;
use zoarium_proto::multi::MultiHeader;
use zoarium_proto::{CreateMode, OpCode, Reader, Stat, Xid};
use zoarium_session::request::{Create, Request, SetData, Write};

/// Bytes of a stat in a reply.
const STAT: usize = Stat::WIRE_SIZE;

/// The znodes of a workload, shared by all threads.
#[derive(Debug)]
pub(crate) struct Znodes {
    /// The parent of those that are read and written.
    pub(crate) parent: String,
    /// What is read and written.
    pub(crate) keys: Vec<String>,
    /// The parent of those that are created.
    pub(crate) made: String,
    /// As much data as a znode may have.
    pub(crate) value: Vec<u8>,
    /// How much it has: from, to.
    pub(crate) size: (usize, usize),
}

impl Znodes {
    fn draw(&self, dice: &mut Dice) -> &str {
        &self.keys[dice.below(self.keys.len())]
    }

    fn draw_size(&self, dice: &mut Dice) -> usize {
        let (from, to) = self.size;
        if from == to { to } else { from + dice.below(to - from + 1) }
    }

    fn draw_write(&self, dice: &mut Dice) -> SetData<'_> {
        let (path, size) = (Cow::Borrowed(self.draw(dice)), self.draw_size(dice));
        SetData { path, data: Some(Cow::Borrowed(&self.value[..size])), version: None }
    }
}

/// What is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Choice {
    Read,
    Exists,
    Children,
    Write,
    Create,
    Churn,
    Multi,
}

/// How many znodes a connection has created and deleted.
#[derive(Clone, Copy, Debug, Default)]
struct Count {
    created: u64,
    deleted: u64,
}

/// The requests of some connections.
#[derive(Clone, Debug)]
pub(crate) struct Source {
    znodes: Arc<Znodes>,
    mix: Mix,
    /// Choices with the sums of the weights up to them, as parts of 1.
    choices: Vec<(f64, Choice)>,
    dice: Dice,
    /// By connection; created and churned znodes have names of their own.
    created: Vec<u64>,
    churned: Vec<Count>,
    /// The number of the first connection.
    thread: usize,
    path: String,
}

impl Source {
    pub(crate) fn new(znodes: Arc<Znodes>, mix: &Mix, thread: usize, connections: usize) -> Self {
        let weights = [
            (mix.read, Choice::Read),
            (mix.exists, Choice::Exists),
            (mix.children, Choice::Children),
            (mix.write, Choice::Write),
            (mix.create, Choice::Create),
            (mix.churn, Choice::Churn),
            (mix.multi, Choice::Multi),
        ];
        let mut sum = 0.0;
        let mut choices = Vec::new();
        for (weight, choice) in weights {
            if weight > 0.0 {
                sum += weight / mix.total();
                choices.push((sum, choice));
            }
        }
        Self {
            znodes,
            mix: mix.clone(),
            choices,
            dice: Dice::new(thread as u64),
            created: vec![0; connections],
            churned: vec![Count::default(); connections],
            thread,
            path: String::new(),
        }
    }

    /// How many znodes there should be below [`Znodes::made`] by what these connections did.
    pub(crate) fn left(&self) -> u64 {
        let churned: u64 = self.churned.iter().map(|count| count.created - count.deleted).sum();
        self.created.iter().sum::<u64>() + churned
    }

    fn choose(&mut self) -> Choice {
        match self.choices[..] {
            [(_, only)] => only,
            [.., (_, last)] => {
                let drawn = self.dice.part();
                let found = self.choices.iter().find(|(upto, _)| drawn < *upto);
                found.map_or(last, |(_, choice)| *choice)
            }
            [] => Choice::Read,
        }
    }

    /// Appends the next request of a connection.
    #[inline]
    pub(crate) fn put_next(&mut self, connection: usize, xid: i32, out: &mut Vec<u8>) -> Op {
        let xid = Xid(xid);
        match self.choose() {
            Choice::Read => self.put_read(xid, out),
            Choice::Write => self.put_write(xid, out),
            Choice::Exists => {
                let path = Cow::Borrowed(self.znodes.draw(&mut self.dice));
                Request::Exists { path, watch: false }.encode(xid, out);
                Op::Exists
            }
            Choice::Children => {
                let path = Cow::Borrowed(self.znodes.parent.as_str());
                Request::GetChildren { path, watch: false }.encode(xid, out);
                Op::Children
            }
            Choice::Create => {
                let number = self.created[connection];
                self.created[connection] += 1;
                self.put_create(xid, connection, 'c', number, out)
            }
            Choice::Churn => self.put_churn(xid, connection, out),
            Choice::Multi => self.put_multi(xid, out),
        }
    }

    /// Reads come by the million, so their frames are put together in one go: what
    /// [`Request::encode`] does, in a third of the instructions.
    fn put_read(&mut self, xid: Xid, out: &mut Vec<u8>) -> Op {
        let path = self.znodes.draw(&mut self.dice).as_bytes();
        let mut head = [0; 16];
        let frame = length(head.len() - 4 + path.len() + 1);
        let fields = [frame, xid.0, OpCode::GetData.to_wire(), length(path.len())];
        for (part, field) in head.chunks_exact_mut(4).zip(fields) {
            part.copy_from_slice(&field.to_be_bytes());
        }
        out.extend_from_slice(&head);
        out.extend_from_slice(path);
        // No watch.
        out.push(0);
        Op::Read
    }

    fn put_write(&mut self, xid: Xid, out: &mut Vec<u8>) -> Op {
        Request::SetData(self.znodes.draw_write(&mut self.dice)).encode(xid, out);
        Op::Write
    }

    fn put_multi(&mut self, xid: Xid, out: &mut Vec<u8>) -> Op {
        let write = |_| Write::SetData(self.znodes.draw_write(&mut self.dice));
        Request::Multi((0..self.mix.batch).map(write).collect()).encode(xid, out);
        Op::Multi
    }

    fn name(&mut self, connection: usize, kind: char, number: u64) {
        let Self { path, znodes, thread, .. } = self;
        path.clear();
        // Writing to a string cannot fail.
        let _written = write!(path, "{}/{thread}-{connection}-{kind}{number}", znodes.made);
    }

    fn put_create(
        &mut self,
        xid: Xid,
        connection: usize,
        kind: char,
        number: u64,
        out: &mut Vec<u8>,
    ) -> Op {
        let size = self.znodes.draw_size(&mut self.dice);
        self.name(connection, kind, number);
        let mode = if self.mix.ephemeral { CreateMode::Ephemeral } else { CreateMode::Persistent };
        let create = Create::new(self.path.as_str(), &self.znodes.value[..size]).with_mode(mode);
        Request::Create(create).encode(xid, out);
        Op::Create
    }

    fn put_churn(&mut self, xid: Xid, connection: usize, out: &mut Vec<u8>) -> Op {
        let Count { created, deleted } = self.churned[connection];
        if created - deleted < self.mix.live {
            self.churned[connection].created += 1;
            return self.put_create(xid, connection, 'd', created, out);
        }
        self.churned[connection].deleted += 1;
        self.name(connection, 'd', deleted);
        let path = Cow::Borrowed(self.path.as_str());
        Request::Delete { path, version: None }.encode(xid, out);
        Op::Delete
    }

    /// Holds the record of a successful reply against what `op` must have.
    #[inline]
    pub(crate) fn check(&self, op: Op, record: &[u8]) -> Result<(), Fault> {
        let (what, found, expected) = match op {
            Op::Read => {
                let (from, to) = self.znodes.size;
                let size = record.len().saturating_sub(4 + STAT);
                ("bytes of data", size, size.clamp(from, to))
            }
            Op::Exists | Op::Write => ("bytes", record.len(), STAT),
            Op::Children => {
                let count = Reader::new(record).int()?;
                ("children", usize::try_from(count).unwrap_or(0), self.znodes.keys.len())
            }
            Op::Create => {
                let path = Reader::new(record).buffer()?.map_or(0, <[u8]>::len);
                ("bytes behind the path", record.len() - 4 - path, STAT)
            }
            Op::Delete | Op::Close => ("bytes", record.len(), 0),
            Op::Multi => ("results", results(record)?, self.mix.batch),
            // Neither is asked for here.
            Op::Event | Op::Open => ("bytes", record.len(), 0),
        };
        if found == expected { Ok(()) } else { Err(Fault::Contents { op, what, found, expected }) }
    }
}

/// How many writes a multi's reply says were done.
fn results(record: &[u8]) -> Result<usize, Fault> {
    let mut reader = Reader::new(record);
    let mut count = 0;
    loop {
        let header = MultiHeader::decode(&mut reader)?;
        if header.done {
            return Ok(count);
        }
        if header.kind != OpCode::SetData.to_wire() {
            return Err(Fault::Refused { op: Op::Multi, code: header.error });
        }
        reader.raw(STAT)?;
        count += 1;
    }
}

#[cfg(test)]
mod tests;
