//! Nothing in a directory can make a tool panic: fixtures with bytes changed at random.

use std::fs;
use std::ops::ControlFlow;

use zoarium_proto::Zxid;

use crate::blame::blame;
use crate::doctor::examine;
use crate::error::Error;
use crate::past::tree_at;
use crate::place::Place;
use crate::progress::Silent;
use crate::scan::scan;
use crate::testing::{Scratch, fixture};
use crate::txn_show::{write_json, write_text};

/// Xorshift; good enough to pick bytes.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % limit.max(1) as u64).unwrap()
    }
}

#[test]
fn no_bytes_on_disk_make_a_tool_panic() {
    for seed in 1..=60 {
        // To see one again: this seed alone.
        println!("seed {seed}");
        let mut dice = Dice(0x9E37_79B9_7F4A_7C15_u64.wrapping_mul(seed));
        let names = ["standalone-all/stage2", "compressed/snappy", "torn/original"];
        let scratch = Scratch::copy_of(&fixture(names[dice.below(names.len())]));
        let mut files: Vec<_> = scratch.listing();
        let chosen = dice.below(files.len());
        let (path, bytes) = &mut files[chosen];
        // Most of a log is padding.
        let used = bytes.iter().rposition(|&byte| byte != 0).unwrap_or(0) + 1;
        for _ in 0..=dice.below(6) {
            let at = dice.below(used);
            bytes[at] = [0, 0xFF, 0x7F, 0x80, 1][dice.below(5)];
        }
        if dice.below(3) == 0 {
            bytes.truncate(dice.below(used));
        }
        fs::write(path, bytes).unwrap();
        use_all_tools(&Place::find(scratch.path(), None).unwrap());
    }
}

/// Errors are welcome here.
fn use_all_tools(place: &Place) {
    let _examined = examine(place, &mut Silent);
    let _tree = tree_at(place, None, &mut Silent);
    let _blamed = blame(place, "/m1/x", &mut Silent);
    let everything = (Zxid::ZERO, Zxid(u64::MAX));
    let _scanned = scan(place, everything, &mut Silent, &mut |record| {
        for shown in
            [write_text(record, true, &mut Vec::new()), write_json(record, &mut Vec::new())]
        {
            assert!(matches!(shown, Ok(()) | Err(Error::Storage(_))), "{shown:?}");
        }
        Ok(ControlFlow::Continue(()))
    });
}
