//! Kinds of events: what a checker says it looks at.

use crate::event::What;
use zoarium_process::Protocol;

/// What kind of thing happened: there is one for each variant of [`What`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventKind {
    /// [`What::Planned`].
    Planned,
    /// [`What::Calmed`].
    Calmed,
    /// [`What::Started`].
    Started,
    /// [`What::Crashed`].
    Crashed,
    /// [`What::Paused`].
    Paused,
    /// [`What::Resumed`].
    Resumed,
    /// [`What::Input`].
    Input,
    /// [`What::Stepped`].
    Stepped,
    /// [`What::Sent`].
    Sent,
    /// [`What::Lost`].
    Lost,
    /// [`What::Persist`].
    Persist,
    /// [`What::Written`].
    Written,
    /// [`What::Synced`].
    Synced,
    /// [`What::DiskFull`].
    DiskFull,
    /// [`What::TimerSet`].
    TimerSet,
    /// [`What::TimerCancelled`].
    TimerCancelled,
    /// [`What::Output`].
    Output,
    /// [`What::RequestLost`].
    RequestLost,
    /// [`What::Connected`].
    Connected,
    /// [`What::Disconnected`].
    Disconnected,
}

impl EventKind {
    /// All there are, in order of their numbers.
    pub const ALL: [Self; 20] = [
        Self::Planned,
        Self::Calmed,
        Self::Started,
        Self::Crashed,
        Self::Paused,
        Self::Resumed,
        Self::Input,
        Self::Stepped,
        Self::Sent,
        Self::Lost,
        Self::Persist,
        Self::Written,
        Self::Synced,
        Self::DiskFull,
        Self::TimerSet,
        Self::TimerCancelled,
        Self::Output,
        Self::RequestLost,
        Self::Connected,
        Self::Disconnected,
    ];

    /// The kind of something that happened.
    pub(crate) const fn of<P: Protocol>(what: &What<'_, P>) -> Self {
        match what {
            What::Planned(_) => Self::Planned,
            What::Calmed => Self::Calmed,
            What::Started { .. } => Self::Started,
            What::Crashed { .. } => Self::Crashed,
            What::Paused(_) => Self::Paused,
            What::Resumed(_) => Self::Resumed,
            What::Input { .. } => Self::Input,
            What::Stepped(_) => Self::Stepped,
            What::Sent { .. } => Self::Sent,
            What::Lost { .. } => Self::Lost,
            What::Persist { .. } => Self::Persist,
            What::Written { .. } => Self::Written,
            What::Synced { .. } => Self::Synced,
            What::DiskFull { .. } => Self::DiskFull,
            What::TimerSet { .. } => Self::TimerSet,
            What::TimerCancelled { .. } => Self::TimerCancelled,
            What::Output { .. } => Self::Output,
            What::RequestLost { .. } => Self::RequestLost,
            What::Connected(..) => Self::Connected,
            What::Disconnected(..) => Self::Disconnected,
        }
    }
}

/// Which of a run's checkers look at which kind, by their places: most events are of kinds that
/// hardly anyone looks at.
#[derive(Debug)]
pub(crate) struct Lookers([Vec<usize>; EventKind::ALL.len()]);

impl Lookers {
    /// From what each checker looks at, in order.
    pub(crate) fn new<'k>(checkers: impl Iterator<Item = &'k [EventKind]>) -> Self {
        let mut lookers: [Vec<usize>; EventKind::ALL.len()] = Default::default();
        for (place, kinds) in checkers.enumerate() {
            for kind in kinds {
                lookers[*kind as usize].push(place);
            }
        }
        Self(lookers)
    }

    /// The places of the checkers that look at this kind, in order.
    pub(crate) fn of(&self, kind: EventKind) -> &[usize] {
        &self.0[kind as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_is_at_its_number() {
        for (number, kind) in EventKind::ALL.into_iter().enumerate() {
            assert_eq!(kind as usize, number);
        }
    }

    #[test]
    fn checkers_are_asked_in_order_and_only_about_what_they_look_at() {
        let all: [&[EventKind]; 3] =
            [&EventKind::ALL, &[EventKind::Sent], &[EventKind::Sent, EventKind::Lost]];
        let lookers = Lookers::new(all.into_iter());
        assert_eq!(lookers.of(EventKind::Sent), [0, 1, 2]);
        assert_eq!(lookers.of(EventKind::Lost), [0, 2]);
        assert_eq!(lookers.of(EventKind::Paused), [0]);
    }
}
