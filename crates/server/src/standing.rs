//! What this server is in its ensemble, for those who do not run on the peer loop: operators, and
//! connections that are not to be taken while there is no leader.

use crate::links::ObserverLink;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;
use zoarium_proto::{Membership, ServerId};
use zoarium_zab::{LearnerStatus, PeerState, Zab};

/// The place of a server in its ensemble, as of the peer loop's last word.
#[derive(Debug)]
pub(crate) struct Standing {
    /// `None` for a standalone server.
    is_member: bool,
    place: Mutex<Option<Place>>,
    serving: AtomicBool,
}

/// A member's place.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub(crate) id: ServerId,
    /// What it says it is.
    pub(crate) state: PeerState,
    /// Whom it follows or is about to; itself, if it leads.
    pub(crate) leader: Option<ServerId>,
    /// When it began to serve in this role.
    pub(crate) serving_since: Option<Instant>,
    pub(crate) membership: Arc<Membership>,
    /// A leader's.
    pub(crate) learners: Vec<LearnerStatus>,
    /// A leader's: the observers that serve.
    pub(crate) observers: Vec<ObserverLink>,
    /// A leader's: syncs that wait for a commit.
    pub(crate) pending_syncs: usize,
}

impl Standing {
    /// A server that serves from the start.
    pub(crate) const fn alone() -> Self {
        Self { place: Mutex::new(None), is_member: false, serving: AtomicBool::new(true) }
    }

    /// A member that has not yet looked for a leader.
    pub(crate) fn member(zab: &Zab) -> Self {
        let place = Place {
            id: zab.id(),
            state: PeerState::Looking,
            leader: None,
            serving_since: None,
            membership: Arc::clone(zab.membership()),
            learners: Vec::new(),
            observers: Vec::new(),
            pending_syncs: 0,
        };
        Self { place: Mutex::new(Some(place)), is_member: true, serving: AtomicBool::new(false) }
    }

    /// Whether there are others.
    pub(crate) const fn is_member(&self) -> bool {
        self.is_member
    }

    /// Whether clients are served.
    pub(crate) fn serves(&self) -> bool {
        self.serving.load(Relaxed)
    }

    /// The place in the ensemble; `None` for a standalone server.
    pub(crate) fn place(&self) -> Option<Place> {
        self.place.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Takes over what the agreement says of itself, of whom it has joined or is about to, who
    /// observes, and whether reads are answered without a leader.
    pub(crate) fn note(
        &self,
        zab: &Zab,
        joining: Option<ServerId>,
        observers: Vec<ObserverLink>,
        read_only: bool,
    ) {
        let serving = zab.serving().map(|(leader, _)| leader);
        self.serving.store(serving.is_some() || read_only, Relaxed);
        let mut place = self.place.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(place) = place.as_mut() else { return };
        place.state = zab.state();
        place.leader = serving.or(joining);
        place.serving_since = serving.map(|_| place.serving_since.unwrap_or_else(Instant::now));
        place.membership = Arc::clone(zab.membership());
        place.observers = observers;
        place.pending_syncs = zab.pending_syncs();
        place.learners.clear();
        place.learners.extend(zab.learners());
    }
}
