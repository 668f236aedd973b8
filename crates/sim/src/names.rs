//! What processes are called in scripts and traces.

use std::fmt::Debug;

/// The processes of a world and their names, in the order in which they start.
#[derive(Clone, Debug)]
pub struct Names<I> {
    all: Vec<(I, String)>,
}

impl<I: Copy + Ord + Debug> Names<I> {
    /// Processes with their names. A name has no white space and none of `|`, `:`, `#`.
    pub fn new<N: Into<String>>(all: impl IntoIterator<Item = (I, N)>) -> Self {
        Self { all: all.into_iter().map(|(id, name)| (id, name.into())).collect() }
    }

    /// All processes.
    pub fn ids(&self) -> impl Iterator<Item = I> + '_ {
        self.all.iter().map(|(id, _)| *id)
    }

    /// How many processes there are.
    pub fn count(&self) -> usize {
        self.all.len()
    }

    /// The name of a process, or how its id prints if it has none.
    pub fn name(&self, id: I) -> String {
        let named = self.all.iter().find(|(other, _)| *other == id);
        named.map_or_else(|| format!("{id:?}"), |(_, name)| name.clone())
    }

    /// The process of that name.
    pub fn id(&self, name: &str) -> Option<I> {
        self.all.iter().find(|(_, other)| other == name).map(|(id, _)| *id)
    }

    /// The place of a process in the order: the label of its random streams.
    pub(crate) fn place(&self, id: I) -> u64 {
        let place = self.all.iter().position(|(other, _)| *other == id);
        place.map_or(u64::MAX, |place| place as u64)
    }
}

/// Named as their ids display: `1`, `2`, `3`.
impl<I: Copy + Ord + Debug + ToString> FromIterator<I> for Names<I> {
    fn from_iter<T: IntoIterator<Item = I>>(ids: T) -> Self {
        Self::new(ids.into_iter().map(|id| (id, id.to_string())))
    }
}
