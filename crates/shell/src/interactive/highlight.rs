//! Colours for the line that is typed.

use crate::call::Manner;
use crate::table::{self, COMMON};
use crate::words::words;
use nu_ansi_term::{Color, Style};
use reedline::{Highlighter, StyledText};

/// Colours commands, options and paths; what is no command or option is red.
pub(super) struct ShellHighlighter {
    manner: Manner,
}

impl ShellHighlighter {
    pub(super) const fn new(manner: Manner) -> Self {
        Self { manner }
    }

    fn styles(&self, line: &str) -> Vec<(usize, usize, Style)> {
        let words = words(line);
        let Some((name, rest)) = words.split_first() else { return Vec::new() };
        let spec = table::find(&name.text, self.manner == Manner::Apache);
        let is_begun = rest.is_empty() && table::names().any(|it| it.starts_with(&name.text));
        let style = match (spec, is_begun) {
            (Some(_), _) => Color::Green.bold(),
            (None, true) => Style::new(),
            (None, false) => Color::Red.normal(),
        };
        let mut styles = vec![(name.start, name.end, style)];
        for word in rest {
            let is_option = |shown: String| shown.starts_with(word.text.as_str());
            let is_known = spec.is_none_or(|spec| {
                let own = spec.options.iter().map(|opt| table::dashed(opt.name, spec));
                own.chain(COMMON.iter().map(|opt| format!("--{}", opt.name))).any(is_option)
                    || word.text.get(1..).is_some_and(|letters| {
                        letters.chars().all(|letter| {
                            spec.options.iter().any(|opt| opt.name == letter.to_string())
                        })
                    })
            });
            let style = match word.text.chars().next() {
                Some('-') if word.text.len() > 1 && is_known => Color::Yellow.normal(),
                Some('-') if word.text.len() > 1 => Color::Red.normal(),
                Some('/') => Color::Cyan.normal(),
                Some(_) | None => Style::new(),
            };
            styles.push((word.start, word.end, style));
        }
        styles
    }
}

impl Highlighter for ShellHighlighter {
    fn highlight(&self, line: &str, _cursor: usize) -> StyledText {
        let mut text = StyledText::new();
        let mut at = 0;
        let piece = |from: usize, to: usize| line.get(from..to).unwrap_or_default().to_owned();
        for (start, end, style) in self.styles(line) {
            text.push((Style::new(), piece(at, start)));
            text.push((style, piece(start, end)));
            at = end;
        }
        text.push((Style::new(), piece(at, line.len())));
        text
    }
}
