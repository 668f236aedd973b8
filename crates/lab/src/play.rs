//! Playing a script: from words to a [`Run`].

use crate::recorder::Recorder;
use crate::run::{Lane, Run};
use crate::settings::{Reader, Setting, SettingError};
use crate::subject::{Stage, Subject};
use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;
use thiserror::Error;
use zoarium_sim::{
    Delay, LinkPolicy, MILLION, Names, Options, Plan, ScriptError, Sim, Time, TraceLevel, World,
};

/// What is different from how a scenario is written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// Another seed.
    pub seed: Option<u64>,
    /// More settings; they win.
    pub settings: String,
    /// More lines of script.
    pub faults: String,
}

/// Why something cannot be played.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Unplayable {
    /// Its settings cannot be used.
    #[error(transparent)]
    Setting(#[from] SettingError),
    /// Its script cannot be read.
    #[error("{error} (of: {script})")]
    Script {
        /// What is wrong with it.
        error: ScriptError,
        /// The script.
        script: String,
    },
}

/// What holds for every protocol: how long things take and how much is lost.
#[derive(Clone, Debug)]
pub(crate) struct Surroundings {
    message: Delay,
    sync: Delay,
    timer_late: Delay,
    loss_parts: u32,
    duplicate_parts: u32,
    pub(crate) forgets: String,
}

/// Messages take as long as the eye can follow in a diagram, disks a fifth of that.
const MESSAGE_MS: u64 = 10;
const SYNC_MS: u64 = 2;

impl Surroundings {
    pub(crate) fn read(reader: &mut Reader) -> Result<Self, SettingError> {
        let message = reader.millis("delay", "how long a message takes, in ms", MESSAGE_MS)?;
        let jitter = reader.millis("jitter", "how much longer it may take, in ms", 0)?;
        let sync = reader.millis("sync", "how long a durable write takes, in ms", SYNC_MS)?;
        let percent = |percent: u32| percent * (MILLION / 100);
        let loss = reader.number("loss", "how many datagrams in a hundred are lost", 0, 0..=90)?;
        let twice = reader.number("duplicate", "how many in a hundred arrive twice", 0, 0..=90)?;
        let forgets = reader
            .word("forgets", "records that begin so are lost in a crash though they were synced");
        Ok(Self {
            message: Delay::uniform(message, message + jitter),
            sync: Delay::fixed(sync),
            timer_late: Delay::fixed(Duration::ZERO),
            loss_parts: percent(loss),
            duplicate_parts: percent(twice),
            forgets,
        })
    }

    pub(crate) fn options(&self, links: LinkPolicy) -> Options {
        let links = match links {
            LinkPolicy::Fifo => LinkPolicy::Fifo,
            LinkPolicy::Datagram { .. } => LinkPolicy::Datagram {
                loss_parts: self.loss_parts,
                duplicate_parts: self.duplicate_parts,
            },
        };
        Options {
            links,
            message: self.message,
            connect: Delay::fixed(Duration::from_millis(1)),
            notice: Delay::fixed(Duration::from_millis(5)),
            detect: Delay::fixed(Duration::from_millis(60)),
            sync: self.sync,
            timer_late: self.timer_late,
            trace: TraceLevel::Nothing,
            events_max: 500_000,
            ..Options::default()
        }
    }
}

/// Reads settings for a protocol.
///
/// # Errors
/// With the first that cannot be used.
pub(crate) fn read<S: Subject>(
    settings: &str,
) -> Result<(Surroundings, S::Setup, Vec<Setting>), SettingError> {
    let mut reader = Reader::new(settings)?;
    let setup = S::setup(&mut reader)?;
    let surroundings = Surroundings::read(&mut reader)?;
    Ok((surroundings, setup, reader.finish()?))
}

/// The settings that a protocol has.
pub(crate) fn settings<S: Subject>() -> Vec<Setting> {
    read::<S>("").map(|(_, _, settings)| settings).unwrap_or_default()
}

/// Plays a script of a protocol.
///
/// # Errors
/// If settings or script cannot be used.
pub(crate) fn play<S: Subject>(
    settings: &str,
    script: &str,
    changes: &Changes,
) -> Result<Run, Unplayable> {
    let (surroundings, setup, _) = read::<S>(&format!("{settings} {}", changes.settings))?;
    let stage = Stage::<S> { setup: setup.clone(), forgets: surroundings.forgets.clone() };
    let mut plan = parse(&format!("{script}\n{}", changes.faults), &stage.names())?;
    plan.seed = changes.seed.unwrap_or(plan.seed);
    let lanes = S::cast(&setup).into_iter();
    let lanes = lanes.map(|(name, role)| Lane { name: name.to_string(), role }).collect();
    let tape = Run { lanes, moments: Vec::new(), ended: Time::START, failure: None };
    let tape = Rc::new(RefCell::new(tape));
    let recorder = Box::new(Recorder::<S>::new(&setup, Rc::clone(&tape)));
    let mut sim = Sim::new(stage, surroundings.options(S::LINKS), plan, vec![recorder]);
    let result = sim.run();
    let mut run = tape.borrow().clone();
    run.ended = sim.now();
    run.failure = result.err().map(|failure| failure.to_string());
    Ok(run)
}

pub(crate) fn parse<I>(script: &str, names: &Names<I>) -> Result<Plan<I>, Unplayable>
where
    I: Copy + Ord + std::fmt::Debug,
{
    Plan::parse(script, names)
        .map_err(|error| Unplayable::Script { error, script: script.trim().to_owned() })
}
