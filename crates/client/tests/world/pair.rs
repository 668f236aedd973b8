//! Two servers that make an ensemble, of which one may be alone for a while.

use super::{empty_directory, start_with};
use std::net::TcpListener;
use std::path::PathBuf;
use std::time::Duration;
use zoarium_client::{Backoff, Client, ClientBuilder};
use zoarium_server::Server;

/// Both answer reads while they have no ensemble.
pub(crate) struct ReadOnlyPair {
    servers: Vec<Server>,
    data: [PathBuf; 2],
    /// Client, quorum and election port of each.
    ports: [[u16; 3]; 2],
}

impl ReadOnlyPair {
    /// Starts the first one.
    pub(crate) async fn start() -> Self {
        let listeners = [(); 6].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
        let port = |index: usize| listeners[index].local_addr().unwrap().port();
        let ports = [[port(0), port(1), port(2)], [port(3), port(4), port(5)]];
        drop(listeners);
        let data = [(); 2].map(|()| empty_directory());
        let mut pair = Self { servers: Vec::new(), data, ports };
        pair.start_server(0).await;
        pair
    }

    /// Starts the second one.
    pub(crate) async fn complete(&mut self) {
        self.start_server(1).await;
    }

    async fn start_server(&mut self, index: usize) {
        let [client, ..] = self.ports[index];
        let data = &self.data[index];
        std::fs::write(data.join("myid"), format!("{}\n", index + 1)).unwrap();
        let mut config = format!(
            "tickTime=100\ninitLimit=50\nsyncLimit=20\nclientPort={client}\n\
             clientPortAddress=127.0.0.1\nadmin.enableServer=false\n4lw.commands.whitelist=*\n\
             dataDir={}\n",
            data.display()
        );
        for (sid, [_, quorum, election]) in (1..).zip(self.ports) {
            config += &format!("server.{sid}=127.0.0.1:{quorum}:{election}\n");
        }
        let defines = ["readonlymode.enabled=true".to_owned()];
        self.servers.push(start_with(&config, &defines).await.unwrap());
    }

    pub(crate) fn builder(&self) -> ClientBuilder {
        let servers = self.ports.map(|[client, ..]| format!("127.0.0.1:{client}"));
        let (first, longest) = (Duration::from_millis(1), Duration::from_millis(50));
        Client::builder(servers.join(",")).backoff(Backoff { first, longest })
    }
}

impl Drop for ReadOnlyPair {
    fn drop(&mut self) {
        self.servers.drain(..).for_each(|server| server.stop());
        // The system clears its temporary files when this cannot.
        let _left_over = self.data.each_ref().map(std::fs::remove_dir_all);
    }
}
