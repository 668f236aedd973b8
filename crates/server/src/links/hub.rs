//! What all tasks of the links share: who the members are, and which connection is a link's.

use super::connection::{Connection, Ended, Shown};
use super::{LinkEvent, LinkOptions, Sink};
use std::collections::BTreeMap;
use std::fmt::Display;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::AcqRel;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::runtime::Handle;
use tokio::sync::Notify;
use zoarium_proto::membership::{HostPort, MemberAddress};
use zoarium_proto::{Membership, ServerId};
use zoarium_zab::{Channel, Link};

/// Connections that may be open for servers that are no members: those that are about to be, and
/// whatever else finds the ports.
const STRANGERS_MAX: usize = 256;

/// How many places a member may say it is at before nobody looks at them any more.
const INTRODUCTIONS_MAX: usize = 16;

/// Where everybody is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Members {
    /// This server's addresses, none if it is no member.
    pub(super) own: Vec<MemberAddress>,
    /// Those of the others, in the order in which they are tried.
    pub(super) others: BTreeMap<ServerId, Vec<MemberAddress>>,
}

impl Members {
    /// The members in force and those that are proposed, who have to be reached to be agreed on.
    pub(super) fn new(
        own: ServerId,
        membership: &Membership,
        proposed: Option<&Membership>,
    ) -> Self {
        let mut others = BTreeMap::<ServerId, Vec<MemberAddress>>::new();
        for (id, member) in std::iter::once(membership).chain(proposed).flat_map(|it| &it.members) {
            let addresses = others.entry(*id).or_default();
            for address in &member.addresses {
                if !addresses.contains(address) {
                    addresses.push(address.clone());
                }
            }
        }
        others.remove(&own);
        let listed =
            |membership: &Membership| Some(membership.members.get(&own)?.addresses.clone());
        let own = listed(membership).or_else(|| listed(proposed?)).unwrap_or_default();
        Self { own, others }
    }
}

/// A member's election link, as those see it who want it up.
#[derive(Debug, Default)]
pub(super) struct Wish {
    /// There is something to send, or the member asks for it.
    pub(super) urgent: AtomicBool,
    /// Something has changed.
    pub(super) changed: Notify,
    /// Where the member itself says it can be reached.
    told: Mutex<Vec<HostPort>>,
    /// What it has ever said about that, up to [`INTRODUCTIONS_MAX`].
    introductions: Mutex<Vec<Vec<HostPort>>>,
}

impl Wish {
    /// Has the link dialled at once.
    pub(super) fn urge(&self) {
        self.urgent.store(true, std::sync::atomic::Ordering::Release);
        self.changed.notify_one();
    }

    /// Whether it is urgent; from here on it is not.
    pub(super) fn take_urgent(&self) -> bool {
        self.urgent.swap(false, AcqRel)
    }

    /// Whether the member has never said before that it is there.
    pub(super) fn is_news(&self, addresses: &[HostPort]) -> bool {
        let mut introductions = lock(&self.introductions);
        let is_news = introductions.len() < INTRODUCTIONS_MAX
            && !introductions.iter().any(|known| known == addresses);
        if is_news {
            introductions.push(addresses.to_vec());
        }
        is_news
    }

    pub(super) fn told(&self) -> Vec<HostPort> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn tell(&self, addresses: &[HostPort]) {
        *self.told.lock().unwrap_or_else(PoisonError::into_inner) = addresses.to_vec();
    }
}

/// What all tasks of the links share.
#[derive(Debug)]
pub(super) struct Hub {
    pub(super) options: LinkOptions,
    pub(super) runtime: Handle,
    pub(super) sink: Arc<dyn Sink>,
    /// The connections of election links and learners, the newest of each.
    current: Mutex<BTreeMap<Link, Arc<Connection>>>,
    members: Mutex<Arc<Members>>,
    wishes: Mutex<BTreeMap<ServerId, Arc<Wish>>>,
}

/// Why a connection is not taken.
#[derive(Debug, thiserror::Error)]
#[error("{STRANGERS_MAX} servers that are no members are connected already")]
pub(super) struct TooManyStrangers;

impl Hub {
    pub(super) fn new(options: LinkOptions, sink: Arc<dyn Sink>, members: Members) -> Self {
        Self {
            options,
            runtime: Handle::current(),
            sink,
            current: Mutex::default(),
            members: Mutex::new(Arc::new(members)),
            wishes: Mutex::default(),
        }
    }

    pub(super) fn members(&self) -> Arc<Members> {
        Arc::clone(&lock(&self.members))
    }

    /// A server that is no member any more stays where it was.
    pub(super) fn set_members(&self, mut members: Members) {
        let mut now = lock(&self.members);
        if members.own.is_empty() {
            members.own.clone_from(&now.own);
        }
        *now = Arc::new(members);
    }

    pub(super) fn is_member(&self, server: ServerId) -> bool {
        lock(&self.members).others.contains_key(&server)
    }

    pub(super) fn wishes(&self) -> MutexGuard<'_, BTreeMap<ServerId, Arc<Wish>>> {
        lock(&self.wishes)
    }

    pub(super) fn wish(&self, member: ServerId) -> Option<Arc<Wish>> {
        self.wishes().get(&member).cloned()
    }

    /// There is something to send to a member whose election link is down.
    pub(super) fn want(&self, member: ServerId) {
        if let Some(wish) = self.wish(member) {
            wish.urge();
        }
    }

    /// Makes a connection its link's. `first` are its first events behind `Up`; an older connection
    /// ends before.
    ///
    /// # Errors
    /// If there are too many of servers that are no members.
    pub(super) fn establish(
        &self,
        connection: &Arc<Connection>,
        first: Vec<LinkEvent>,
        bytes: usize,
    ) -> Result<(), TooManyStrangers> {
        let link = connection.link;
        let members = self.members();
        let mut current = lock(&self.current);
        let stranger = |link: &Link| !members.others.contains_key(&link.peer);
        if stranger(&link) && current.keys().filter(|link| stranger(link)).count() >= STRANGERS_MAX
        {
            return Err(TooManyStrangers);
        }
        if let Some(old) = current.insert(link, Arc::clone(connection)) {
            Self::end(&old, &Ended::Replaced);
        }
        let mut events = vec![LinkEvent::Up(link)];
        events.extend(first);
        connection.push(events, bytes);
        drop(current);
        self.note_change(link);
        Ok(())
    }

    /// The connection that a link has.
    pub(super) fn current(&self, link: Link) -> Option<Arc<Connection>> {
        lock(&self.current).get(&link).cloned()
    }

    /// Ends a connection, and tells the loop before another can take its place.
    pub(super) fn retire(&self, connection: &Arc<Connection>, why: &Ended) {
        let current = lock(&self.current);
        Self::end(connection, why);
        drop(current);
        self.forget(connection);
    }

    fn end(connection: &Arc<Connection>, why: &Ended) {
        if !connection.cut() {
            return;
        }
        let link = Shown(connection.link);
        match (connection.link.channel, why) {
            // A leader may not listen yet, and is dialled again at once.
            (Channel::Election, _) | (Channel::Leader, Ended::Unreachable(_)) => {
                tracing::info!(%link, %why, "down");
            }
            (Channel::Leader | Channel::Learner, _) => tracing::warn!(%link, %why, "down"),
        }
    }

    /// A connection has ended.
    pub(super) fn forget(&self, connection: &Arc<Connection>) {
        let mut current = lock(&self.current);
        let link = connection.link;
        if current.get(&link).is_some_and(|it| Arc::ptr_eq(it, connection)) {
            current.remove(&link);
        }
        drop(current);
        self.note_change(link);
    }

    /// Ends the election links with those that are no members.
    pub(super) fn retire_removed(&self, removed: &[ServerId]) {
        for server in removed {
            if let Some(connection) = self.current(Link::election(*server)) {
                self.retire(&connection, &Ended::Removed);
            }
        }
    }

    /// Ends all connections when what was put into them has been written.
    pub(super) fn finish_all(&self, why: &impl Display) {
        for connection in lock(&self.current).values() {
            connection.finish(why);
        }
    }

    fn note_change(&self, link: Link) {
        if link.channel == Channel::Election
            && let Some(wish) = self.wish(link.peer)
        {
            wish.changed.notify_one();
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
