//! What a reader may have to wait for while a tree grows and shrinks: the slowest operations.

use crate::measure::{Writer, shuffled};
use std::time::Instant;

const DATA: [u8; 100] = [7; 100];

/// An operation whose time is the shortest of so many runs is slow by itself.
const RUNS: usize = 3;

pub(crate) fn run(size: usize) {
    let paths: Vec<String> =
        (0..size).map(|n| format!("/service-{:04}/{:06}", n / 100_000, n % 100_000)).collect();
    let order = shuffled(size);
    let mut creates = vec![u32::MAX; size];
    let mut deletes = vec![u32::MAX; size];
    for _ in 0..RUNS {
        let mut writer = Writer::new();
        (0..size.div_ceil(100_000)).for_each(|n| writer.create(&format!("/service-{n:04}"), &DATA));
        for (path, shortest) in paths.iter().zip(&mut creates) {
            time(shortest, || writer.create(path, &DATA));
        }
        for (at, shortest) in order.iter().zip(&mut deletes) {
            time(shortest, || writer.delete(&paths[*at]));
        }
    }
    print("create", creates);
    print("delete", deletes);
}

fn time(shortest: &mut u32, work: impl FnOnce()) {
    let start = Instant::now();
    work();
    let elapsed = u32::try_from(start.elapsed().as_nanos()).unwrap_or(u32::MAX);
    *shortest = elapsed.min(*shortest);
}

fn print(what: &str, mut times: Vec<u32>) {
    times.sort_unstable();
    let at = |per_10_000: usize| times[(times.len() - 1) * per_10_000 / 10_000];
    println!(
        "  {what}: {} ns p50, {} ns p99, {} ns p99.99, {} ns the slowest",
        at(5000),
        at(9900),
        at(9999),
        at(10_000)
    );
}
