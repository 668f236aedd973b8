//! What the tree costs: memory for each znode and watch, time for each operation, pauses.
//!
//! `cargo run --release -p zoarium-tree --example tree_bench -- spread 1000000`
//!
//! Times are of the processor, so that what else runs on the machine hardly shows; those of single
//! operations are the shortest of three runs for each, which leaves what the tree itself causes.
#![expect(clippy::print_stdout, reason = "it is what the program is for")]

mod measure;
mod owned;
mod pauses;
mod shapes;
mod watched;

use shapes::Shape;

type Run = fn(usize);

const RUNS: [(&str, Run, &str); 5] = [
    ("spread", |size| shapes::run(&Shape::spread(size)), "parents of a thousand children, 100 B"),
    ("one-parent", |size| shapes::run(&Shape::one_parent(size)), "paths of 115 B, 46 B of data"),
    ("pauses", pauses::run, "the slowest single operation while a tree grows"),
    ("watches", watched::run, "bytes of a watch and time to tell"),
    ("session", owned::run, "ephemerals that go with their session"),
];

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let sizes = arguments.iter().filter_map(|argument| argument.parse().ok());
    let sizes: Vec<usize> = sizes.collect();
    let wanted = |name: &str| arguments.iter().any(|argument| argument == name);
    if !RUNS.iter().any(|(name, ..)| wanted(name)) {
        println!("usage: tree_bench RUN... SIZE...");
        RUNS.iter().for_each(|(name, _, what)| println!("  {name:<10}  {what}"));
        return;
    }
    for (name, run, _) in RUNS.iter().filter(|(name, ..)| wanted(name)) {
        for size in if sizes.is_empty() { &[1_000_000][..] } else { &sizes } {
            println!("{name}, {size}");
            run(*size);
        }
    }
}
