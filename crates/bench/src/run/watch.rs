//! Fan-out: one change, and an event for every watcher.

use super::{Measured, metered};
use crate::error::BenchError;
use crate::op::Op;
use crate::session::{Session, open_all};
use crate::settings::{Settings, Side};
use crate::source::Znodes;
use crate::tally::Tally;
use crate::workload::Workload;
use std::borrow::Cow;
use std::time::{Duration, Instant};
use zoarium_session::request::{Request, SetData};

struct Round<'a> {
    writer: Session,
    watchers: Vec<Session>,
    path: &'a str,
    data: &'a [u8],
    persistent: bool,
}

pub(super) fn run(
    workload: &Workload,
    persistent: bool,
    side: &Side,
    settings: &Settings,
    znodes: &Znodes,
) -> Result<Measured, BenchError> {
    let targets = side.targets()?;
    let [writer] = <[Session; 1]>::try_from(open_all(&targets, 1, settings)?)
        .expect("as many as were asked for");
    let watchers = open_all(&targets, workload.connections, settings)?;
    let (path, data) = (znodes.parent.as_str(), &znodes.value[..]);
    let mut round = Round { writer, watchers, path, data, persistent };
    if persistent {
        let path = Cow::Borrowed(path);
        round.all(&Request::AddWatch { path, recursive: false, outlives_session: false })?;
    }
    let mut rounds = |tally: &mut Tally, duration: Duration| {
        let began = Instant::now();
        while began.elapsed() < duration {
            round.run(began, tally)?;
        }
        Ok(())
    };
    rounds(&mut Tally::new(0, settings.warm_up), settings.warm_up)?;
    let measured = metered(side, settings.duration, |tally| rounds(tally, settings.duration))?;
    for session in round.watchers.into_iter().chain([round.writer]) {
        session.close()?;
    }
    Ok(measured)
}

impl Round<'_> {
    /// Every watcher asks this.
    fn all(&mut self, request: &Request<'_>) -> Result<(), BenchError> {
        self.watchers.iter_mut().try_for_each(|watcher| watcher.send(request))?;
        self.watchers.iter_mut().try_for_each(|watcher| watcher.reply(Op::Read).map(|_| ()))
    }

    fn run(&mut self, began: Instant, tally: &mut Tally) -> Result<(), BenchError> {
        if !self.persistent {
            self.all(&Request::GetData { path: Cow::Borrowed(self.path), watch: true })?;
        }
        let sent_ns = elapsed_ns(began);
        let data = Some(Cow::Borrowed(self.data));
        let set = SetData { path: Cow::Borrowed(self.path), data, version: None };
        self.writer.send(&Request::SetData(set))?;
        self.writer.reply(Op::Write)?;
        let mut told = |op: Op| {
            let now_ns = elapsed_ns(began);
            tally.advance(now_ns);
            tally.record(op, now_ns, sent_ns, sent_ns);
        };
        told(Op::Write);
        for watcher in &mut self.watchers {
            watcher.event()?;
            told(Op::Event);
        }
        Ok(())
    }
}

fn elapsed_ns(began: Instant) -> u64 {
    u64::try_from(began.elapsed().as_nanos()).unwrap_or(u64::MAX)
}
