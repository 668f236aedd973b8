//! What keys do and columns mean, over the rest of the screen.

use ratatui::Frame;
use ratatui::layout::{Constraint, Flex, Layout};
use ratatui::style::Stylize;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, BorderType, Clear, Padding, Paragraph};

const LINES: [(&str, &str); 18] = [
    ("↑ ↓  j k  PgUp PgDn", "select a row"),
    ("⏎", "look closer at a server"),
    ("c  w", "its connections; its watched paths"),
    ("esc", "back, or no filter"),
    ("← →  r", "sort by another column; the other way round"),
    ("/", "show only rows that contain a text"),
    ("space  + -", "pause; ask less or more often"),
    ("q  ctrl-c", "quit"),
    ("", ""),
    ("lag", "transactions behind the leader"),
    ("req/s", "requests received in a second"),
    ("wait", "requests under way in the server"),
    ("r p99, w p99", "ms that 99 of 100 reads or writes do not exceed"),
    ("", "since the server's statistics were reset"),
    ("hottest paths", "top-level znodes, by what servers count (mntr)"),
    ("", ""),
    ("", "Watched paths are dear to a server with many."),
    ("", "Any key closes this."),
];

pub(super) fn draw(frame: &mut Frame<'_>) {
    let width = Constraint::Length(74);
    let height = Constraint::Length(22);
    let [area] = Layout::horizontal([width]).flex(Flex::Center).areas(frame.area());
    let [area] = Layout::vertical([height]).flex(Flex::Center).areas(area);
    let lines: Vec<Line<'_>> = LINES
        .into_iter()
        .map(|(key, what)| Line::from(vec![format!("{key:<21}").bold(), Span::raw(what)]))
        .collect();
    let block = Block::bordered()
        .border_type(BorderType::Rounded)
        .title(" help ".bold())
        .padding(Padding::uniform(1));
    frame.render_widget(Clear, area);
    frame.render_widget(Paragraph::new(lines).block(block), area);
}
