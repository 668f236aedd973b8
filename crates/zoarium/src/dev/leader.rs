//! Who leads, for people who watch the ensemble come up.

use super::say;
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

const ASKING_INTERVAL: Duration = Duration::from_millis(250);

/// After this long something is wrong, and the servers' own log says what.
const PATIENCE: Duration = Duration::from_secs(60);

/// Says who leads when these servers serve, which are known by their client ports.
pub(super) async fn announce(client_ports: BTreeMap<u8, u16>) {
    let line = match timeout(PATIENCE, leader(&client_ports)).await {
        Ok(leader) => {
            let serving: Vec<_> = client_ports.keys().map(u8::to_string).collect();
            format!("the ensemble serves: {leader} leads, serving are {}", serving.join(", "))
        }
        Err(_) => format!("no leader was seen for {} s", PATIENCE.as_secs()),
    };
    say(&line);
}

/// The leader, once all of them serve.
async fn leader(client_ports: &BTreeMap<u8, u16>) -> u8 {
    loop {
        let mut leader = None;
        let mut all_serve = true;
        for (id, port) in client_ports {
            match mode(*port).await.as_deref() {
                Some("leader") => leader = Some(*id),
                Some(_) => {}
                None => all_serve = false,
            }
        }
        match leader.filter(|_| all_serve) {
            Some(leader) => return leader,
            None => sleep(ASKING_INTERVAL).await,
        }
    }
}

/// What a server says it is; `None` if it does not serve.
async fn mode(client_port: u16) -> Option<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", client_port)).await.ok()?;
    stream.write_all(b"srvr").await.ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.ok()?;
    answer.lines().find_map(|line| line.strip_prefix("Mode: ")).map(str::to_owned)
}
