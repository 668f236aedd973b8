//! What there is of each process, by its id.

use std::fmt::Debug;

/// A map from all processes of a world. They are few and known in advance, so that looking through
/// their ids is faster than a search tree.
#[derive(Debug)]
pub(crate) struct Table<I, T> {
    /// In order.
    ids: Vec<I>,
    all: Vec<T>,
}

impl<I: Copy + Ord + Debug, T> Table<I, T> {
    /// A table with one entry for each id.
    pub(crate) fn new(ids: impl Iterator<Item = I>, entry: impl FnMut(I) -> T) -> Self {
        let mut ids: Vec<I> = ids.collect();
        ids.sort_unstable();
        let all = ids.iter().copied().map(entry).collect();
        Self { ids, all }
    }

    pub(crate) fn get(&self, id: I) -> Option<&T> {
        self.all.get(self.place(id)?)
    }

    pub(crate) fn get_mut(&mut self, id: I) -> Option<&mut T> {
        let place = self.place(id)?;
        self.all.get_mut(place)
    }

    /// All entries, in the order of the ids.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (I, &T)> {
        self.ids.iter().copied().zip(&self.all)
    }

    fn place(&self, id: I) -> Option<usize> {
        self.ids.iter().position(|other| *other == id)
    }
}

/// A map from pairs of processes, in which not all need an entry.
pub(crate) type PairTable<I, T> = Table<I, Table<I, Option<T>>>;

impl<I: Copy + Ord + Debug, T> PairTable<I, T> {
    /// A table with the entries that there are.
    pub(crate) fn of_pairs(ids: &[I], mut entry: impl FnMut(I, I) -> Option<T>) -> Self {
        let ids = || ids.iter().copied();
        Self::new(ids(), |one| Table::new(ids(), |other| entry(one, other)))
    }

    pub(crate) fn at(&self, (one, other): (I, I)) -> Option<&T> {
        self.get(one)?.get(other)?.as_ref()
    }

    pub(crate) fn at_mut(&mut self, (one, other): (I, I)) -> Option<&mut T> {
        self.get_mut(one)?.get_mut(other)?.as_mut()
    }

    /// The pairs that have an entry, in order.
    pub(crate) fn pairs(&self) -> impl Iterator<Item = (I, I)> {
        self.iter().flat_map(|(one, row)| {
            let others = row.iter().filter(|(_, entry)| entry.is_some());
            others.map(move |(other, _)| (one, other))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_found_by_id_and_come_in_order() {
        let mut table = Table::new([3, 1, 2].into_iter(), |id| id * 10);
        *table.get_mut(2).unwrap() += 1;
        assert_eq!(table.get(2), Some(&21));
        assert_eq!(table.get(4), None);
        assert_eq!(table.iter().collect::<Vec<_>>(), [(1, &10), (2, &21), (3, &30)]);
    }

    #[test]
    fn pairs_without_an_entry_are_passed_over() {
        let mut table = Table::of_pairs(&[2, 1], |one, other| (one != other).then_some(one));
        *table.at_mut((2, 1)).unwrap() = 7;
        assert_eq!((table.at((2, 1)), table.at((1, 1)), table.at((3, 1))), (Some(&7), None, None));
        assert_eq!(table.pairs().collect::<Vec<_>>(), [(1, 2), (2, 1)]);
    }
}
