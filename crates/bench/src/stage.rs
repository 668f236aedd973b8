//! What a workload finds, and what it must leave: set up and checked over the comfortable client.

use crate::error::BenchError;
use crate::settings::{Settings, Side};
use crate::source::Znodes;
use crate::workload::Workload;
use tokio::runtime::{Builder, Runtime};
use zoarium_client::Client;

/// How many requests are under way at once while setting up.
const WINDOW: usize = 500;

/// A session beside the measured ones.
#[derive(Debug)]
pub(crate) struct Stage {
    runtime: Runtime,
    client: Client,
    root: String,
    reuses: bool,
}

impl Stage {
    pub(crate) fn open(side: &Side, settings: &Settings) -> Result<Self, BenchError> {
        // With a thread of its own, so that the session lives while what is measured runs.
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.map_err(BenchError::system("a runtime"))?;
        let client = runtime.block_on(async {
            let servers = side.servers.servers.iter().map(ToString::to_string);
            let mut builder = Client::builder(servers.collect::<Vec<_>>().join(","))
                .session_timeout(settings.session_timeout);
            for (scheme, credentials) in &settings.identities {
                builder = builder.auth(scheme, credentials.clone());
            }
            builder.connect().await
        })?;
        Ok(Self { runtime, client, root: root(side, settings), reuses: settings.reuse })
    }

    /// Makes the znodes of a workload, in place of those that an earlier one left, or as far as
    /// that did not make them.
    pub(crate) fn set(&self, workload: &Workload) -> Result<Znodes, BenchError> {
        if !self.reuses {
            self.strike()?;
        }
        let (parent, made) = (format!("{}/data", self.root), format!("{}/made", self.root));
        let znodes = Znodes {
            keys: (0..workload.keys).map(|key| format!("{parent}/z{key:07}")).collect(),
            value: vec![b'x'; workload.size.1],
            size: workload.size,
            parent,
            made,
        };
        self.runtime.block_on(self.make(&znodes))?;
        Ok(znodes)
    }

    async fn make(&self, znodes: &Znodes) -> Result<(), BenchError> {
        let failed = BenchError::setup("making the znodes");
        let left = self.client.delete(&znodes.made).recursive().if_exists();
        left.send().await.map_err(&failed)?;
        self.client.create(&znodes.made).parents().await.map_err(&failed)?;
        let found = self.client.exists(&znodes.parent).await.map_err(&failed)?;
        let there = match found {
            Some(stat) => usize::try_from(stat.num_children).unwrap_or(0),
            None => {
                self.client.create(&znodes.parent).await.map_err(&failed)?;
                0
            }
        };
        for keys in znodes.keys[there.min(znodes.keys.len())..].chunks(WINDOW) {
            let data = &znodes.value[..znodes.size.0];
            let sent: Vec<_> =
                keys.iter().map(|key| self.client.create(key).data(data).send()).collect();
            for created in sent {
                created.await.map_err(&failed)?;
            }
        }
        Ok(())
    }

    /// How many znodes were made, and are there.
    pub(crate) fn made(&self, znodes: &Znodes) -> Result<u64, BenchError> {
        let counted = self.runtime.block_on(async {
            // Another server may be behind the one that has answered.
            self.client.sync().await?;
            self.client.exists(&znodes.made).await
        });
        let stat = counted.map_err(BenchError::setup("counting the znodes"))?;
        Ok(stat.map_or(0, |stat| u64::try_from(stat.num_children).unwrap_or(0)))
    }

    /// Removes everything.
    pub(crate) fn strike(&self) -> Result<(), BenchError> {
        let removed = self.client.delete(&self.root).recursive().if_exists();
        self.runtime.block_on(removed.send()).map_err(BenchError::setup("removing the znodes"))
    }

    pub(crate) fn close(self) {
        // The session ends by itself if this does not end it.
        let _closed = self.runtime.block_on(self.client.close());
    }
}

/// The root below the chroot that the servers were given with.
fn root(side: &Side, settings: &Settings) -> String {
    side.servers.chroot.join(&settings.root).into_owned()
}
