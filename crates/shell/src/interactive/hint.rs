//! Hints behind the cursor: what was typed before, or what the command wants.

use crate::call::Manner;
use crate::table;
use nu_ansi_term::{Color, Style};
use reedline::{DefaultHinter, Hinter, History};

/// Hints at a line of the history, which the right arrow takes; behind a command's name, at its
/// usage, which is only shown.
pub(super) struct ShellHinter {
    manner: Manner,
    history: DefaultHinter,
    shows_usage: bool,
}

const STYLE: Style = Style { is_dimmed: true, foreground: Some(Color::DarkGray), ..PLAIN };

const PLAIN: Style = Style {
    foreground: None,
    background: None,
    is_bold: false,
    is_dimmed: false,
    is_italic: false,
    is_underline: false,
    is_blink: false,
    is_reverse: false,
    is_hidden: false,
    is_strikethrough: false,
    prefix_with_reset: false,
};

impl ShellHinter {
    pub(super) fn new(manner: Manner) -> Self {
        let history = DefaultHinter::default().with_style(STYLE);
        Self { manner, history, shows_usage: false }
    }

    /// The usage of the command that the line consists of.
    fn usage(&self, line: &str) -> Option<&'static str> {
        let name = line.strip_suffix(' ').filter(|name| !name.contains(' '))?;
        let spec = table::find(name, self.manner == Manner::Apache)?;
        Some(spec.usage).filter(|usage| !usage.is_empty())
    }
}

impl Hinter for ShellHinter {
    fn handle(
        &mut self,
        line: &str,
        pos: usize,
        history: &dyn History,
        use_ansi_coloring: bool,
        cwd: &str,
    ) -> String {
        let hint = self.history.handle(line, pos, history, use_ansi_coloring, cwd);
        self.shows_usage = false;
        match self.usage(line) {
            Some(usage) => {
                self.shows_usage = true;
                if use_ansi_coloring { STYLE.paint(usage).to_string() } else { usage.to_owned() }
            }
            None => hint,
        }
    }

    fn complete_hint(&self) -> String {
        if self.shows_usage { String::new() } else { self.history.complete_hint() }
    }

    fn next_hint_token(&self) -> String {
        if self.shows_usage { String::new() } else { self.history.next_hint_token() }
    }
}
