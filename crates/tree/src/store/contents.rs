//! Names and data of znodes: cells of a few sizes, in pages of cells of one size.
//!
//! An allocation of its own would cost each znode 24 bytes more: a pointer, a length that the
//! record knows anyway, the allocator's own header, and what it rounds up by.

use alloc::boxed::Box;
use alloc::vec::Vec;

use crate::slab::Slab;

/// Bytes of a page.
const PAGE: usize = 64 << 10;

/// What the size of every cell is a multiple of, in bytes.
const UNIT: usize = 8;

/// Bytes of the largest cell. What is longer has an allocation of its own.
const CELL_MAX: usize = 1024;

/// How many sizes of cells there are.
const CLASSES: usize = class_of(CELL_MAX) + 1;

/// Most pages: as many as a [`Cell`] can tell apart, 16 GiB. What does not fit in them is kept as if it
/// were long.
const PAGES_MAX: usize = 1 << (31 - UNIT_BITS);

/// Number of bits of a place within its page.
const UNIT_BITS: u32 = (PAGE / UNIT).ilog2();

/// Where a content is: its page and the unit in it, or with the highest bit set the number of an
/// allocation of its own. It does not know how long it is.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Cell(u32);

impl Cell {
    const LONG: u32 = 1 << 31;

    const fn is_long(self) -> bool {
        self.0 & Self::LONG != 0
    }

    const fn page(self) -> usize {
        (self.0 >> UNIT_BITS) as usize
    }

    const fn offset(self) -> usize {
        (self.0 as usize * UNIT) % PAGE
    }
}

/// All names and data.
#[derive(Debug)]
pub(super) struct Contents {
    pages: Vec<Page>,
    /// For each size of cells the pages that have room.
    open: [Vec<u32>; CLASSES],
    long: Slab<Box<[u8]>>,
}

/// Cells of one size.
#[derive(Debug, Default)]
struct Page {
    /// The cells so far, used or free.
    bytes: Vec<u8>,
    /// The free cells, each with the number of the next in its first two bytes.
    free: Option<Free>,
    /// Cells in use.
    live: u16,
}

/// The first of the free cells: the unit it begins with, which is never [`Free::NONE`].
#[derive(Clone, Copy, Debug)]
struct Free(u16);

impl Free {
    /// Ends the list of free cells.
    const NONE: u16 = u16::MAX;
}

impl Default for Contents {
    fn default() -> Self {
        let open = [const { Vec::new() }; CLASSES];
        Self { pages: Vec::new(), open, long: Slab::default() }
    }
}

impl Contents {
    /// The bytes of a content from `start` to `end`.
    #[inline(always)]
    pub(super) fn get(&self, cell: Cell, start: usize, end: usize) -> &[u8] {
        if cell.is_long() {
            return &self.long[cell.0 & !Cell::LONG][start..end];
        }
        let offset = cell.offset();
        &self.pages[cell.page()].bytes[offset + start..offset + end]
    }

    /// Keeps a name and the data behind it.
    pub(super) fn insert(&mut self, name: &[u8], data: &[u8]) -> Cell {
        let length = name.len() + data.len();
        let Some(page) = self.page_with_room(length) else {
            let content = [name, data].concat().into_boxed_slice();
            return Cell(self.long.insert(content, true) | Cell::LONG);
        };
        let class = class_of(length);
        let (offset, is_full) = self.pages[page as usize].take_cell(size_of_class(class));
        if is_full {
            self.open[class].pop();
        }
        let unit = u32::try_from(offset / UNIT).expect("an offset is within a page");
        let cell = Cell(page << UNIT_BITS | unit);
        self.write(cell, 0, name);
        self.write(cell, name.len(), data);
        cell
    }

    /// Puts other data in the place of those behind the name. `length` is that of all so far.
    #[inline]
    pub(super) fn replace(
        &mut self,
        cell: Cell,
        length: usize,
        name_length: usize,
        data: &[u8],
    ) -> Cell {
        let new_length = name_length + data.len();
        let fits = !cell.is_long() && new_length <= CELL_MAX;
        if length == new_length || (fits && class_of(length) == class_of(new_length)) {
            self.write(cell, name_length, data);
            return cell;
        }
        let name = self.get(cell, 0, name_length).to_vec();
        self.remove(cell, length);
        self.insert(&name, data)
    }

    /// Forgets a content of this length.
    pub(super) fn remove(&mut self, cell: Cell, length: usize) {
        if cell.is_long() {
            self.long.remove(cell.0 & !Cell::LONG);
            return;
        }
        let class = class_of(length);
        let page = &mut self.pages[cell.page()];
        let open = &mut self.open[class];
        if page.is_full(size_of_class(class)) {
            open.push(cell.0 >> UNIT_BITS);
        }
        page.give_cell(cell.offset());
        // The last one stays, or a create and a delete in turn would allocate each time.
        if page.live == 0 && open.len() > 1 {
            *page = Page::default();
        }
    }

    /// Bytes that are reserved.
    pub(super) fn bytes(&self) -> usize {
        let pages: usize =
            self.pages.iter().map(|page| size_of::<Page>() + page.bytes.capacity()).sum();
        pages + self.long.bytes() + self.long.iter().map(|long| long.len()).sum::<usize>()
    }

    fn write(&mut self, cell: Cell, at: usize, bytes: &[u8]) {
        let content = if cell.is_long() {
            &mut self.long[cell.0 & !Cell::LONG][..]
        } else {
            &mut self.pages[cell.page()].bytes[cell.offset()..]
        };
        content[at..at + bytes.len()].copy_from_slice(bytes);
    }

    /// A page with a cell for so many bytes. `None` if they need an allocation of their own.
    fn page_with_room(&mut self, length: usize) -> Option<u32> {
        if length > CELL_MAX {
            return None;
        }
        let open = &mut self.open[class_of(length)];
        if let Some(page) = open.last() {
            return Some(*page);
        }
        let page = u32::try_from(self.pages.len()).ok()?;
        (self.pages.len() < PAGES_MAX).then(|| {
            self.pages.push(Page::default());
            open.push(page);
            page
        })
    }
}

impl Page {
    /// The offset of a free cell, which is there, and whether it was the last one.
    fn take_cell(&mut self, size: usize) -> (usize, bool) {
        let offset = match self.free {
            Some(Free(unit)) => {
                let offset = usize::from(unit) * UNIT;
                let next = u16::from_ne_bytes([self.bytes[offset], self.bytes[offset + 1]]);
                self.free = (next != Free::NONE).then_some(Free(next));
                offset
            }
            None => {
                self.bytes.reserve_exact(PAGE - self.bytes.len());
                let offset = self.bytes.len();
                self.bytes.resize(offset + size, 0);
                offset
            }
        };
        self.live += 1;
        (offset, self.is_full(size))
    }

    fn give_cell(&mut self, offset: usize) {
        let next = self.free.map_or(Free::NONE, |Free(unit)| unit);
        self.bytes[offset..offset + 2].copy_from_slice(&next.to_ne_bytes());
        self.free = u16::try_from(offset / UNIT).ok().map(Free);
        self.live -= 1;
    }

    const fn is_full(&self, size: usize) -> bool {
        self.free.is_none() && self.bytes.len() + size > PAGE
    }
}

/// Up to 128 bytes there is a size for each eight; then eight sizes for each doubling, so that at
/// most a ninth of a cell is not used.
const fn class_of(length: usize) -> usize {
    let units = length.div_ceil(UNIT);
    if units <= 16 {
        return units.saturating_sub(1);
    }
    let doublings = (units - 1).ilog2() as usize - 3;
    let step = 1 << doublings;
    8 * doublings + units.div_ceil(step) - 1
}

/// Bytes of a cell of this class.
const fn size_of_class(class: usize) -> usize {
    if class < 16 {
        return (class + 1) * UNIT;
    }
    let doublings = class / 8 - 1;
    (class + 1 - 8 * doublings) * (1 << doublings) * UNIT
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    #[test]
    fn every_length_has_the_smallest_cell_that_holds_it() {
        for length in 0..=CELL_MAX {
            let size = size_of_class(class_of(length));
            assert!(length <= size && size <= (length + 7).max(8).max(length * 9 / 8), "{length}");
            assert!(class_of(length) == 0 || size_of_class(class_of(length) - 1) < length);
        }
        assert_eq!(size_of_class(CLASSES - 1), CELL_MAX);
    }

    #[test]
    fn contents_keep_apart_through_growth_and_decay() {
        let mut contents = Contents::default();
        let mut expected: BTreeMap<u32, Vec<u8>> = BTreeMap::new();
        let mut cells = BTreeMap::new();
        let mut random = 1u32;
        let mut next = |below: u32| {
            random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (random >> 8) % below
        };
        for step in 0..60_000u32 {
            let key = next(3000);
            let limit = if next(10) == 0 { 3000 } else { 150 };
            let data = alloc::vec![step.to_le_bytes()[0]; next(limit) as usize];
            match cells.get(&key) {
                None => {
                    cells.insert(key, contents.insert(b"na", &data));
                    expected.insert(key, [&b"na"[..], &data].concat());
                }
                Some(cell) if step % 3 == 0 => {
                    contents.remove(*cell, expected[&key].len());
                    cells.remove(&key);
                    expected.remove(&key);
                }
                Some(cell) => {
                    let length = expected[&key].len();
                    cells.insert(key, contents.replace(*cell, length, 2, &data));
                    expected.insert(key, [&b"na"[..], &data].concat());
                }
            }
        }
        for (key, content) in &expected {
            assert_eq!(contents.get(cells[key], 0, content.len()), content, "{key}");
        }
        for (key, content) in &expected {
            contents.remove(cells[key], content.len());
        }
        let kept = contents.pages.iter().filter(|page| !page.bytes.is_empty()).count();
        assert!(kept <= CLASSES, "{kept} pages without anything in them");
    }
}
