//! The two threads that decide and keep all writes. How they share that is in [`crate::duties`].

use crate::disk::{Disk, Job};
use crate::duties::{Duty, LOOP, Schedule, Settled};
use crate::peer_loop::{LoopEvent, PeerLoop};
use crate::shared::Shared;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use tokio::sync::{Notify, oneshot};
use zoarium_persistence::StorageError;

/// Where the peer loop is, for who has the events.
#[derive(Debug, Default)]
pub(crate) struct LoopPlace(Mutex<Option<(PeerLoop, Vec<LoopEvent>)>>);

impl LoopPlace {
    pub(crate) fn put(&self, peer_loop: PeerLoop) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some((peer_loop, Vec::new()));
    }

    /// Sees to the events. The result is `None` when the loop has come to its end.
    fn turn(&self, shared: &Shared) -> Option<Schedule> {
        let mut place = self.0.lock().expect("the peer was left in the middle of a step");
        let (peer_loop, events) = place.as_mut()?;
        shared.duties.take_events(events);
        let schedule = peer_loop.turn(events);
        if schedule.is_none() {
            *place = None;
        }
        schedule
    }
}

impl Shared {
    /// Has what clients ask seen to.
    pub(crate) fn ask(&self, events: impl IntoIterator<Item = LoopEvent>) {
        self.duties.offer(events);
        // Others could get to work meanwhile; alone there is only the disk to wait for.
        self.settle(self.standing.is_member());
    }

    /// Has what was offered to the loop seen to; here and now, if it is urgent and little and
    /// everybody sleeps. The caller is in the middle of nothing that the loop needs.
    pub(crate) fn settle(&self, urgent: bool) {
        match self.duties.settle(urgent) {
            Settled::Others => {}
            Settled::Caller => self.turn(None),
            Settled::Guest => self.guest.notify_one(),
        }
    }

    fn turn(&self, worker: Option<usize>) {
        match self.peer_loop.turn(self) {
            Some(schedule) => self.duties.leave_events(worker, schedule),
            None => self.duties.end_events(),
        }
    }
}

/// One of the two.
#[derive(Debug)]
pub(crate) struct Worker {
    /// Which one.
    pub(crate) number: usize,
    pub(crate) shared: Arc<Shared>,
    pub(crate) disk: Arc<Disk>,
    /// Tells that the log has failed.
    pub(crate) fail: Arc<Mutex<Option<oneshot::Sender<StorageError>>>>,
}

impl Worker {
    /// Runs until both duties have ended.
    pub(crate) fn run(&self) {
        let mut jobs = Vec::new();
        loop {
            match self.shared.duties.next(self.number, &mut jobs) {
                Duty::Over => return,
                duty @ (Duty::Events | Duty::Jobs) => self.see_to(duty, &mut jobs),
            }
        }
    }

    /// Sits in for the loop's worker until there is nothing to do.
    fn sit_in(&self, jobs: &mut Vec<Job>) {
        let mut duty = self.shared.duties.sit_in(jobs);
        if duty == Some(Duty::Events) {
            // A few, which takes less than to hand the connections over.
            self.shared.turn(Some(LOOP));
            duty = self.shared.duties.sit_in(jobs);
        }
        if duty.is_none() {
            return;
        }
        tokio::task::block_in_place(|| {
            while let Some(next) = duty {
                self.see_to(next, jobs);
                duty = self.shared.duties.sit_in(jobs);
            }
        });
    }

    fn see_to(&self, duty: Duty, jobs: &mut Vec<Job>) {
        match duty {
            Duty::Events => {
                // Whoever is about to add to the batch may do so first: larger ones cost less.
                std::thread::yield_now();
                self.shared.turn(Some(self.number));
            }
            Duty::Jobs => {
                if let Err(error) = self.disk.work_off(self.number, jobs) {
                    self.note_failure(error);
                }
            }
            Duty::Over => {}
        }
    }

    fn note_failure(&self, error: StorageError) {
        tracing::error!(%error, "the transaction log failed; no write can be taken");
        let fail = self.fail.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(fail) = fail {
            // Whoever waits for it may have stopped the server already.
            let _stopped = fail.send(error);
        }
    }
}

/// The guest, as a task of the runtime: what connections bring while both workers sleep needs no
/// other thread to be woken. While the guest is at the disk, another thread of the runtime goes on
/// with the connections, which is woken meanwhile. It ends with the `worker` it sits in for.
pub(crate) async fn visit(worker: Weak<Worker>, guest: Arc<Notify>) {
    let mut jobs = Vec::new();
    loop {
        guest.notified().await;
        let Some(worker) = worker.upgrade() else { return };
        worker.sit_in(&mut jobs);
    }
}
