//! What a run prints: one line per check, then the totals.

use std::sync::Mutex;

/// How one check ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Passed,
    Failed(String),
    /// Not run, with the reason; never silent.
    Skipped(String),
}

/// Collects outcomes from all threads and prints each as it arrives.
#[derive(Debug, Default)]
pub(crate) struct Report {
    totals: Mutex<Totals>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Totals {
    passed: usize,
    failed: usize,
    skipped: usize,
}

impl Report {
    /// Prints and counts one outcome. `detail` follows a pass in brackets (a count, a duration).
    pub(crate) fn line(&self, check: &str, outcome: &Outcome, detail: &str) {
        let mut totals = match self.totals.lock() {
            Ok(totals) => totals,
            Err(poisoned) => poisoned.into_inner(),
        };
        let detail = if detail.is_empty() { String::new() } else { format!(" ({detail})") };
        match outcome {
            Outcome::Passed => {
                totals.passed += 1;
                say(&format!("ok      {check}{detail}"));
            }
            Outcome::Failed(reason) => {
                totals.failed += 1;
                say(&format!("FAILED  {check}{detail}: {}", indent(reason)));
            }
            Outcome::Skipped(reason) => {
                totals.skipped += 1;
                say(&format!("skipped {check}: {}", indent(reason)));
            }
        }
    }

    /// Counts a check by its result; the text of a success becomes the detail.
    pub(crate) fn result(&self, check: &str, result: anyhow::Result<String>) {
        match result {
            Ok(detail) => self.line(check, &Outcome::Passed, &detail),
            Err(error) => self.line(check, &Outcome::Failed(format!("{error:#}")), ""),
        }
    }

    /// Prints the totals; true when nothing failed.
    pub(crate) fn finish(&self) -> bool {
        let totals = match self.totals.lock() {
            Ok(totals) => *totals,
            Err(poisoned) => *poisoned.into_inner(),
        };
        let Totals { passed, failed, skipped } = totals;
        say(&format!("{passed} passed, {failed} failed, {skipped} skipped"));
        failed == 0
    }
}

/// Continuation lines stand under their check.
fn indent(text: &str) -> String {
    text.trim_end().replace('\n', "\n        ")
}

/// The one place that writes to standard output.
#[expect(clippy::print_stdout, reason = "the report is the product of this program")]
pub(crate) fn say(line: &str) {
    println!("{line}");
}
