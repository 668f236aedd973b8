//! The prompt.

use crate::call::Manner;
use crate::shell::{Current, Shell};
use reedline::{Prompt, PromptEditMode, PromptHistorySearch, PromptHistorySearchStatus};
use std::borrow::Cow;
use std::sync::PoisonError;
use zoarium_client::State;

/// Where the shell is connected, and whether it is.
pub(super) struct ShellPrompt {
    manner: Manner,
    servers: String,
    current: Current,
    number: usize,
}

impl ShellPrompt {
    pub(super) fn of(shell: &Shell) -> Self {
        Self {
            manner: shell.ways.manner,
            servers: shell.target.servers.clone(),
            current: shell.current.clone(),
            number: shell.history.next(),
        }
    }

    fn state(&self) -> Option<State> {
        let current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        current.as_ref().map(zoarium_client::Client::state)
    }

    fn apache_state(&self) -> &'static str {
        match self.state() {
            None | Some(State::Closed) => "CLOSED",
            Some(State::Connected(connected)) if connected.read_only => "CONNECTEDREADONLY",
            Some(State::Connected(_)) => "CONNECTED",
            Some(State::AuthFailed) => "AUTH_FAILED",
            Some(State::Connecting | State::Suspended { .. } | State::Lost { .. }) => "CONNECTING",
        }
    }

    fn own_state(&self) -> &'static str {
        match self.state() {
            Some(State::Connected(connected)) if connected.read_only => " (read-only)",
            Some(State::Connected(_)) => "",
            None | Some(State::Closed) => " (closed)",
            Some(State::AuthFailed) => " (identity refused)",
            Some(State::Connecting | State::Suspended { .. } | State::Lost { .. }) => {
                " (connecting)"
            }
        }
    }
}

impl Prompt for ShellPrompt {
    fn render_prompt_left(&self) -> Cow<'_, str> {
        match self.manner {
            Manner::Apache => {
                format!("[zk: {}({}) {}]", self.servers, self.apache_state(), self.number).into()
            }
            Manner::Own => format!("{}{}", self.servers, self.own_state()).into(),
        }
    }

    fn render_prompt_right(&self) -> Cow<'_, str> {
        "".into()
    }

    fn render_prompt_indicator(&self, _: PromptEditMode) -> Cow<'_, str> {
        match self.manner {
            Manner::Apache => " ".into(),
            Manner::Own => "> ".into(),
        }
    }

    fn render_prompt_multiline_indicator(&self) -> Cow<'_, str> {
        "".into()
    }

    fn render_prompt_history_search_indicator(&self, search: PromptHistorySearch) -> Cow<'_, str> {
        let found = match search.status {
            PromptHistorySearchStatus::Passing => "search",
            PromptHistorySearchStatus::Failing => "not found",
        };
        format!(" ({found}: {}) ", search.term).into()
    }
}
