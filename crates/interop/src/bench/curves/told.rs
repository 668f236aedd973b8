//! What a story tells: on the terminal as it goes, and on the page when it is over.

use serde_json::Value;

use crate::bench::figures::{aligned, markdown};
use crate::report::say;

/// What a story has told so far. What one that fails has told by then is not lost.
#[derive(Debug, Default)]
pub(super) struct Told {
    /// Every figure.
    pub(super) json: Value,
    /// A picture of it: the alternative text, and an SVG.
    pub(super) chart: Option<(String, String)>,
    /// A bound that was exceeded. That is a failure, too, but of the server and not of the story.
    pub(super) exceeded: Option<String>,
    /// How many processors everybody else used meanwhile.
    pub(super) other_load: Option<f64>,
    parts: Vec<Part>,
}

#[derive(Debug)]
enum Part {
    Line(String),
    Table(Vec<Vec<String>>),
}

impl Told {
    /// One sentence, or something like it.
    pub(super) fn line(&mut self, line: String) {
        say(&format!("  {line}"));
        self.parts.push(Part::Line(line));
    }

    /// Rows of cells, the heading first; the first column names the others.
    pub(super) fn table(&mut self, rows: Vec<Vec<String>>) {
        say(&aligned(&rows, 1));
        self.parts.push(Part::Table(rows));
    }

    /// Lines as a list, and tables, in Markdown.
    pub(super) fn markdown(&self) -> String {
        let mut text = String::new();
        let mut was_line = false;
        for part in &self.parts {
            match part {
                Part::Line(line) => {
                    text += if was_line { "" } else { "\n" };
                    text += &format!("- {line}\n");
                    was_line = true;
                }
                Part::Table(rows) => {
                    text += &format!("\n{}", markdown(rows, 1));
                    was_line = false;
                }
            }
        }
        text
    }
}

/// A cell for each of these.
pub(super) fn row<const N: usize>(cells: [&str; N]) -> Vec<String> {
    cells.map(str::to_owned).to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_become_a_list_and_tables_stay_tables() {
        let mut told = Told::default();
        told.line("one".to_owned());
        told.line("two".to_owned());
        told.table(vec![row(["", "p50"]), row(["reads", "1"])]);
        told.line("three".to_owned());
        let expected = "\n- one\n- two\n\n| | p50 |\n|---|---:|\n| reads | 1 |\n\n- three\n";
        assert_eq!(told.markdown(), expected);
    }
}
