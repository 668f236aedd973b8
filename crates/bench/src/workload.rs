//! What is asked of the servers.

use serde::Serialize;

/// A workload with its shape.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Workload {
    /// Its name in reports.
    pub name: String,
    /// What is asked.
    pub kind: Kind,
    /// How many sessions ask.
    pub connections: usize,
    /// How many requests each of them has under way at most.
    pub pipeline: usize,
    /// How many bytes of data a znode has: from, to.
    pub size: (usize, usize),
    /// How many znodes are read and written, or how many children are listed.
    pub keys: usize,
}

/// What a workload asks.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Operations drawn by weight.
    Mix(Mix),
    /// One session with one request under way; first it reads, then it writes.
    Latency,
    /// One change, an event for each session.
    Watch {
        /// Whether the watch stays, or has to be set again for each change.
        persistent: bool,
    },
    /// Sessions are opened and closed.
    Connect,
}

/// How often each operation is drawn. Weights need not add up to anything.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Mix {
    /// getData of any of the znodes.
    pub read: f64,
    /// exists of any of them.
    pub exists: f64,
    /// getChildren2 of their parent.
    pub children: f64,
    /// setData of any of them.
    pub write: f64,
    /// create of a new znode, which stays.
    pub create: f64,
    /// create of a new znode, or delete of one of this connection's when `live` of them are there.
    pub churn: f64,
    /// A multi of `batch` times setData.
    pub multi: f64,
    /// How many writes a multi has.
    pub batch: usize,
    /// How many znodes each connection keeps in churn.
    pub live: u64,
    /// Whether what is created is ephemeral.
    pub ephemeral: bool,
}

impl Mix {
    /// Nothing yet; what multis and churn need has its defaults.
    pub fn empty() -> Self {
        Self { batch: 10, live: 1, ..Self::default() }
    }

    /// The sum of all weights.
    pub fn total(&self) -> f64 {
        self.read + self.exists + self.children + self.write + self.create + self.churn + self.multi
    }
}

/// A workload that has a name.
#[derive(Clone, Copy, Debug)]
pub struct Preset {
    /// How it is asked for.
    pub name: &'static str,
    /// What it shows.
    pub about: &'static str,
    kind: fn() -> Kind,
    connections: usize,
    pipeline: usize,
    size: usize,
}

impl Preset {
    /// The preset with this name.
    pub fn named(name: &str) -> Option<Self> {
        PRESETS.iter().copied().find(|preset| preset.name == name)
    }

    /// The workload as it is without further settings.
    pub fn workload(self) -> Workload {
        Workload {
            name: self.name.to_owned(),
            kind: (self.kind)(),
            connections: self.connections,
            pipeline: self.pipeline,
            size: (self.size, self.size),
            keys: 1000,
        }
    }
}

fn reads() -> Kind {
    Kind::Mix(Mix { read: 1.0, ..Mix::empty() })
}

fn writes() -> Kind {
    Kind::Mix(Mix { write: 1.0, ..Mix::empty() })
}

const fn preset(
    name: &'static str,
    about: &'static str,
    kind: fn() -> Kind,
    (connections, pipeline, size): (usize, usize, usize),
) -> Preset {
    Preset { name, about, kind, connections, pipeline, size }
}

/// Every named workload.
pub const PRESETS: &[Preset] = &[
    preset("latency", "one request at a time: reads, then writes", || Kind::Latency, (1, 1, 100)),
    preset("read", "getData, one request under way on each connection", reads, (16, 1, 100)),
    preset("read-pipe", "getData, many requests under way", reads, (16, 32, 100)),
    preset("read-1k", "getData of 1 KiB, many requests under way", reads, (16, 32, 1024)),
    preset("write", "setData, one request under way on each connection", writes, (16, 1, 100)),
    preset("write-pipe", "setData, many requests under way", writes, (16, 32, 100)),
    preset("write-1k", "setData of 1 KiB, many requests under way", writes, (16, 32, 1024)),
    preset(
        "mixed",
        "nine reads to a write",
        || Kind::Mix(Mix { read: 0.9, write: 0.1, ..Mix::empty() }),
        (16, 16, 100),
    ),
    preset(
        "create",
        "new znodes, which stay until the end",
        || Kind::Mix(Mix { create: 1.0, ..Mix::empty() }),
        (16, 8, 100),
    ),
    preset(
        "create-delete",
        "new znodes, deleted at once",
        || Kind::Mix(Mix { churn: 1.0, ..Mix::empty() }),
        (16, 8, 100),
    ),
    preset(
        "ephemeral",
        "ephemerals, 100 kept by each session",
        || Kind::Mix(Mix { churn: 1.0, live: 100, ephemeral: true, ..Mix::empty() }),
        (16, 8, 100),
    ),
    preset(
        "multi",
        "transactions of ten writes",
        || Kind::Mix(Mix { multi: 1.0, ..Mix::empty() }),
        (16, 4, 100),
    ),
    preset(
        "children",
        "lists of a thousand children",
        || Kind::Mix(Mix { children: 1.0, ..Mix::empty() }),
        (16, 4, 100),
    ),
    preset(
        "watch",
        "one change told to 500 sessions, which watch again",
        || Kind::Watch { persistent: false },
        (500, 1, 100),
    ),
    preset(
        "watch-persist",
        "one change told to 500 persistent watches",
        || Kind::Watch { persistent: true },
        (500, 1, 100),
    ),
    preset("connect", "sessions opened and closed", || Kind::Connect, (16, 1, 100)),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_preset_is_found_by_its_name_and_asks_something() {
        for preset in PRESETS {
            let workload = Preset::named(preset.name).unwrap().workload();
            assert_eq!(workload.name, preset.name);
            if let Kind::Mix(mix) = workload.kind {
                assert!(mix.total() > 0.0, "{}", preset.name);
            }
        }
        assert!(Preset::named("nothing").is_none());
    }
}
