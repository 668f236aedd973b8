//! What is shown, and how keys change it.

mod column;

pub use column::{ConnectionColumn, ServerColumn};

use crate::sampler::{Detail, Sample, Wanted};
use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;
use zoarium_monitor::ensemble::{Heat, Rates, heat, lag, leader};
use zoarium_monitor::facts::{Facts, State};
use zoarium_monitor::target::Target;
use zoarium_monitor::verdict::{Verdict, judge};
use zoarium_monitor::words::connections::Connection;
use zoarium_monitor::words::srvr::Role;
use zoarium_monitor::words::watches::WatchedPath;

/// How many samples of the past are kept for the chart.
const HISTORY: usize = 240;

const INTERVAL_MIN: Duration = Duration::from_millis(250);
const INTERVAL_MAX: Duration = Duration::from_secs(60);

/// What the screen is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Screen {
    /// All servers.
    Servers,
    /// The connections of one.
    Connections(Target),
    /// The watched paths of one.
    Paths(Target),
}

/// A server with what was made of its facts.
#[derive(Clone, Debug)]
pub struct Row {
    /// What it says.
    pub facts: Facts,
    /// What it does in a second.
    pub rates: Rates,
    /// How far it is behind the leader.
    pub lag: Option<u64>,
}

/// How rows are sorted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sort<C> {
    /// By which column.
    pub column: C,
    /// Whether the greatest comes first.
    pub is_descending: bool,
}

/// The dashboard.
#[derive(Debug)]
pub struct App {
    /// What the screen is about.
    pub screen: Screen,
    /// How servers are sorted.
    pub servers_by: Sort<ServerColumn>,
    /// How connections are sorted.
    pub connections_by: Sort<ConnectionColumn>,
    /// Only rows that contain this are shown.
    pub filter: String,
    /// Whether keys go into the filter.
    pub is_filtering: bool,
    /// Whether keys are explained.
    pub shows_help: bool,
    /// Whether time stands still.
    pub is_paused: bool,
    /// The time between samples.
    pub interval: Duration,
    /// Which of the rows shown is selected.
    pub selected: usize,
    /// Requests a second of the ensemble, the latest last.
    pub history: VecDeque<u64>,
    /// How the ensemble is.
    pub verdict: Option<Verdict>,
    /// What is hot, the hottest first.
    pub heat: Vec<Heat>,
    rows: Vec<Row>,
    detail: Option<Detail>,
    /// Where the selection was on the screen with all servers.
    selected_server: usize,
}

impl App {
    /// Nothing is known yet.
    pub fn new(interval: Duration) -> Self {
        Self {
            screen: Screen::Servers,
            servers_by: Sort { column: ServerColumn::Server, is_descending: false },
            connections_by: Sort { column: ConnectionColumn::Received, is_descending: true },
            filter: String::new(),
            is_filtering: false,
            shows_help: false,
            is_paused: false,
            interval: interval.clamp(INTERVAL_MIN, INTERVAL_MAX),
            selected: 0,
            history: VecDeque::new(),
            verdict: None,
            heat: Vec::new(),
            rows: Vec::new(),
            detail: None,
            selected_server: 0,
        }
    }

    /// What the sampler is to do for this.
    pub fn wanted(&self) -> Wanted {
        let detail = match &self.screen {
            Screen::Servers => None,
            Screen::Connections(target) => Some((target.clone(), false)),
            Screen::Paths(target) => Some((target.clone(), true)),
        };
        Wanted { interval: self.interval, is_paused: self.is_paused, detail }
    }

    /// Servers have answered.
    pub fn on_sample(&mut self, sample: Sample) {
        let before: BTreeMap<Target, Facts> =
            self.rows.drain(..).map(|row| (row.facts.target.clone(), row.facts)).collect();
        let old: Vec<Facts> = sample
            .servers
            .iter()
            .filter_map(|server| before.get(&server.target).cloned())
            .collect();
        if old.len() == sample.servers.len() {
            self.heat = heat(&old, &sample.servers);
        }
        self.verdict = Some(judge(&sample.servers));
        let leader = leader(&sample.servers);
        let row = |facts: &Facts| {
            let old = before.get(&facts.target);
            let other = leader.filter(|leader| leader.target != facts.target);
            Row {
                facts: facts.clone(),
                rates: old.map(|old| Rates::between(old, facts)).unwrap_or_default(),
                lag: other.and_then(|leader| lag(facts, leader)),
            }
        };
        self.rows = sample.servers.iter().map(row).collect();
        self.detail = sample.detail;
        if !before.is_empty() {
            self.remember();
        }
        self.keep_selection();
    }

    fn remember(&mut self) {
        let rates = self.rows.iter().filter_map(|row| row.rates.received);
        let total = Duration::from_secs_f64(rates.sum::<f64>().clamp(0.0, 1e12));
        self.history.push_back(total.as_secs());
        if self.history.len() > HISTORY {
            self.history.pop_front();
        }
    }

    /// The servers as they are shown.
    pub fn servers(&self) -> Vec<&Row> {
        let is_shown = |row: &&Row| {
            let state = role_text(&row.facts);
            self.matches(&[&row.facts.target.to_string(), &state])
        };
        let mut rows: Vec<&Row> = self.rows.iter().filter(is_shown).collect();
        let Sort { column, is_descending } = self.servers_by;
        rows.sort_by(|a, b| {
            let order = column.compare(a, b);
            if is_descending { order.reverse() } else { order }
        });
        rows
    }

    /// Those that say that they lead, shown or not.
    pub fn servers_that_lead(&self) -> Vec<&Row> {
        self.rows.iter().filter(|row| row.facts.role() == Some(Role::Leader)).collect()
    }

    /// The server that is looked at.
    pub fn looked_at(&self) -> Option<&Row> {
        match &self.screen {
            Screen::Servers => None,
            Screen::Connections(target) | Screen::Paths(target) => {
                self.rows.iter().find(|row| row.facts.target == *target)
            }
        }
    }

    /// More of the server that is looked at, if it has answered.
    pub fn detail(&self) -> Option<&Detail> {
        let target = &self.looked_at()?.facts.target;
        self.detail.as_ref().filter(|detail| detail.target == *target)
    }

    /// Its connections as they are shown.
    pub fn connections(&self) -> Vec<&Connection> {
        let all = self.detail().and_then(|detail| detail.connections.as_ref().ok());
        let is_shown = |connection: &&Connection| {
            let session = connection.session.map(|sid| format!("{sid:#x}")).unwrap_or_default();
            let operation = connection.last_operation.as_deref().unwrap_or_default();
            self.matches(&[&connection.from, &session, operation])
        };
        let mut shown: Vec<&Connection> = all.into_iter().flatten().filter(is_shown).collect();
        let Sort { column, is_descending } = self.connections_by;
        shown.sort_by(|a, b| {
            let order = column.compare(a, b);
            if is_descending { order.reverse() } else { order }
        });
        shown
    }

    /// Its watched paths as they are shown.
    pub fn paths(&self) -> Vec<&WatchedPath> {
        let paths = self.detail().and_then(|detail| detail.paths.as_ref()?.as_ref().ok());
        paths.into_iter().flatten().filter(|it| self.matches(&[&it.path])).collect()
    }

    fn matches(&self, texts: &[&str]) -> bool {
        let wanted = self.filter.to_lowercase();
        texts.iter().any(|text| text.to_lowercase().contains(&wanted))
    }

    fn shown(&self) -> usize {
        match self.screen {
            Screen::Servers => self.servers().len(),
            Screen::Connections(_) => self.connections().len(),
            Screen::Paths(_) => self.paths().len(),
        }
    }

    fn keep_selection(&mut self) {
        self.selected = self.selected.min(self.shown().saturating_sub(1));
    }

    /// A key was pressed. Whether to go on.
    pub fn on_key(&mut self, key: KeyEvent) -> bool {
        let is_control = key.modifiers.contains(KeyModifiers::CONTROL);
        if is_control && key.code == KeyCode::Char('c') {
            return false;
        }
        if self.is_filtering {
            self.on_filter_key(key.code);
        } else if self.shows_help {
            self.shows_help = false;
        } else if key.code == KeyCode::Char('q') {
            return false;
        } else {
            self.on_command(key.code);
        }
        self.keep_selection();
        true
    }

    fn on_filter_key(&mut self, code: KeyCode) {
        if let KeyCode::Char(character) = code {
            self.filter.push(character);
        } else if code == KeyCode::Backspace {
            self.filter.pop();
        } else if code == KeyCode::Enter {
            self.is_filtering = false;
        } else if code == KeyCode::Esc {
            self.filter.clear();
            self.is_filtering = false;
        }
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "most keys mean nothing")]
    fn on_command(&mut self, code: KeyCode) {
        match code {
            KeyCode::Char('?' | 'h') | KeyCode::F(1) => self.shows_help = true,
            KeyCode::Char('/') => self.is_filtering = true,
            KeyCode::Char(' ') => self.is_paused = !self.is_paused,
            KeyCode::Char('+') => self.interval = (self.interval * 2).min(INTERVAL_MAX),
            KeyCode::Char('-') => self.interval = (self.interval / 2).max(INTERVAL_MIN),
            KeyCode::Char('r') => self.reverse(),
            KeyCode::Left => self.sort_by_neighbour(false),
            KeyCode::Right => self.sort_by_neighbour(true),
            KeyCode::Up | KeyCode::Char('k') => self.selected = self.selected.saturating_sub(1),
            KeyCode::Down | KeyCode::Char('j') => self.selected += 1,
            KeyCode::PageUp => self.selected = self.selected.saturating_sub(10),
            KeyCode::PageDown => self.selected += 10,
            KeyCode::Home | KeyCode::Char('g') => self.selected = 0,
            KeyCode::End | KeyCode::Char('G') => self.selected = usize::MAX,
            KeyCode::Enter => self.drill_down(),
            KeyCode::Char('w') => self.switch(true),
            KeyCode::Char('c') => self.switch(false),
            KeyCode::Esc | KeyCode::Backspace => self.go_back(),
            _ => {}
        }
    }

    fn reverse(&mut self) {
        let is_descending = match self.screen {
            Screen::Servers => &mut self.servers_by.is_descending,
            Screen::Connections(_) => &mut self.connections_by.is_descending,
            Screen::Paths(_) => return,
        };
        *is_descending = !*is_descending;
    }

    fn sort_by_neighbour(&mut self, to_the_right: bool) {
        match self.screen {
            Screen::Servers => {
                let column = &mut self.servers_by.column;
                *column = column::neighbour(&ServerColumn::ALL, *column, to_the_right);
            }
            Screen::Connections(_) => {
                let column = &mut self.connections_by.column;
                *column = column::neighbour(&ConnectionColumn::ALL, *column, to_the_right);
            }
            Screen::Paths(_) => {}
        }
    }

    fn drill_down(&mut self) {
        if self.screen != Screen::Servers {
            return;
        }
        let target = self.servers().get(self.selected).map(|row| row.facts.target.clone());
        if let Some(target) = target {
            self.selected_server = self.selected;
            self.open(Screen::Connections(target));
        }
    }

    /// Between the connections and the watched paths of a server.
    fn switch(&mut self, to_paths: bool) {
        match &self.screen {
            Screen::Servers => {}
            Screen::Connections(target) | Screen::Paths(target) => {
                let target = target.clone();
                let screen =
                    if to_paths { Screen::Paths(target) } else { Screen::Connections(target) };
                self.open(screen);
            }
        }
    }

    fn open(&mut self, screen: Screen) {
        if self.screen != screen {
            (self.screen, self.selected, self.detail) = (screen, 0, None);
            self.filter.clear();
        }
    }

    fn go_back(&mut self) {
        if !self.filter.is_empty() {
            self.filter.clear();
        } else if self.screen != Screen::Servers {
            self.open(Screen::Servers);
            self.selected = self.selected_server;
        }
    }
}

/// What a server is, or why it is nothing.
pub(crate) fn role_text(facts: &Facts) -> String {
    match (&facts.state, facts.role()) {
        (State::Unreachable(_), _) => "unreachable".to_owned(),
        (State::NotServing, _) => "not serving".to_owned(),
        (State::Serving, Some(role)) => role.to_string(),
        (State::Serving, None) => "serving".to_owned(),
    }
}
