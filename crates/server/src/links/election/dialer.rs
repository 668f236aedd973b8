//! Keeping the election link with each member up.

use super::{call, close, dialable, serve};
use crate::links::connection::Ended;
use crate::links::hub::{Hub, Wish};
use bytes::BytesMut;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::AbortHandle;
use zoarium_proto::ServerId;
use zoarium_proto::membership::HostPort;
use zoarium_zab::Link;

/// First pause between two attempts to connect. It doubles from one to the next.
const PAUSE_MIN: Duration = Duration::from_millis(100);

/// Longest pause between two attempts to connect.
const PAUSE_MAX: Duration = Duration::from_secs(5);

/// How long a server with a greater id has to call back before it is asked again. It gives up the
/// connection it has just opened when it is.
const CALL_BACK_MAX: Duration = Duration::from_millis(500);

/// Longest pause between two requests to be called back, unless there is something to send. Apache's
/// server accepts nothing else while it calls back, which may take seconds if it cannot.
const ASK_PAUSE_MAX: Duration = Duration::from_secs(60);

/// A member that was asked so often to call back, and has not, is worth a line in the log.
const ASKED_MAX: u32 = 5;

/// A link that was up for so long works: the next attempt need not wait.
const STEADY: Duration = Duration::from_secs(1);

/// One task for each member.
#[derive(Debug, Default)]
pub(crate) struct Dialers {
    tasks: BTreeMap<ServerId, AbortHandle>,
}

impl Dialers {
    /// Connects with new members, and ends what there is with those that are none any more.
    pub(crate) fn follow(&mut self, hub: &Arc<Hub>) {
        let members = hub.members();
        let removed: Vec<ServerId> =
            self.tasks.keys().filter(|id| !members.others.contains_key(id)).copied().collect();
        for id in &removed {
            hub.wishes().remove(id);
            if let Some(task) = self.tasks.remove(id) {
                task.abort();
            }
        }
        hub.retire_removed(&removed);
        for id in members.others.keys() {
            if !self.tasks.contains_key(id) {
                let wish = Arc::new(Wish::default());
                hub.wishes().insert(*id, Arc::clone(&wish));
                let task = hub.runtime.spawn(keep_up(*id, wish, Arc::clone(hub)));
                self.tasks.insert(*id, task.abort_handle());
            }
        }
    }
}

impl Drop for Dialers {
    fn drop(&mut self) {
        for task in self.tasks.values() {
            task.abort();
        }
    }
}

/// Connects with a member whenever its link is down.
async fn keep_up(member: ServerId, wish: Arc<Wish>, hub: Arc<Hub>) {
    let link = Link::election(member);
    let mut attempts = Attempts::default();
    loop {
        if let Some(up) = hub.current(link) {
            while hub.current(link).is_some() {
                wish.changed.notified().await;
            }
            if up.age() >= STEADY {
                attempts = Attempts::default();
            } else {
                rest(&wish, PAUSE_MIN, attempts.pause(PAUSE_MAX)).await;
            }
            continue;
        }
        wish.take_urgent();
        let called = call(&addresses(member, &wish, &hub), &hub).await;
        let (least, most) = match called {
            Ok(stream) if member < hub.options.id => {
                match serve(stream, BytesMut::new(), link, &hub) {
                    Ok(()) => continue,
                    Err(why) => tracing::warn!(%member, %why, "not connected"),
                }
                (PAUSE_MIN, PAUSE_MAX)
            }
            Ok(stream) => {
                // Whether it was read shows when the member calls back, or does not.
                let _closed = close(stream).await;
                attempts.note_asked(member);
                (CALL_BACK_MAX, ASK_PAUSE_MAX)
            }
            Err(why) => {
                attempts.note_failed(member, &why);
                (PAUSE_MIN, PAUSE_MAX)
            }
        };
        let pause = attempts.pause(most).max(least);
        if hub.current(link).is_none() {
            rest(&wish, least, pause).await;
        }
    }
}

/// Attempts to connect with a member since its link was last up for a while.
#[derive(Debug, Default)]
struct Attempts {
    pauses: u32,
    /// How often it was asked to call back.
    asked: u32,
    /// The log says already that it cannot be reached.
    failed: bool,
}

impl Attempts {
    /// How long to pause, at most so long.
    fn pause(&mut self, most: Duration) -> Duration {
        let pause = PAUSE_MIN.saturating_mul(1 << self.pauses.min(20)).min(most);
        self.pauses = self.pauses.saturating_add(1);
        pause
    }

    fn note_asked(&mut self, member: ServerId) {
        self.asked = self.asked.saturating_add(1);
        if self.asked == ASKED_MAX {
            tracing::warn!(
                %member,
                times = ASKED_MAX,
                "asked to connect for election, as its id is the greater one, and has not done so; \
                 it must be able to reach this server's election port"
            );
        }
    }

    fn note_failed(&mut self, member: ServerId, why: &Ended) {
        match std::mem::replace(&mut self.failed, true) {
            false => tracing::warn!(%member, %why, "election port not reached; trying on"),
            true => tracing::debug!(%member, %why, "election port not reached"),
        }
    }
}

/// Where a member may be reached: where the membership says, then where it says itself.
fn addresses(member: ServerId, wish: &Wish, hub: &Hub) -> Vec<HostPort> {
    let members = hub.members();
    let listed = members.others.get(&member).map(Vec::as_slice).unwrap_or_default();
    let listed = listed.iter().map(|it| HostPort { host: it.host.clone(), port: it.election_port });
    let mut addresses: Vec<HostPort> = listed.collect();
    for told in wish.told() {
        if !addresses.contains(&told) {
            addresses.push(told);
        }
    }
    dialable(&addresses)
}

/// Pauses for `most`, or only for `least` if it is urgent or the link changes meanwhile.
async fn rest(wish: &Wish, least: Duration, most: Duration) {
    tokio::time::sleep(least).await;
    if !wish.take_urgent() {
        let _changed =
            tokio::time::timeout(most.saturating_sub(least), wish.changed.notified()).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NEVER: Duration = Duration::from_secs(3600);

    #[tokio::test]
    async fn pause_ends_when_there_is_something_to_send() {
        let wish = Wish::default();
        // Before it begins,
        wish.urge();
        rest(&wish, Duration::ZERO, NEVER).await;
        // or in the middle of it.
        tokio::join!(rest(&wish, Duration::ZERO, NEVER), async { wish.urge() });
    }

    #[test]
    fn pauses_double_up_to_the_longest() {
        let mut attempts = Attempts::default();
        let pauses: Vec<u128> = (0..8).map(|_| attempts.pause(PAUSE_MAX).as_millis()).collect();
        assert_eq!(pauses, [100, 200, 400, 800, 1600, 3200, 5000, 5000]);
        attempts.pauses = u32::MAX - 1;
        assert_eq!(attempts.pause(ASK_PAUSE_MAX), ASK_PAUSE_MAX);
    }
}
