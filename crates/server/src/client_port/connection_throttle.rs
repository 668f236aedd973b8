//! The connection throttle: sessions are let in by tokens that come back with time, and refused at
//! random while tokens keep running short (Apache: `BlueThrottle`, after the BLUE queue
//! management algorithm).
//!
//! The tokens bound the rate; refusing at random keeps a crowd of clients that all reconnect from
//! spending them on whoever happens to be first.

use crate::config::clients::ConnectionThrottle as Settings;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// What kind of session a client asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SessionKind {
    /// A new one, which every server is to know.
    Global,
    /// One that exists.
    Renewed,
}

/// The throttle, shared by all connections.
#[derive(Debug)]
pub(crate) struct ConnectionThrottle {
    settings: Settings,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    tokens: u32,
    filled_ms: u64,
    /// Chance, 0 to 1, that a session is refused whatever tokens there are.
    drop_probability: f64,
    frozen_ms: u64,
}

impl ConnectionThrottle {
    /// One that has all its tokens. `now_ms` is on the monotonic clock, as everywhere here.
    pub(super) const fn new(settings: Settings, now_ms: u64) -> Self {
        let state = State {
            tokens: settings.tokens,
            filled_ms: now_ms,
            drop_probability: 0.0,
            frozen_ms: now_ms,
        };
        Self { settings, state: Mutex::new(state) }
    }

    /// Takes the tokens for a session. `chance` is drawn evenly from 0 up to but not including 1.
    /// The result is how many tokens are missing then, or `None` if the session is refused.
    pub(super) fn admit(&self, kind: SessionKind, now_ms: u64, chance: f64) -> Option<u32> {
        let weights = self.settings.weights;
        let needed = match kind {
            SessionKind::Global => weights.global,
            SessionKind::Renewed => weights.renew,
        };
        let mut state = self.state();
        self.fill(&mut state, now_ms);
        self.move_drop_probability(&mut state, now_ms);
        if chance < state.drop_probability {
            return None;
        }
        state.tokens = state.tokens.checked_sub(needed)?;
        Some(self.settings.tokens - state.tokens)
    }

    /// Chance, 0 to 1, that a session is refused whatever tokens there are.
    pub(crate) fn drop_probability(&self) -> f64 {
        self.state().drop_probability
    }

    /// Tokens that came back since the last time, if that is longer ago than the fill time.
    fn fill(&self, state: &mut State, now_ms: u64) {
        let fill_time_ms = self.settings.fill_time.as_millis();
        let elapsed_ms = u128::from(now_ms.saturating_sub(state.filled_ms));
        if elapsed_ms <= fill_time_ms {
            return;
        }
        let filled = elapsed_ms * u128::from(self.settings.fill_count) / fill_time_ms.max(1);
        let filled = u32::try_from(filled).unwrap_or(u32::MAX);
        state.tokens = state.tokens.saturating_add(filled).min(self.settings.tokens);
        state.filled_ms = now_ms;
    }

    /// Raises the probability when no token is left and lowers it when few are missing, at most
    /// once in each freeze time.
    fn move_drop_probability(&self, state: &mut State, now_ms: u64) {
        let Settings { tokens, freeze_time, drop_increase, drop_decrease, decrease_ratio, .. } =
            self.settings;
        let Some(freeze_time) = freeze_time else { return };
        let elapsed_ms = now_ms.saturating_sub(state.frozen_ms);
        if u128::from(elapsed_ms) <= freeze_time.as_millis() {
            return;
        }
        let missing = tokens - state.tokens;
        let few = (f64::from(tokens) * decrease_ratio).round();
        if state.tokens == 0 {
            state.drop_probability = (state.drop_probability + drop_increase).min(1.0);
        } else if f64::from(missing) <= few {
            state.drop_probability = (state.drop_probability - drop_decrease).max(0.0);
        }
        state.frozen_ms = now_ms;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::SessionKind::{Global, Renewed};
    use super::*;
    use crate::config::clients::SessionWeights;
    use std::time::Duration;

    const NEVER_DROPPED: f64 = 0.999;
    const DROPPED_IF_EVER: f64 = 0.0;

    fn settings() -> Settings {
        Settings {
            tokens: 3,
            fill_time: Duration::from_millis(10),
            fill_count: 2,
            freeze_time: None,
            drop_increase: 0.5,
            drop_decrease: 0.25,
            decrease_ratio: 0.34,
            weights: SessionWeights { global: 1, local: 1, renew: 1 },
        }
    }

    #[test]
    fn tokens_run_out_and_come_back() {
        let throttle = ConnectionThrottle::new(settings(), 100);
        let admit = |now_ms| throttle.admit(Global, now_ms, DROPPED_IF_EVER);
        assert_eq!([admit(100), admit(100), admit(100)], [Some(1), Some(2), Some(3)]);
        assert_eq!(admit(100), None);
        assert_eq!(admit(110), None, "exactly the fill time is not yet longer than it");
        assert_eq!(admit(111), Some(2), "two have come back, one is taken");
        assert_eq!(admit(1_000_000), Some(1), "no more than all can be saved up");
    }

    #[test]
    fn session_takes_its_weight() {
        let weights = SessionWeights { global: 3, local: 1, renew: 2 };
        let throttle = ConnectionThrottle::new(Settings { weights, ..settings() }, 0);
        assert_eq!(throttle.admit(Renewed, 0, NEVER_DROPPED), Some(2));
        assert_eq!(throttle.admit(Global, 0, NEVER_DROPPED), None);
        assert_eq!(throttle.admit(Renewed, 0, NEVER_DROPPED), None);
        let throttle = ConnectionThrottle::new(Settings { weights, ..settings() }, 0);
        assert_eq!(throttle.admit(Global, 0, NEVER_DROPPED), Some(3));
    }

    #[test]
    fn probability_grows_while_tokens_are_short_and_shrinks_after() {
        let freeze_time = Some(Duration::from_millis(100));
        let throttle = ConnectionThrottle::new(
            Settings { freeze_time, fill_time: Duration::from_millis(1000), ..settings() },
            0,
        );
        for _ in 0..3 {
            assert!(throttle.admit(Global, 0, DROPPED_IF_EVER).is_some());
        }
        // Nothing is left: half a step each freeze time, up to certainty.
        let mut seen = Vec::new();
        for now_ms in [100, 101, 102, 202, 303] {
            assert_eq!(throttle.admit(Global, now_ms, NEVER_DROPPED), None);
            seen.push(throttle.drop_probability());
        }
        assert_eq!(seen, [0.0, 0.5, 0.5, 1.0, 1.0]);
        // Two of three tokens are back: one is missing, which the ratio calls few.
        assert_eq!(throttle.admit(Global, 1001, 0.7), None);
        assert_eq!(throttle.drop_probability(), 0.75);
        assert_eq!(throttle.admit(Global, 1001, 0.75), Some(2), "the chance is not below it");
        assert_eq!(throttle.admit(Global, 1001, 0.74), None);
    }

    #[test]
    fn time_that_stands_still_or_is_huge_does_no_harm() {
        let throttle = ConnectionThrottle::new(settings(), u64::MAX);
        assert_eq!(throttle.admit(Global, 0, NEVER_DROPPED), Some(1));
        let throttle = ConnectionThrottle::new(Settings { fill_count: u32::MAX, ..settings() }, 0);
        assert_eq!(throttle.admit(Global, u64::MAX, NEVER_DROPPED), Some(1));
    }
}
