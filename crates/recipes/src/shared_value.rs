//! Values that all can read and change.

use crate::again::until_answered;
use crate::error::{Error, may_work_later};
use crate::feed::Feed;
use crate::place::{event, wait_until_made};
use bytes::Bytes;
use zoarium_client::{Client, Data, OneShot, Zxid};

/// A value with the version it was read at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Versioned<T> {
    /// The value.
    pub value: T,
    /// Counts the writes of its znode.
    pub version: i32,
    /// The last write.
    pub zxid: Zxid,
}

impl Versioned<Bytes> {
    fn new(read: Data) -> Self {
        Self { value: read.data, version: read.stat.version, zxid: read.stat.mzxid }
    }
}

impl<T> Versioned<T> {
    fn map<R, E>(self, map: impl FnOnce(T) -> Result<R, E>) -> Result<Versioned<R>, E> {
        let Self { value, version, zxid } = self;
        Ok(Versioned { value: map(value)?, version, zxid })
    }
}

/// Bytes that all can read and change: Curator's `SharedValue`.
///
/// ```
/// use zoarium_client::Client;
/// use zoarium_recipes::SharedValue;
///
/// # mod examples { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/examples.rs")); }
/// # examples::serving(async |servers| {
/// # let client = Client::connect(servers).await?;
/// let motd = SharedValue::open(&client, "/motd", b"hello").await?;
/// let mut changes = motd.changes();
/// assert_eq!(changes.next().await.unwrap().value, "hello");
///
/// let read = motd.value().await?;
/// assert!(motd.try_set(&read, b"bye").await?);
/// assert!(!motd.try_set(&read, b"too late").await?);
/// assert_eq!(changes.next().await.unwrap().value, "bye");
/// # Ok(()) })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// It is one persistent znode. Nothing is held, so the loss of a session changes nothing; the stream
/// of changes goes on with the next one.
#[derive(Clone, Debug)]
pub struct SharedValue {
    client: Client,
    path: String,
}

impl SharedValue {
    /// The value at a path; made with `seed` if there is none.
    ///
    /// # Errors
    /// If a server refuses what is asked of it, or the client is closed.
    pub async fn open(
        client: &Client,
        path: impl Into<String>,
        seed: impl AsRef<[u8]>,
    ) -> Result<Self, Error> {
        let (client, path) = (client.clone(), path.into());
        let create = || client.create(path.as_str()).data(seed.as_ref()).container_parents();
        match until_answered(create).await {
            Err(error) if error.is_node_exists() => {}
            made => drop(made?),
        }
        Ok(Self { client, path })
    }

    pub(crate) const fn client(&self) -> &Client {
        &self.client
    }

    pub(crate) fn path(&self) -> &str {
        &self.path
    }

    /// The value, as the connected server has it; behind [`Client::sync`], as it was then.
    ///
    /// # Errors
    /// As [`SharedValue::open`], and if somebody has deleted the znode.
    pub async fn value(&self) -> Result<Versioned<Bytes>, Error> {
        Ok(Versioned::new(until_answered(|| self.client.get(self.path.as_str())).await?))
    }

    /// Replaces the value, whatever it is.
    ///
    /// # Errors
    /// As [`SharedValue::value`].
    pub async fn set(&self, value: impl AsRef<[u8]>) -> Result<(), Error> {
        let set = || self.client.set(self.path.as_str(), value.as_ref());
        Ok(until_answered(set).await.map(drop)?)
    }

    /// Replaces the value if nobody else has since it was read; false if somebody has.
    ///
    /// # Errors
    /// As [`SharedValue::value`]. When the answer is lost, so that nobody knows whether it was done,
    /// it says so ([`Error::may_be_done`]).
    pub async fn try_set<T>(
        &self,
        read: &Versioned<T>,
        value: impl AsRef<[u8]>,
    ) -> Result<bool, Error> {
        let set = || self.client.set(self.path.as_str(), value.as_ref()).version(read.version);
        match until_sent(set).await {
            Err(error) if error.is_bad_version() => Ok(false),
            set => Ok(set.map(|_| true)?),
        }
    }

    /// The values from here on, starting with the present one. Values that are replaced faster than
    /// they are read are left out; the last one is not. It ends when the client is closed or a server
    /// refuses to be asked.
    pub fn changes(&self) -> Feed<Versioned<Bytes>> {
        let shared = self.clone();
        Feed::new(|feed| async move {
            let mut last = None;
            loop {
                let read = until_answered(|| shared.client.get(shared.path.as_str()).watch()).await;
                let (read, changed) = match read {
                    Err(error) if error.is_no_node() => {
                        match wait_until_made(&shared.client, &shared.path).await {
                            Ok(()) => continue,
                            Err(_) => return,
                        }
                    }
                    Err(_) => return,
                    Ok(read) => read,
                };
                let (value, zxid) = (read.data, read.stat.mzxid);
                // A server that is behind may show an older one after a lost session.
                if last.is_none_or(|last| zxid > last) {
                    last = Some(zxid);
                    feed.put(Versioned { value, version: read.stat.version, zxid }).await;
                }
                if event(changed).await.is_err() {
                    return;
                }
            }
        })
    }
}

/// Tries again what was not sent. What may be done is not repeated.
pub(crate) async fn until_sent<R, A>(
    mut attempt: impl FnMut() -> A,
) -> Result<R, zoarium_client::Error>
where
    A: IntoFuture<Output = Result<R, zoarium_client::Error>>,
{
    let mut pauses = crate::again::Pauses::default();
    loop {
        match attempt().await {
            Err(error) if may_work_later(&error) && !error.may_be_done() => pauses.pause().await,
            answered => return answered,
        }
    }
}

/// A number of 32 bits that all can read and change: Curator's `SharedCount`, as which its znode
/// can be shared.
///
/// ```
/// use zoarium_client::Client;
/// use zoarium_recipes::SharedCount;
///
/// # mod examples { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/examples.rs")); }
/// # examples::serving(async |servers| {
/// # let client = Client::connect(servers).await?;
/// let workers = SharedCount::open(&client, "/workers", 4).await?;
/// let read = workers.value().await?;
/// assert!(workers.try_set(&read, read.value + 1).await?);
/// assert_eq!(workers.value().await?.value, 5);
/// # Ok(()) })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct SharedCount(SharedValue);

impl SharedCount {
    /// The number at a path; made with `seed` if there is none.
    ///
    /// # Errors
    /// As [`SharedValue::open`].
    pub async fn open(client: &Client, path: impl Into<String>, seed: i32) -> Result<Self, Error> {
        SharedValue::open(client, path, seed.to_be_bytes()).await.map(Self)
    }

    /// The number, as the connected server has it.
    ///
    /// # Errors
    /// As [`SharedValue::value`], and if the znode holds something else.
    pub async fn value(&self) -> Result<Versioned<i32>, Error> {
        self.number(self.0.value().await?)
    }

    /// The number, and when it changes.
    pub(crate) async fn watched(&self) -> Result<(Versioned<i32>, OneShot), Error> {
        let SharedValue { client, path } = &self.0;
        let (read, changed) = until_answered(|| client.get(path.as_str()).watch()).await?;
        Ok((self.number(Versioned::new(read))?, changed))
    }

    fn number(&self, value: Versioned<Bytes>) -> Result<Versioned<i32>, Error> {
        value.map(|bytes| {
            let number = bytes[..].try_into().map(i32::from_be_bytes);
            let (path, bytes) = (self.0.path.clone(), bytes.len());
            number.map_err(|_| Error::Data { path, wanted: "number of 4 bytes", bytes })
        })
    }

    /// Replaces the number, whatever it is.
    ///
    /// # Errors
    /// As [`SharedValue::set`].
    pub async fn set(&self, value: i32) -> Result<(), Error> {
        self.0.set(value.to_be_bytes()).await
    }

    /// Replaces the number if nobody else has since it was read; false if somebody has.
    ///
    /// # Errors
    /// As [`SharedValue::try_set`].
    pub async fn try_set(&self, read: &Versioned<i32>, value: i32) -> Result<bool, Error> {
        self.0.try_set(read, value.to_be_bytes()).await
    }

    /// The numbers from here on, as [`SharedValue::changes`]. Data that is none is left out.
    pub fn changes(&self) -> Feed<Versioned<i32>> {
        let mut values = self.0.changes();
        Feed::new(|feed| async move {
            while let Some(value) = values.next().await {
                let number = value.map(|bytes| bytes[..].try_into().map(i32::from_be_bytes));
                if let Ok(number) = number {
                    feed.put(number).await;
                }
            }
        })
    }
}
