//! Follows a znode: prints its data, and prints it again whenever it changes, over broken
//! connections and lost sessions.
//!
//! ```sh
//! cargo run -p zoarium-client --example follow -- localhost:2181 /motd
//! ```

use std::error::Error;
use std::io::{Write, stdout};
use zoarium_client::Client;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [servers, path] = &arguments[..] else {
        return Err("usage: follow SERVERS PATH".into());
    };
    let client = Client::connect(servers).await?;
    // The watch comes first: what changes after the read is told.
    let mut changes = client.watch(path).across_sessions().await?;
    loop {
        match client.get(path).await {
            Ok(znode) => {
                let data = String::from_utf8_lossy(&znode.data);
                writeln!(stdout(), "version {}: {data}", znode.stat.version)?;
            }
            Err(error) if error.is_no_node() => writeln!(stdout(), "there is no {path}")?,
            Err(error) => writeln!(stdout(), "{error}")?,
        }
        // An event, or a gap in which something may have happened: look again.
        if changes.next().await.is_none() {
            return Ok(());
        }
    }
}
