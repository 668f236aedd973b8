//! Configuration that is published in one place and followed everywhere.

use crate::again::until_answered;
use crate::error::{Error, Lost};
use crate::feed::Feed;
use crate::place::below;
use crate::shared_value::SharedValue;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::sync::Arc;
use tokio::sync::watch;
use tokio::task::AbortHandle;
use zoarium_client::{Client, Znode};

/// Configuration of a type `T`, published in versions: complete ones, which are all kept.
///
/// ```
/// use serde::{Deserialize, Serialize};
/// use zoarium_client::Client;
/// use zoarium_recipes::Configuration;
///
/// #[derive(Serialize, Deserialize)]
/// struct Limits {
///     uploads: u32,
/// }
///
/// # mod examples { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/examples.rs")); }
/// # examples::serving(async |servers| {
/// # let client = Client::connect(servers).await?;
/// let configuration = Configuration::new(&client, "/config/api");
/// configuration.publish(&Limits { uploads: 5 }).await?;
///
/// let mut limits = configuration.follow().await?;
/// assert_eq!(limits.current().value.uploads, 5);
///
/// configuration.publish(&Limits { uploads: 9 }).await?;
/// assert_eq!(limits.changed().await?.value.uploads, 9);
///
/// configuration.go_back_to(1).await?;
/// assert_eq!(limits.changed().await?.value.uploads, 5);
/// # Ok(()) })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Layout
///
/// `/path/versions/N`, JSON that is never changed, and `/path/current`, the number of the version
/// in force. Publishing writes both in one transaction, and only if nobody else has published since:
/// whoever follows sees complete versions, in the order in which they were published.
///
/// Following goes on over lost connections and sessions with the version known last. A version that
/// is no `T`, as one of a newer program may be, is passed over and reported.
#[derive(Debug)]
pub struct Configuration<T> {
    client: Client,
    path: String,
    of: std::marker::PhantomData<fn() -> T>,
}

/// A version of a configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version<T> {
    /// Its number, counted from 1.
    pub number: u64,
    /// What it says.
    pub value: T,
}

/// A configuration that could not be read, or why there is no newer one.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigurationError {
    /// Nothing was published yet.
    #[error("{path}: nothing is published")]
    Nothing {
        /// The configuration.
        path: String,
    },
    /// A version is not of the wanted type.
    #[error("{path}: {why}")]
    Invalid {
        /// The version's path.
        path: String,
        /// What is wrong.
        why: Arc<serde_json::Error>,
    },
    /// It could not be read or written.
    #[error(transparent)]
    Recipe(#[from] Error),
}

impl From<zoarium_client::Error> for ConfigurationError {
    fn from(error: zoarium_client::Error) -> Self {
        Self::Recipe(error.into())
    }
}

impl<T> Clone for Configuration<T> {
    fn clone(&self) -> Self {
        Self::new(&self.client, self.path.clone())
    }
}

impl<T> Configuration<T> {
    /// The configuration at a path. Nothing is made before something is published.
    pub fn new(client: &Client, path: impl Into<String>) -> Self {
        Self { client: client.clone(), path: path.into(), of: std::marker::PhantomData }
    }

    fn current(&self) -> String {
        below(&self.path, "current")
    }

    fn version(&self, number: u64) -> String {
        below(&below(&self.path, "versions"), &number.to_string())
    }

    async fn pointer(&self) -> Result<SharedValue, Error> {
        SharedValue::open(&self.client, self.current(), b"0").await
    }

    /// Puts an earlier version in force again.
    ///
    /// # Errors
    /// If there is no such version, a server refuses what is asked of it, or the client is closed.
    pub async fn go_back_to(&self, number: u64) -> Result<(), ConfigurationError> {
        let (version, current) = (self.version(number), self.current());
        let go_back = || {
            let check = self.client.transaction().check_exists(version.as_str());
            check.set(current.as_str(), number.to_string().into_bytes())
        };
        Ok(until_answered(go_back).await.map(drop)?)
    }
}

impl<T: Serialize> Configuration<T> {
    /// Publishes another version; the result is its number.
    ///
    /// # Errors
    /// If a server refuses what is asked of it, or the client is closed. When an answer is lost it
    /// may be published ([`Error::may_be_done`]).
    pub async fn publish(&self, value: &T) -> Result<u64, ConfigurationError> {
        let invalid = |why| ConfigurationError::Invalid { path: self.path.clone(), why };
        let json = serde_json::to_vec_pretty(value).map_err(|why| invalid(Arc::new(why)))?;
        let pointer = self.pointer().await?;
        self.make_versions().await?;
        loop {
            let read = pointer.value().await?;
            // Behind all that were ever published, those that were gone back from among them.
            let number = self.last_number().await? + 1;
            let (version, current) = (self.version(number), self.current());
            let publish = || {
                let version = Znode::new(version.as_str()).data(&json[..]);
                let number = number.to_string().into_bytes();
                let made = self.client.transaction().create(version);
                made.set_version(current.as_str(), number, read.version)
            };
            match crate::shared_value::until_sent(publish).await {
                // Somebody else was faster.
                Err(error) if error.is_bad_version() || error.is_node_exists() => {}
                published => return Ok(published.map(|_| number)?),
            }
        }
    }

    async fn make_versions(&self) -> Result<(), Error> {
        let path = below(&self.path, "versions");
        match until_answered(|| self.client.create(path.as_str()).parents()).await {
            Err(error) if error.is_node_exists() => Ok(()),
            made => Ok(made.map(drop)?),
        }
    }

    async fn last_number(&self) -> Result<u64, Error> {
        let path = below(&self.path, "versions");
        let versions = until_answered(|| self.client.children(path.as_str())).await?;
        Ok(versions.names.iter().filter_map(|name| name.parse().ok()).max().unwrap_or(0))
    }
}

impl<T: DeserializeOwned + Send + Sync + 'static> Configuration<T> {
    /// The version in force.
    ///
    /// # Errors
    /// If there is none, it is not of this type, a server refuses what is asked of it, or the client
    /// is closed.
    pub async fn get(&self) -> Result<Version<T>, ConfigurationError> {
        let number = self.pointer().await?.value().await?.value;
        self.read(&number).await
    }

    async fn read(&self, number: &[u8]) -> Result<Version<T>, ConfigurationError> {
        let parsed = std::str::from_utf8(number).ok().and_then(|text| text.parse::<u64>().ok());
        let number = parsed.filter(|number| *number > 0);
        let number = number.ok_or(ConfigurationError::Nothing { path: self.path.clone() })?;
        let path = self.version(number);
        let read = until_answered(|| self.client.get(path.as_str())).await?;
        match serde_json::from_slice(&read.data) {
            Ok(value) => Ok(Version { number, value }),
            Err(why) => Err(ConfigurationError::Invalid { path, why: Arc::new(why) }),
        }
    }

    /// Follows the version in force, which there must be.
    ///
    /// # Errors
    /// As [`Configuration::get`].
    pub async fn follow(&self) -> Result<Followed<T>, ConfigurationError> {
        let pointer = self.pointer().await?;
        let mut numbers = pointer.changes();
        let closed = || ConfigurationError::Recipe(Lost::Closed.into());
        let first = numbers.next().await.ok_or_else(closed)?;
        let first = self.read(&first.value).await?;
        let (versions, current) = watch::channel(Arc::new(first));
        let configuration = self.clone();
        let (faults, reported) = watch::channel(None);
        let task = tokio::spawn(async move {
            while let Some(number) = numbers.next().await {
                match configuration.read(&number.value).await {
                    Ok(version) => {
                        faults.send_replace(None);
                        versions.send_replace(Arc::new(version));
                    }
                    Err(fault) => {
                        tracing::warn!(%fault, "a configuration is passed over");
                        faults.send_replace(Some(fault));
                    }
                }
            }
        });
        Ok(Followed { current, faults: reported, task: task.abort_handle() })
    }
}

/// A configuration that is followed.
#[derive(Debug)]
pub struct Followed<T> {
    current: watch::Receiver<Arc<Version<T>>>,
    faults: watch::Receiver<Option<ConfigurationError>>,
    task: AbortHandle,
}

impl<T: Send + Sync + 'static> Followed<T> {
    /// The last version that could be read. This costs nothing: ask whenever a value is needed.
    pub fn current(&self) -> Arc<Version<T>> {
        Arc::clone(&self.current.borrow())
    }

    /// Waits for the next version. Versions that follow each other faster are left out; the last one
    /// is not.
    ///
    /// # Errors
    /// If the client is closed.
    pub async fn changed(&mut self) -> Result<Arc<Version<T>>, Error> {
        match self.current.changed().await {
            Ok(()) => Ok(Arc::clone(&self.current.borrow_and_update())),
            Err(_) => Err(Lost::Closed.into()),
        }
    }

    /// Why the version in force is not [`Followed::current`], if it is not.
    pub fn fault(&self) -> Option<ConfigurationError> {
        self.faults.borrow().clone()
    }

    /// The versions from here on, starting with the present one.
    pub fn changes(&self) -> Feed<Arc<Version<T>>> {
        let mut current = self.current.clone();
        Feed::new(|feed| async move {
            loop {
                let version = Arc::clone(&current.borrow_and_update());
                feed.put(version).await;
                if current.changed().await.is_err() {
                    return;
                }
            }
        })
    }
}

impl<T> Drop for Followed<T> {
    fn drop(&mut self) {
        self.task.abort();
    }
}
