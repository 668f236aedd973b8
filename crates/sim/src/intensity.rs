//! Plans drawn from a seed.

use crate::clock::Rate;
use crate::disk::Keep;
use crate::names::Names;
use crate::plan::{Action, Plan, When};
use crate::rng::{MILLION, Rng, mix};
use std::collections::BTreeSet;
use std::fmt::Debug;
use std::time::Duration;

/// How much goes wrong in a drawn plan.
///
/// Rates are events a minute of virtual time, at most: every plan switches each kind of fault off
/// or on and draws its own rate, since a world where everything happens always is a world where
/// most things never happen (Groce and others, *Swarm Testing*, 2012).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Intensity {
    /// How long the first phase lasts.
    pub lasts: Duration,
    /// Requests; these are never switched off.
    pub requests: u32,
    /// Crashes at a time, with restart.
    pub crashes: u32,
    /// Crashes between two effects or after a sync, with restart.
    pub exact_crashes: u32,
    /// All processes crash at once, and restart.
    pub blackouts: u32,
    /// Pauses.
    pub pauses: u32,
    /// Partitions of all kinds: in two, of one alone, one way, flapping, in two that both still
    /// reach a bridge, of one victim from the others while everybody else reaches all.
    pub partitions: u32,
    /// Broken connections.
    pub cuts: u32,
    /// Slow directions of links.
    pub slow_links: u32,
    /// Changes of clocks' rates.
    pub drifts: u32,
    /// Jumps of wall clocks.
    pub jumps: u32,
    /// Slow disks.
    pub slow_disks: u32,
    /// Full disks.
    pub full_disks: u32,
    /// Failed syncs.
    pub failed_syncs: u32,
    /// How long a fault lasts, at most; many are much shorter.
    pub fault_max: Duration,
    /// By how much a slow link or disk is slower, at most.
    pub slowness_max: Duration,
    /// The slowest and the fastest clock.
    pub rates: [Rate; 2],
    /// How far a wall clock jumps, at most.
    pub jump_max: Duration,
}

/// Ten seconds of trouble.
impl Default for Intensity {
    fn default() -> Self {
        Self {
            lasts: Duration::from_secs(10),
            requests: 600,
            crashes: 40,
            exact_crashes: 40,
            blackouts: 6,
            pauses: 30,
            partitions: 40,
            cuts: 60,
            slow_links: 30,
            drifts: 12,
            jumps: 12,
            slow_disks: 12,
            full_disks: 6,
            failed_syncs: 12,
            fault_max: Duration::from_secs(4),
            slowness_max: Duration::from_secs(2),
            rates: [Rate(MILLION / 2), Rate(2 * MILLION)],
            jump_max: Duration::from_hours(24 * 365),
        }
    }
}

impl Intensity {
    /// Only requests.
    pub fn peaceful() -> Self {
        Self {
            crashes: 0,
            exact_crashes: 0,
            blackouts: 0,
            pauses: 0,
            partitions: 0,
            cuts: 0,
            slow_links: 0,
            drifts: 0,
            jumps: 0,
            slow_disks: 0,
            full_disks: 0,
            failed_syncs: 0,
            ..Self::default()
        }
    }
}

impl<I: Copy + Ord + Debug> Plan<I> {
    /// Draws a plan: faults of `victims`, among all `names`, and requests that `request` draws.
    pub fn random(
        seed: u64,
        intensity: &Intensity,
        names: &Names<I>,
        victims: &[I],
        request: &mut dyn FnMut(&mut Rng) -> (I, String),
    ) -> Self {
        let all: Vec<I> = names.ids().collect();
        let mut plan = Self::new(seed, intensity.lasts);
        let label = |kind: u64| mix(mix(seed, PLAN_STREAM), kind);
        let mut rng = Rng::new(label(0));
        for time in times(intensity.requests, intensity.lasts, &mut rng) {
            let (to, words) = request(&mut rng);
            plan = plan.request(time, to, words);
        }
        for (kind, (rate, draw)) in (1..).zip(kinds::<I>(intensity)) {
            let mut rng = Rng::new(label(kind));
            if rate == 0 || victims.is_empty() || rng.coin() {
                continue;
            }
            let rate = 1 + u32::try_from(rng.below(rate.into())).unwrap_or(0);
            let mut dice = Dice { rng, intensity, victims, all: &all };
            for time in times(rate, intensity.lasts, &mut dice.rng.clone()) {
                dice.rng.next_u64();
                plan = draw(&mut dice, time, plan);
            }
        }
        plan.steps.sort_by_key(|step| match step.when {
            When::At(time) => time,
            When::Effect(..) | When::Io(..) | When::Sync(..) => Duration::MAX,
        });
        plan
    }
}

const PLAN_STREAM: u64 = 0x706c_616e;

/// Counts of exact crashes are drawn below a power of two, of at most this exponent.
const COUNT_EXPONENT_MAX: u64 = 12;

type Draw<I> = fn(&mut Dice<'_, I>, Duration, Plan<I>) -> Plan<I>;

/// All kinds of faults with their rates.
const fn kinds<I: Copy + Ord + Debug>(intensity: &Intensity) -> [(u32, Draw<I>); 12] {
    [
        (intensity.crashes, crash),
        (intensity.exact_crashes, exact_crash),
        (intensity.blackouts, blackout),
        (intensity.pauses, pause),
        (intensity.partitions, partition),
        (intensity.cuts, cut),
        (intensity.slow_links, slow_link),
        (intensity.drifts, drift),
        (intensity.jumps, jump),
        (intensity.slow_disks, slow_disk),
        (intensity.full_disks, full_disk),
        (intensity.failed_syncs, failed_sync),
    ]
}

/// What faults are drawn with.
struct Dice<'a, I> {
    rng: Rng,
    intensity: &'a Intensity,
    victims: &'a [I],
    all: &'a [I],
}

impl<I: Copy + Ord> Dice<'_, I> {
    fn victim(&mut self) -> I {
        self.victims[self.rng.index(self.victims.len())]
    }

    fn other(&mut self, than: I) -> Option<I> {
        let others: Vec<I> = self.all.iter().copied().filter(|id| *id != than).collect();
        self.rng.pick(&others).copied()
    }

    fn keep(&mut self) -> Keep {
        Keep::EACH[self.rng.index(Keep::EACH.len())]
    }

    /// A time up to `max`, as often below a tenth of it as above; in whole microseconds, so that
    /// scripts stay short.
    fn up_to(&mut self, max: Duration) -> Duration {
        let max = if self.rng.coin() { max / 10 } else { max };
        in_micros(self.rng.between(Duration::ZERO, max))
    }

    fn length(&mut self) -> Duration {
        self.up_to(self.intensity.fault_max)
    }

    fn slowness(&mut self) -> Duration {
        self.up_to(self.intensity.slowness_max)
    }
}

/// When things of this rate happen.
fn times(a_minute: u32, lasts: Duration, rng: &mut Rng) -> Vec<Duration> {
    let expected = lasts.as_micros() * u128::from(a_minute) / 60_000_000;
    let count = usize::try_from(expected).unwrap_or(0).max(usize::from(a_minute > 0));
    (0..count).map(|_| in_micros(rng.between(Duration::ZERO, lasts))).collect()
}

fn in_micros(duration: Duration) -> Duration {
    Duration::from_micros(u64::try_from(duration.as_micros()).unwrap_or(u64::MAX))
}

fn crash<I: Copy + Ord>(dice: &mut Dice<'_, I>, time: Duration, plan: Plan<I>) -> Plan<I> {
    let (process, keep, down_for) = (dice.victim(), dice.keep(), Some(dice.length()));
    plan.at(time, Action::Crash { process, keep, down_for })
}

fn exact_crash<I: Copy + Ord>(dice: &mut Dice<'_, I>, _: Duration, plan: Plan<I>) -> Plan<I> {
    let (process, keep, down_for) = (dice.victim(), dice.keep(), Some(dice.length()));
    let exponent = dice.rng.below(COUNT_EXPONENT_MAX + 1);
    let count = 1 + dice.rng.below(1 << exponent);
    let kind = [When::Effect, When::Io, When::Sync][dice.rng.index(3)];
    plan.when(kind(process, count), Action::Crash { process, keep, down_for })
}

fn blackout<I: Copy + Ord>(dice: &mut Dice<'_, I>, time: Duration, plan: Plan<I>) -> Plan<I> {
    let keep = dice.keep();
    dice.victims.iter().copied().fold(plan, |plan, process| {
        let down_for = Some(dice.length());
        plan.at(time, Action::Crash { process, keep, down_for })
    })
}

fn pause<I: Copy + Ord>(dice: &mut Dice<'_, I>, time: Duration, plan: Plan<I>) -> Plan<I> {
    let (process, pause_for) = (dice.victim(), Some(dice.length()));
    plan.at(time, Action::Pause { process, pause_for })
}

fn partition<I: Copy + Ord>(dice: &mut Dice<'_, I>, time: Duration, plan: Plan<I>) -> Plan<I> {
    let mut all = dice.all.to_vec();
    dice.rng.shuffle(&mut all);
    let first = if dice.rng.coin() { 1 } else { dice.rng.index(all.len()) };
    let (one, other) = all.split_at(first.min(all.len()));
    let mut groups = vec![one.to_vec(), other.to_vec()];
    let length = dice.length();
    let kind = dice.rng.below(6);
    if kind == 2 {
        // Who is in no group is a bridge.
        groups[1].pop();
    }
    if kind == 3 {
        let alone = dice.victim();
        let others: BTreeSet<I> = dice.victims.iter().copied().filter(|it| *it != alone).collect();
        groups = vec![vec![alone], others.into_iter().collect()];
    }
    if groups.iter().any(Vec::is_empty) {
        return plan;
    }
    match kind {
        0 => plan
            .at(time, Action::Block(one.to_vec(), other.to_vec()))
            .at(time + length, Action::Heal(groups)),
        1 => plan.flap(time, &groups, length / 10, 5),
        _ => {
            plan.at(time, Action::Partition(groups.clone())).at(time + length, Action::Heal(groups))
        }
    }
}

fn cut<I: Copy + Ord>(dice: &mut Dice<'_, I>, time: Duration, plan: Plan<I>) -> Plan<I> {
    let one = dice.victim();
    let Some(other) = dice.other(one) else { return plan };
    plan.at(time, Action::Cut(one, other))
}

fn slow_link<I: Copy + Ord>(dice: &mut Dice<'_, I>, time: Duration, plan: Plan<I>) -> Plan<I> {
    let one = dice.victim();
    let Some(other) = dice.other(one) else { return plan };
    let (from, to) = if dice.rng.coin() { (one, other) } else { (other, one) };
    plan.at(time, Action::SlowLink(from, to, dice.slowness()))
        .at(time + dice.length(), Action::SlowLink(from, to, Duration::ZERO))
}

fn drift<I: Copy + Ord>(dice: &mut Dice<'_, I>, time: Duration, plan: Plan<I>) -> Plan<I> {
    let [slowest, fastest] = dice.intensity.rates;
    let span = fastest.0.saturating_sub(slowest.0);
    let rate = slowest.0 + u32::try_from(dice.rng.below(u64::from(span) + 1)).unwrap_or(0);
    plan.at(time, Action::Drift(dice.victim(), Rate(rate)))
}

fn jump<I: Copy + Ord>(dice: &mut Dice<'_, I>, time: Duration, plan: Plan<I>) -> Plan<I> {
    let by_ms = i64::try_from(dice.up_to(dice.intensity.jump_max).as_millis()).unwrap_or(i64::MAX);
    let by_ms = if dice.rng.coin() { by_ms } else { -by_ms };
    plan.at(time, Action::Jump(dice.victim(), by_ms))
}

fn slow_disk<I: Copy + Ord>(dice: &mut Dice<'_, I>, time: Duration, plan: Plan<I>) -> Plan<I> {
    let process = dice.victim();
    plan.at(time, Action::SlowDisk(process, dice.slowness()))
        .at(time + dice.length(), Action::SlowDisk(process, Duration::ZERO))
}

fn full_disk<I: Copy + Ord>(dice: &mut Dice<'_, I>, time: Duration, plan: Plan<I>) -> Plan<I> {
    let process = dice.victim();
    plan.at(time, Action::FullDisk(process, true))
        .at(time + dice.length(), Action::FullDisk(process, false))
}

fn failed_sync<I: Copy + Ord>(dice: &mut Dice<'_, I>, time: Duration, plan: Plan<I>) -> Plan<I> {
    let (process, down_for) = (dice.victim(), Some(dice.length()));
    plan.at(time, Action::FailSync { process, down_for })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    fn drawn(seed: u64, intensity: &Intensity) -> Plan<u8> {
        let names = (1..=3).collect();
        Plan::random(seed, intensity, &names, &[1, 2], &mut |rng| (3, rng.below(9).to_string()))
    }

    /// The verbs of a plan's script.
    fn verbs(plan: &Plan<u8>) -> Vec<String> {
        let script = plan.script(&(1..=3).collect());
        let verb = |line: &str| {
            let words: Vec<_> = line.split(' ').collect();
            let counted = ["effect", "io", "sync"].contains(words.get(1)?);
            words.get(if counted { 3 } else { 2 }).map(|verb| (*verb).to_owned())
        };
        script.lines().filter_map(verb).collect()
    }

    #[test]
    fn each_kind_of_fault_is_in_some_plans_and_not_in_others() {
        let seeds = 60;
        let mut plans_with: BTreeMap<String, u64> = BTreeMap::new();
        for seed in 0..seeds {
            let mut verbs = verbs(&drawn(seed, &Intensity::default()));
            verbs.sort_unstable();
            verbs.dedup();
            verbs.into_iter().for_each(|verb| *plans_with.entry(verb).or_default() += 1);
        }
        assert_eq!(plans_with.remove("request"), Some(seeds));
        let kinds: Vec<_> = plans_with.keys().map(String::as_str).collect();
        let expected = [
            "block",
            "clock",
            "crash",
            "cut",
            "fail-sync",
            "free-disk",
            "full-disk",
            "heal",
            "partition",
            "pause",
            "slow-disk",
            "slow-link",
            "wall-clock",
        ];
        assert_eq!(kinds, expected);
        assert!(plans_with.values().all(|count| (5..seeds).contains(count)), "{plans_with:?}");
    }

    #[test]
    fn one_seed_draws_one_plan_and_peace_has_no_faults() {
        let intensity = Intensity::default();
        assert_eq!(drawn(7, &intensity), drawn(7, &intensity));
        assert_ne!(drawn(7, &intensity).steps, drawn(8, &intensity).steps);
        assert!(verbs(&drawn(7, &Intensity::peaceful())).iter().all(|verb| verb == "request"));
    }
}
