//! What goes wrong in random runs.

use crate::name::Name;
use std::time::Duration;
use zoarium_sim::{Action, Keep, MILLION, Plan, Rate, Rng, When};

/// What becomes of processes that crash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Crashes {
    /// None do.
    None,
    /// Up to so many stop for ever.
    Stop(usize),
    /// They come back with what their disks hold, as often as it happens.
    Recover,
}

/// Kinds of faults. Each run has some of them, many or few.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Faults {
    /// How long the first phase lasts, in milliseconds. Then faults end.
    pub lasts_ms: u64,
    /// How long the second phase may take until all is well.
    pub settles_ms: u64,
    /// Crashes.
    pub crashes: Crashes,
    /// Partitions of all kinds, and links that break.
    pub partitions: bool,
    /// Processes that stand still and links that are slow: more than time-outs allow for.
    pub delays: bool,
    /// A clock that slows down to less than half of true speed, and whoever has it is cut off.
    pub drifts: bool,
}

impl Faults {
    /// Nothing.
    pub const NONE: Self = Self {
        lasts_ms: 600,
        settles_ms: 5000,
        crashes: Crashes::None,
        partitions: false,
        delays: false,
        drifts: false,
    };

    /// Everything that an asynchronous system with durable memory must live with.
    pub const ALL: Self =
        Self { crashes: Crashes::Recover, partitions: true, delays: true, ..Self::NONE };
}

/// How many effects into a process's life an exactly placed crash is, at most.
const EFFECTS_MAX: u64 = 40;

/// How long a clock is slow, at most, before its owner is cut off: if it is slow for longer, others
/// notice.
const DRIFT_FIRST_MAX_MS: u64 = 60;

/// Draws the faults of a run.
pub(super) fn draw(faults: &Faults, all: &[Name], seed: u64, rng: &mut Rng) -> Plan<Name> {
    let mut dice = Dice { faults, all, rng };
    let mut plan = Plan::new(seed, Duration::from_millis(faults.lasts_ms));
    let mut stopped = Vec::new();
    match faults.crashes {
        Crashes::None => {}
        Crashes::Stop(most) => {
            let mut names = all.to_vec();
            dice.rng.shuffle(&mut names);
            stopped.extend(names.into_iter().take(dice.rng.index(most + 1)));
            for process in &stopped {
                plan = dice.crash(plan, *process, None);
            }
        }
        Crashes::Recover => {
            for _ in 0..dice.rng.below(5) {
                let (process, down) = (dice.anyone(), dice.length());
                plan = dice.crash(plan, process, Some(down));
            }
        }
    }
    if faults.partitions {
        for _ in 0..dice.rng.below(4) {
            plan = dice.partition(plan);
        }
    }
    if faults.delays {
        for _ in 0..dice.rng.below(5) {
            plan = dice.delay(plan);
        }
    }
    if faults.drifts {
        plan = dice.drift(plan);
    }
    let core = all.iter().copied().filter(|name| !stopped.contains(name));
    plan.settling(core, Duration::from_millis(faults.settles_ms))
}

struct Dice<'a> {
    faults: &'a Faults,
    all: &'a [Name],
    rng: &'a mut Rng,
}

impl Dice<'_> {
    fn anyone(&mut self) -> Name {
        self.all[self.rng.index(self.all.len())]
    }

    /// A time in whole milliseconds; early ones are more likely, as most is decided early.
    fn time(&mut self) -> Duration {
        let most = if self.rng.coin() { self.faults.lasts_ms / 4 } else { self.faults.lasts_ms };
        Duration::from_millis(self.rng.below(most))
    }

    fn length(&mut self) -> Duration {
        Duration::from_millis(1 + self.rng.below(self.faults.lasts_ms / 2))
    }

    /// A crash at a time, or between two effects: half of a broadcast may have left.
    fn crash(&mut self, plan: Plan<Name>, process: Name, down_for: Option<Duration>) -> Plan<Name> {
        let keep = Keep::EACH[self.rng.index(3)];
        let crash = Action::Crash { process, keep, down_for };
        if self.rng.coin() {
            return plan.at(self.time(), crash);
        }
        plan.when(When::Effect(process, 1 + self.rng.below(EFFECTS_MAX)), crash)
    }

    fn partition(&mut self, plan: Plan<Name>) -> Plan<Name> {
        let mut all = self.all.to_vec();
        self.rng.shuffle(&mut all);
        let (one, other) = all.split_at(1 + self.rng.index(all.len() - 1));
        let (from, length) = (self.time(), self.length());
        let begin = match self.rng.below(4) {
            0 => Action::Block(one.to_vec(), other.to_vec()),
            // What is lost on a link that keeps order takes the connection with it.
            1 => return plan.at(from, Action::Cut(one[0], other[0])),
            _ => Action::Partition(vec![one.to_vec(), other.to_vec()]),
        };
        plan.at(from, begin).at(from + length, Action::Heal(Vec::new()))
    }

    fn drift(&mut self, plan: Plan<Name>) -> Plan<Name> {
        let rate = Rate(MILLION / 10 * u32::try_from(1 + self.rng.below(4)).unwrap_or(1));
        let (at, process) = (self.time(), self.anyone());
        let cut = at + Duration::from_millis(self.rng.below(DRIFT_FIRST_MAX_MS));
        let others = self.all.iter().copied().filter(|name| *name != process).collect();
        plan.at(at, Action::Drift(process, rate))
            .at(cut, Action::Partition(vec![vec![process], others]))
            .at(cut + self.length(), Action::Heal(Vec::new()))
    }

    fn delay(&mut self, plan: Plan<Name>) -> Plan<Name> {
        let (at, length) = (self.time(), self.length());
        let (from, to) = (self.anyone(), self.anyone());
        if self.rng.coin() || from == to {
            return plan.at(at, Action::Pause { process: from, pause_for: Some(length) });
        }
        plan.at(at, Action::SlowLink(from, to, length))
            .at(at + length, Action::SlowLink(from, to, Duration::ZERO))
    }
}
