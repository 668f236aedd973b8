//! Keeping the election link with each member up.

use super::{call, close, dialable, serve};
use crate::links::hub::{Hub, Wish};
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
    let mut pause = PAUSE_MIN;
    let mut complained = false;
    loop {
        if let Some(up) = hub.current(link) {
            wish.changed.notified().await;
            if up.age() >= STEADY {
                (pause, complained) = (PAUSE_MIN, false);
            }
            if hub.current(link).is_some() {
                continue;
            }
            if up.age() < STEADY {
                rest(&wish, PAUSE_MIN, pause).await;
                pause = (pause * 2).min(PAUSE_MAX);
            }
            continue;
        }
        wish.take_urgent();
        let addresses = addresses(member, &wish, &hub);
        let (least, most) = match call(&addresses, &hub).await {
            Ok(stream) if member < hub.options.id => {
                if let Err(why) = serve(stream, bytes::BytesMut::new(), link, &hub) {
                    tracing::warn!(%member, %why, "not connected");
                }
                continue;
            }
            Ok(stream) => {
                // Whether it was read shows when the member calls back, or does not.
                let _closed = close(stream).await;
                (CALL_BACK_MAX, ASK_PAUSE_MAX)
            }
            Err(why) => {
                if !complained {
                    complained = true;
                    tracing::warn!(%member, %why, "election port not reached; trying on");
                } else {
                    tracing::debug!(%member, %why, "election port not reached");
                }
                (PAUSE_MIN, PAUSE_MAX)
            }
        };
        if hub.current(link).is_none() {
            rest(&wish, least, pause.max(least)).await;
        }
        pause = (pause * 2).min(most);
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
