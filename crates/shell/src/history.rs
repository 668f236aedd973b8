//! The lines of a shell by their numbers, for `history` and `redo`.

use std::collections::VecDeque;

/// Lines that are kept. Scripts may have any number.
const LINES_MAX: usize = 10_000;

/// The last lines of a shell. They are numbered from 0.
#[derive(Debug, Default)]
pub(crate) struct History {
    /// The number of the oldest line that is kept.
    first: usize,
    lines: VecDeque<String>,
}

impl History {
    /// The number of the next line.
    pub(crate) fn next(&self) -> usize {
        self.first + self.lines.len()
    }

    pub(crate) fn push(&mut self, line: String) {
        self.lines.push_back(line);
        if self.lines.len() > LINES_MAX {
            self.lines.pop_front();
            self.first += 1;
        }
    }

    /// The line of a number, if it is kept.
    pub(crate) fn line(&self, number: usize) -> Option<&str> {
        self.lines.get(number.checked_sub(self.first)?).map(String::as_str)
    }

    /// Puts another line in the place of the last.
    pub(crate) fn replace_last(&mut self, line: String) {
        if let Some(last) = self.lines.back_mut() {
            *last = line;
        }
    }

    /// The last lines with their numbers, the oldest first.
    pub(crate) fn last(&self, count: usize) -> impl Iterator<Item = (usize, &str)> {
        let skipped = self.lines.len().saturating_sub(count);
        let numbered = (self.first..).zip(&self.lines);
        numbered.skip(skipped).map(|(number, line)| (number, line.as_str()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_stay_when_the_oldest_lines_go() {
        let mut history = History::default();
        for number in 0..LINES_MAX + 5 {
            history.push(number.to_string());
        }
        assert_eq!(history.next(), LINES_MAX + 5);
        assert_eq!(history.line(4), None);
        assert_eq!(history.line(5), Some("5"));
        assert_eq!(history.line(LINES_MAX + 5), None);
        history.replace_last("again".to_owned());
        let last: Vec<_> = history.last(2).collect();
        assert_eq!(last, [(LINES_MAX + 3, "10003"), (LINES_MAX + 4, "again")]);
    }
}
