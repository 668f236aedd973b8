//! The queue of changes, and which of them is a path's newest. Changes come and go with every write,
//! so nothing here is allocated for one of them, and nothing is looked for when they go.

use super::Record;
use alloc::collections::VecDeque;
use alloc::string::String;
use alloc::vec::Vec;
use core::ops::Range;
use zoarium_proto::Zxid;
use zoarium_tree::HashedPath;

/// Changes are counted from 1 on, for ever.
type Number = u64;

#[derive(Debug)]
pub(super) struct Change {
    pub(super) zxid: Zxid,
    /// What the znode becomes; `None` if it is deleted.
    pub(super) state: Option<Record>,
    /// The tree's digest before this change.
    pub(super) digest: Option<u64>,
}

#[derive(Debug)]
struct Place {
    change: Change,
    /// The place of the path in [`Paths`].
    path: Range<u64>,
    /// The path's hash.
    hash: u64,
    /// The newest change before this one in the same bucket; it may be gone.
    before: Number,
    /// The same but for changes of the same path, as far as they are next to each other.
    other: Number,
}

/// Changes in order.
#[derive(Debug)]
pub(super) struct Changes {
    queue: VecDeque<Place>,
    /// The number of the first of them.
    first: Number,
    paths: Paths,
    /// The newest change in each bucket of paths by hash, from where [`Place::other`] leads to older
    /// ones. What is before `first` is gone, and so is all that is older: so changes that go leave
    /// nothing to clean up.
    buckets: Vec<Number>,
}

/// How many buckets there are at first; a power of two.
const BUCKETS_MIN: usize = 64;

impl Changes {
    pub(super) fn new() -> Self {
        Self {
            queue: VecDeque::new(),
            first: 1,
            paths: Paths::default(),
            buckets: alloc::vec![0; BUCKETS_MIN],
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// The newest change of a path.
    pub(super) fn newest(&self, path: HashedPath<'_>) -> Option<&Change> {
        let mut number = self.buckets[self.bucket(path.hash())];
        while let Some(place) = self.place(number) {
            if self.is_of(place, path) {
                return Some(&place.change);
            }
            number = place.other;
        }
        None
    }

    pub(super) fn push(&mut self, path: HashedPath<'_>, change: Change) {
        if self.queue.len() == self.buckets.len() {
            self.grow();
        }
        let hash = path.hash();
        let bucket = self.bucket(hash);
        let before = self.buckets[bucket];
        let other = match self.place(before) {
            Some(place) if self.is_of(place, path) => place.other,
            Some(_) | None => before,
        };
        self.buckets[bucket] = self.next();
        let path = self.paths.push(path.path());
        self.queue.push_back(Place { change, path, hash, before, other });
    }

    /// Drops the changes that are not after `zxid`.
    pub(super) fn drop_until(&mut self, zxid: Zxid) {
        let is_gone = |place: &&Place| place.change.zxid <= zxid;
        // Of all that is decided in one turn only the first may find something.
        if self.queue.front().filter(is_gone).is_none() {
            return;
        }
        let count = self.queue.iter().take_while(is_gone).count();
        if let Some(last) = count.checked_sub(1) {
            self.paths.forget_before(self.queue[last].path.end);
            self.queue.drain(..count);
            self.first += count as Number;
        }
    }

    /// Takes out the newest change, if it is of `zxid`.
    pub(super) fn pop_of(&mut self, zxid: Zxid) -> Option<Change> {
        let place = self.queue.pop_back_if(|place| place.change.zxid == zxid)?;
        self.paths.forget_from(place.path.start);
        let bucket = self.bucket(place.hash);
        self.buckets[bucket] = place.before;
        Some(place.change)
    }

    /// All with their paths, in order.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &Change)> {
        self.queue.iter().map(|place| (self.paths.at(&place.path), &place.change))
    }

    fn next(&self) -> Number {
        self.first + self.queue.len() as Number
    }

    /// Where a change is, if it is not gone.
    fn place(&self, number: Number) -> Option<&Place> {
        self.queue.get(usize::try_from(number.checked_sub(self.first)?).ok()?)
    }

    fn is_of(&self, place: &Place, path: HashedPath<'_>) -> bool {
        place.hash == path.hash() && self.paths.at(&place.path) == path.path()
    }

    #[expect(clippy::cast_possible_truncation, reason = "the low bits are meant")]
    const fn bucket(&self, hash: u64) -> usize {
        hash as usize & (self.buckets.len() - 1)
    }

    /// Spreads the changes over twice as many buckets.
    fn grow(&mut self) {
        self.buckets = alloc::vec![0; 2 * self.buckets.len()];
        for (number, at) in (self.first..).zip(0..self.queue.len()) {
            let bucket = self.bucket(self.queue[at].hash);
            let before = core::mem::replace(&mut self.buckets[bucket], number);
            let place = &mut self.queue[at];
            (place.before, place.other) = (before, before);
        }
    }
}

/// Paths one behind the other. Places count from the first path there ever was.
#[derive(Debug, Default)]
struct Paths {
    text: String,
    /// The place where `text` begins.
    start: u64,
}

impl Paths {
    fn push(&mut self, path: &str) -> Range<u64> {
        let start = self.end();
        self.text.push_str(path);
        start..self.end()
    }

    const fn end(&self) -> u64 {
        self.start + self.text.len() as u64
    }

    fn at(&self, place: &Range<u64>) -> &str {
        &self.text[self.offset(place.start)..self.offset(place.end)]
    }

    #[expect(clippy::cast_possible_truncation, reason = "it is at most the text's length")]
    const fn offset(&self, place: u64) -> usize {
        (place - self.start) as usize
    }

    /// Forgets what is before a place, but only once that is half of all: so moving the rest never
    /// costs more than adding what goes has cost.
    fn forget_before(&mut self, place: u64) {
        let forgotten = self.offset(place);
        if forgotten * 2 >= self.text.len() {
            self.text.drain(..forgotten);
            self.start = place;
        }
    }

    fn forget_from(&mut self, place: u64) {
        self.text.truncate(self.offset(place));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;
    use zoarium_tree::{Tree, TreeOptions};

    fn change(zxid: u64) -> Change {
        Change { zxid: Zxid(zxid), state: None, digest: None }
    }

    #[test]
    fn newest_change_of_a_path_is_found_while_others_come_and_go() {
        let (tree, mut changes) = (Tree::new(TreeOptions::default()), Changes::new());
        for n in 0..1000 {
            changes.push(tree.hashed(&format!("/znode-{n}")), change(n));
            changes.push(tree.hashed("/parent"), change(n));
            // It grows to a third of all.
            let gone = n * 2 / 3;
            changes.drop_until(Zxid(gone));
            for m in 0..=n {
                let found =
                    changes.newest(tree.hashed(&format!("/znode-{m}"))).map(|change| change.zxid);
                assert_eq!(found, (m > gone).then_some(Zxid(m)), "after {n}");
            }
            let parent = changes.newest(tree.hashed("/parent")).map(|change| change.zxid);
            assert_eq!(parent, (n > gone).then_some(Zxid(n)));
        }
        changes.drop_until(Zxid(1000));
        assert!(changes.is_empty() && changes.paths.text.is_empty());
    }

    #[test]
    fn what_is_taken_back_uncovers_what_was_before() {
        let (tree, mut changes) = (Tree::new(TreeOptions::default()), Changes::new());
        for n in 1..=200 {
            changes.push(tree.hashed(&format!("/znode-{}", n % 70)), change(n));
        }
        while changes.pop_of(Zxid(150)).is_none() {
            let newest = changes.queue.len() as u64;
            assert!(changes.pop_of(Zxid(newest)).is_some());
        }
        for n in 0..70 {
            let found =
                changes.newest(tree.hashed(&format!("/znode-{n}"))).map(|change| change.zxid.0);
            let expected = (1..150).rev().find(|m| m % 70 == n);
            assert_eq!(found, expected, "/znode-{n}");
        }
        assert_eq!(changes.iter().last().unwrap().0, "/znode-9");
    }
}
