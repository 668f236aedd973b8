//! Who is there.

use crate::cache::{Cache, CacheEvent};
use crate::error::Error;
use crate::feed::Feed;
use crate::persistent_node::PersistentNode;
use crate::place::{below, last_name};
use bytes::Bytes;
use std::collections::BTreeMap;
use zoarium_client::Client;

/// Membership of a group, and the view of all its members. Curator's `GroupMember`.
///
/// ```
/// use zoarium_client::Client;
/// use zoarium_recipes::GroupMember;
///
/// # mod examples { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/examples.rs")); }
/// # examples::serving(async |servers| {
/// # let client = Client::connect(servers).await?;
/// let member = GroupMember::join(&client, "/workers", "host-7", b"idle").await?;
/// assert_eq!(&member.members()["host-7"][..], b"idle");
/// member.leave().await?;
/// # Ok(()) })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// A member is a [`PersistentNode`], the view a [`Cache`]: when the session is lost, the others see
/// the member go and, with the next session, come back.
#[derive(Debug)]
pub struct GroupMember {
    node: PersistentNode,
    id: String,
    data: Bytes,
    group: Cache,
}

/// What happens in a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GroupEvent {
    /// A member has come, with this data.
    Joined(String, Bytes),
    /// A member says something else.
    Changed(String, Bytes),
    /// A member has left, or its session is over.
    Left(String),
    /// Events are missing: the reader was too slow. Look at [`GroupMember::members`].
    Gap,
}

impl GroupMember {
    /// Joins a group, and waits until all that are in it are known.
    ///
    /// # Errors
    /// If the id is taken ([`Error::Taken`]), a server refuses what is asked of it, or the client is
    /// closed.
    pub async fn join(
        client: &Client,
        path: impl Into<String>,
        id: impl Into<String>,
        data: impl Into<Vec<u8>>,
    ) -> Result<Self, Error> {
        let (path, id, data) = (path.into(), id.into(), data.into());
        let mut node = PersistentNode::keep(client, below(&path, &id), data.clone());
        if node.settled().await? == crate::Presence::Taken {
            return Err(Error::Taken { path: node.path().to_owned() });
        }
        let group = Cache::children(client, path);
        group.ready().await?;
        Ok(Self { node, id, data: data.into(), group })
    }

    /// The members and what they say, this one always among them.
    pub fn members(&self) -> BTreeMap<String, Bytes> {
        let mut members: BTreeMap<String, Bytes> = self
            .group
            .snapshot()
            .iter()
            .filter(|(path, _)| path.as_str() != self.group.path())
            .map(|(path, znode)| (last_name(path).to_owned(), znode.data.clone()))
            .collect();
        members.entry(self.id.clone()).or_insert_with(|| self.data.clone());
        members
    }

    /// What happens, beginning with those who are there.
    pub fn events(&self) -> Feed<GroupEvent> {
        let (mut events, group) = (self.group.events(), self.group.path().to_owned());
        Feed::new(|feed| async move {
            while let Some(event) = events.next().await {
                let name = |path: &str| last_name(path).to_owned();
                let event = match event {
                    CacheEvent::Added(it) if it.path != group => {
                        GroupEvent::Joined(name(&it.path), it.data.clone())
                    }
                    CacheEvent::Changed { new, .. } if new.path != group => {
                        GroupEvent::Changed(name(&new.path), new.data.clone())
                    }
                    CacheEvent::Removed(it) if it.path != group => GroupEvent::Left(name(&it.path)),
                    CacheEvent::Gap => GroupEvent::Gap,
                    CacheEvent::Added(_)
                    | CacheEvent::Changed { .. }
                    | CacheEvent::Removed(_)
                    | CacheEvent::Ready => continue,
                };
                feed.put(event).await;
            }
        })
    }

    /// Says something else.
    pub fn describe(&mut self, data: impl Into<Vec<u8>>) {
        let data = data.into();
        self.data = data.clone().into();
        self.node.set(data);
    }

    /// Leaves the group, and waits until that is sure.
    ///
    /// # Errors
    /// As [`PersistentNode::close`].
    pub async fn leave(self) -> Result<(), Error> {
        self.node.close().await
    }
}
