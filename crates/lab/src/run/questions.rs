//! What assertions ask of a run.
#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "a question looks at its subject and passes over the rest"
)]

use super::{Act, Moment, Parcel, Run};
use crate::said::Said;
use crate::subject::State;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use zoarium_sim::Time;

impl Run {
    /// The lane of a process.
    pub fn lane(&self, name: &str) -> Option<usize> {
        self.lanes.iter().position(|lane| lane.name == name)
    }

    /// The moments of a process.
    pub fn of<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a Moment> {
        let lane = self.lane(name);
        self.moments.iter().filter(move |moment| lane.is_some() && moment.lane == lane)
    }

    /// Everything that processes told the outside, with the speaker's lane.
    pub fn said(&self) -> impl Iterator<Item = (Time, usize, &Said)> {
        self.moments.iter().filter_map(|moment| match (&moment.act, moment.lane) {
            (Act::Said(said), Some(lane)) => Some((moment.time, lane, said)),
            _ => None,
        })
    }

    /// What a process decided last, and when first.
    pub fn decision(&self, name: &str) -> Option<(Duration, &str)> {
        let lane = self.lane(name)?;
        let mut decided = self.said().filter_map(|(time, of, said)| match said {
            Said::Decided(value) if of == lane => Some((time.since_start(), value.as_str())),
            _ => None,
        });
        let (time, first) = decided.next()?;
        Some((time, decided.last().map_or(first, |(_, value)| value)))
    }

    /// What each process that has decided decided last.
    pub fn decisions(&self) -> BTreeMap<&str, &str> {
        let names = self.lanes.iter().map(|lane| lane.name.as_str());
        names.filter_map(|name| Some((name, self.decision(name)?.1))).collect()
    }

    /// What a process shows at a time, in milliseconds after the start.
    pub fn state_at(&self, name: &str, ms: u64) -> State {
        let until = Duration::from_millis(ms);
        let before = self.of(name).take_while(|moment| moment.time.since_start() <= until);
        before.filter_map(|moment| moment.state.clone()).last().unwrap_or_default()
    }

    /// All messages sent whose labels begin so, with the time.
    pub fn sent<'a>(&'a self, starting: &'a str) -> impl Iterator<Item = (Duration, &'a Parcel)> {
        self.moments.iter().filter_map(move |moment| match &moment.act {
            Act::Sent(parcel) if parcel.label.starts_with(starting) => {
                Some((moment.time.since_start(), parcel))
            }
            _ => None,
        })
    }

    /// The messages that a process sent whose labels begin so.
    pub fn sent_by<'a>(
        &'a self,
        name: &str,
        starting: &'a str,
    ) -> impl Iterator<Item = (Duration, &'a Parcel)> {
        let lane = self.lane(name);
        self.sent(starting).filter(move |(_, parcel)| Some(parcel.from) == lane)
    }

    /// The messages that were sent to a process whose labels begin so.
    pub fn sent_to<'a>(
        &'a self,
        name: &str,
        starting: &'a str,
    ) -> impl Iterator<Item = (Duration, &'a Parcel)> {
        let lane = self.lane(name);
        self.sent(starting).filter(move |(_, parcel)| Some(parcel.to) == lane)
    }

    /// When the first request came: what is before is preparation.
    pub fn asked(&self) -> Duration {
        let asked = self.moments.iter().find(|moment| matches!(moment.act, Act::Asked(_)));
        asked.map_or(Duration::ZERO, |moment| moment.time.since_start())
    }

    /// How many messages were sent from the first request on whose labels begin so; signs of life
    /// do not count.
    pub fn messages(&self, starting: &str) -> usize {
        let asked = self.asked();
        self.sent(starting).filter(|(at, parcel)| !parcel.quiet && *at >= asked).count()
    }

    /// How many records were written from the first request on for which their writers waited.
    pub fn forced_writes(&self) -> usize {
        let asked = self.asked();
        let forced = |moment: &&Moment| {
            moment.time.since_start() >= asked
                && matches!(moment.act, Act::Writes { forced: true, .. })
        };
        self.moments.iter().filter(forced).count()
    }

    /// How many times a process was woken by a timer whose name begins so.
    pub fn timers(&self, name: &str, starting: &str) -> usize {
        let fired =
            |moment: &&Moment| matches!(&moment.act, Act::Timer(it) if it.starts_with(starting));
        self.of(name).filter(fired).count()
    }

    /// What a process has executed since it was started last, in order.
    pub fn delivered(&self, name: &str) -> Vec<&str> {
        let mut delivered = Vec::new();
        for moment in self.of(name) {
            match &moment.act {
                Act::Started { .. } => delivered.clear(),
                Act::Said(Said::Delivered { value, .. }) => delivered.push(value.as_str()),
                _ => {}
            }
        }
        delivered
    }

    /// When each value was chosen first, by place and value.
    pub fn chosen(&self) -> Vec<(Duration, &str, &str)> {
        let chosen = self.moments.iter().filter_map(|moment| match &moment.act {
            Act::Chosen { place, value } => {
                Some((moment.time.since_start(), place.as_str(), value.as_str()))
            }
            _ => None,
        });
        chosen.collect()
    }

    /// The values that were ever chosen, whatever their places and ballots.
    pub fn values_chosen(&self) -> BTreeSet<&str> {
        self.chosen().into_iter().map(|(_, _, value)| value).collect()
    }

    /// The answers to requests, with the time, in order.
    pub fn answers(&self) -> Vec<(Duration, &str, &str)> {
        let answers = self.said().filter_map(|(time, _, said)| match said {
            Said::Answered { request, answer } => {
                Some((time.since_start(), request.as_str(), answer.as_str()))
            }
            _ => None,
        });
        answers.collect()
    }

    /// Who led in which round, in order.
    pub fn leaders(&self) -> Vec<(&str, u64)> {
        let leads = self.said().filter_map(|(_, lane, said)| match said {
            Said::Leads { round } => Some((self.lanes[lane].name.as_str(), *round)),
            _ => None,
        });
        leads.collect()
    }

    /// The rules that were broken, each once.
    pub fn broken(&self) -> Vec<&str> {
        let mut rules: Vec<&str> = Vec::new();
        for moment in &self.moments {
            if let Act::Violated { rule, .. } = &moment.act
                && !rules.contains(&rule.as_str())
            {
                rules.push(rule);
            }
        }
        rules
    }

    /// When something first happened to a process.
    pub fn first(&self, name: &str, is_it: impl Fn(&Act) -> bool) -> Option<Duration> {
        self.of(name).find(|moment| is_it(&moment.act)).map(|moment| moment.time.since_start())
    }

    /// When a process first was told something that begins so.
    pub fn received(&self, name: &str, starting: &str) -> Option<Duration> {
        self.first(name, |act| matches!(act, Act::Received(it) if it.label.starts_with(starting)))
    }

    /// Notes of a process that begin so.
    pub fn notes(&self, name: &str, starting: &str) -> usize {
        let is_note = |moment: &&Moment| matches!(&moment.act, Act::Said(Said::Note(note)) if note.starts_with(starting));
        self.of(name).filter(is_note).count()
    }

    /// What a process has heard and done, without times: what it can know of the world.
    pub fn view(&self, name: &str) -> Vec<String> {
        let seen = self.of(name).filter_map(|moment| match &moment.act {
            Act::Received(parcel) => {
                Some(format!("{} from {}", parcel.label, self.lanes[parcel.from].name))
            }
            Act::Asked(request) => Some(request.clone()),
            Act::Timer(timer) => Some(timer.clone()),
            Act::Started { restarts } => Some(format!("started {restarts}")),
            _ => None,
        });
        seen.collect()
    }
}
