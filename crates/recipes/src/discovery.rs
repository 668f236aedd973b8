//! Services that register themselves, and those who look for them.

mod instance;
mod strategy;

pub use instance::{ServiceInstance, ServiceType, UriPart, UriSpec};
pub use strategy::{LeastUsed, Picked, Random, RoundRobin, Sticky, Strategy, Weighted};

use crate::again::until_answered;
use crate::cache::{Cache, CacheEvent};
use crate::error::Error;
use crate::feed::Feed;
use crate::persistent_node::{PersistentNode, Presence};
use crate::place::below;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use strategy::Usage;
use tokio::time::Instant;
use zoarium_client::Client;

/// Services by name, each with any number of instances. Curator's `ServiceDiscovery`.
///
/// ```
/// use zoarium_client::Client;
/// use zoarium_recipes::discovery::{Discovery, ServiceInstance, RoundRobin};
///
/// # mod examples { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/examples.rs")); }
/// # examples::serving(async |servers| {
/// # let client = Client::connect(servers).await?;
/// let discovery = Discovery::new(&client, "/services");
/// let instance = ServiceInstance::new("search", "host-7").address("10.0.0.7").port(8080);
/// let registered = discovery.register(instance).await?;
///
/// let search = discovery.provider("search", RoundRobin::default());
/// search.ready().await?;
/// let picked = search.pick().unwrap();
/// assert_eq!(picked.address.as_deref(), Some("10.0.0.7"));
/// registered.withdraw().await?;
/// # Ok(()) })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Layout
///
/// `/base/NAME/ID`, an ephemeral with the instance as JSON, as Curator's `ServiceDiscoveryImpl` with
/// its `JsonInstanceSerializer` writes it: processes with Curator 5 see ours and we see theirs.
///
/// # When the session is lost
///
/// An instance is a [`PersistentNode`]: it vanishes with the session and comes back with the next. Who
/// looks for services goes on with those it knows while there is no connection
/// ([`Provider::is_current`]).
#[derive(Clone, Debug)]
pub struct Discovery {
    client: Client,
    base: String,
}

impl Discovery {
    /// The services registered at a path.
    pub fn new(client: &Client, base: impl Into<String>) -> Self {
        Self { client: client.clone(), base: base.into() }
    }

    /// Registers an instance, and keeps it registered.
    ///
    /// # Errors
    /// If somebody else has registered the id ([`Error::Taken`]), a server refuses what is asked of
    /// it, or the client is closed.
    pub async fn register(&self, instance: ServiceInstance) -> Result<Registration, Error> {
        let path = below(&below(&self.base, &instance.name), &instance.id);
        let mut node = PersistentNode::keep(&self.client, path, instance.to_json());
        match node.settled().await? {
            Presence::Taken => Err(Error::Taken { path: node.path().to_owned() }),
            Presence::Present(_) | Presence::Absent => Ok(Registration { node, instance }),
        }
    }

    /// The names of all services.
    ///
    /// # Errors
    /// If a server refuses what is asked of it, or the client is closed.
    pub async fn names(&self) -> Result<Vec<String>, Error> {
        self.children(&self.base).await
    }

    /// The instances of a service, as they are registered now. What is no instance is left out.
    ///
    /// # Errors
    /// As [`Discovery::names`].
    pub async fn instances(&self, name: &str) -> Result<Vec<ServiceInstance>, Error> {
        let service = below(&self.base, name);
        let mut instances = Vec::new();
        for id in self.children(&service).await? {
            match until_answered(|| self.client.get(below(&service, &id))).await {
                Err(error) if error.is_no_node() => {}
                read => instances.extend(ServiceInstance::from_json(&read?.data)),
            }
        }
        Ok(instances)
    }

    async fn children(&self, path: &str) -> Result<Vec<String>, Error> {
        match until_answered(|| self.client.children(path)).await {
            Err(error) if error.is_no_node() => Ok(Vec::new()),
            children => Ok(children?.names),
        }
    }

    /// Follows the instances of a service, and picks one whenever asked.
    pub fn provider(&self, name: &str, strategy: impl Strategy) -> Provider {
        Provider {
            instances: Cache::children(&self.client, below(&self.base, name)),
            strategy: Mutex::new(Box::new(strategy)),
            usage: Arc::default(),
            errors: Mutex::default(),
        }
    }
}

/// An instance that is registered. Dropped, it is withdrawn, in the background.
#[derive(Debug)]
pub struct Registration {
    node: PersistentNode,
    instance: ServiceInstance,
}

impl Registration {
    /// The instance.
    pub const fn instance(&self) -> &ServiceInstance {
        &self.instance
    }

    /// Whether it is registered right now.
    pub fn presence(&self) -> Presence {
        self.node.presence()
    }

    /// Changes what is registered, all but name and id.
    pub fn update(&mut self, change: impl FnOnce(ServiceInstance) -> ServiceInstance) {
        let ServiceInstance { name, id, .. } = self.instance.clone();
        self.instance = ServiceInstance { name, id, ..change(self.instance.clone()) };
        self.node.set(self.instance.to_json());
    }

    /// Lets it be picked no more, while it finishes what it is at.
    pub fn drain(&mut self) {
        self.update(|instance| instance.enabled(false));
    }

    /// Withdraws it, and waits until that is sure.
    ///
    /// # Errors
    /// As [`PersistentNode::close`].
    pub async fn withdraw(self) -> Result<(), Error> {
        self.node.close().await
    }
}

/// Errors of an instance before it is left alone for a while.
const ERRORS_MAX: u32 = 2;
/// For how long, since the first of them.
const DOWN_TIME: Duration = Duration::from_secs(30);

/// Picks instances of one service. Curator's `ServiceProvider`.
///
/// Instances that are not enabled are never picked, nor are those with several
/// [errors](Provider::note_error) for a while, unless no other is left.
#[derive(Debug)]
pub struct Provider {
    instances: Cache,
    strategy: Mutex<Box<dyn Strategy>>,
    usage: Arc<Usage>,
    /// By id: how many, and when the first one was.
    errors: Mutex<HashMap<String, (u32, Instant)>>,
}

impl Provider {
    /// Waits until all instances are known.
    ///
    /// # Errors
    /// As [`Cache::ready`].
    pub async fn ready(&self) -> Result<(), Error> {
        self.instances.ready().await
    }

    /// Whether the instances are those registered now, as [`Cache::is_current`].
    pub fn is_current(&self) -> bool {
        self.instances.is_current()
    }

    /// The instances that are known and enabled, by id.
    pub fn instances(&self) -> Vec<Arc<ServiceInstance>> {
        let znodes = self.instances.snapshot();
        let instances = znodes.values().filter(|it| it.path != self.instances.path());
        let instances = instances.filter_map(|it| ServiceInstance::from_json(&it.data));
        instances.filter(|it| it.enabled).map(Arc::new).collect()
    }

    /// The instance to use next; none if there is none.
    pub fn pick(&self) -> Option<Picked> {
        let all = self.instances();
        let well: Vec<_> = all.iter().filter(|it| !self.is_down(&it.id)).cloned().collect();
        // With all of them down, nobody knows better.
        let some = if well.is_empty() { all } else { well };
        if some.is_empty() {
            return None;
        }
        let mut strategy = self.strategy.lock().unwrap_or_else(PoisonError::into_inner);
        let index = strategy.pick(&some, &self.usage) % some.len();
        Some(Picked::new(Arc::clone(&some[index]), &self.usage))
    }

    /// Notes that an instance did not work.
    pub fn note_error(&self, instance: &ServiceInstance) {
        let mut errors = self.errors.lock().unwrap_or_else(PoisonError::into_inner);
        errors.retain(|_, (_, first)| first.elapsed() < DOWN_TIME);
        errors.entry(instance.id.clone()).or_insert((0, Instant::now())).0 += 1;
    }

    fn is_down(&self, id: &str) -> bool {
        let errors = self.errors.lock().unwrap_or_else(PoisonError::into_inner);
        let known = errors.get(id);
        known.is_some_and(|(count, first)| *count >= ERRORS_MAX && first.elapsed() < DOWN_TIME)
    }

    /// The instances, each time they change.
    pub fn changes(&self) -> Feed<Vec<Arc<ServiceInstance>>> {
        let (mut events, service) = (self.instances.events(), self.instances.path().to_owned());
        let mut known = std::collections::BTreeMap::new();
        Feed::new(|feed| async move {
            let mut is_ready = false;
            while let Some(event) = events.next().await {
                match event {
                    CacheEvent::Added(it) | CacheEvent::Changed { new: it, .. } => {
                        let instance = ServiceInstance::from_json(&it.data);
                        match instance.filter(|_| it.path != service) {
                            Some(instance) => drop(known.insert(it.path.clone(), instance)),
                            None => drop(known.remove(&it.path)),
                        }
                    }
                    CacheEvent::Removed(it) => drop(known.remove(&it.path)),
                    CacheEvent::Ready => is_ready = true,
                    CacheEvent::Gap => return,
                }
                if is_ready {
                    feed.put(known.values().cloned().map(Arc::new).collect()).await;
                }
            }
        })
    }
}
