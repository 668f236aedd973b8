//! Makes many znodes as fast as the server takes them, reads them back in one go, and says how long
//! that took.
//!
//! ```sh
//! cargo run --release -p zoarium-client --example bulk -- localhost:2181/bulk 100000
//! ```

use std::error::Error;
use std::io::{Write, stdout};
use std::time::Instant;
use zoarium_client::Client;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [servers, count] = &arguments[..] else {
        return Err("usage: bulk SERVERS COUNT".into());
    };
    let count: usize = count.parse()?;
    let client = Client::connect(servers).await?;
    client.delete("/items").recursive().if_exists().await?;
    client.create("/items").parents().await?;

    // Nothing is awaited between requests, so that they travel together. How many are under way is
    // bounded by the client.
    let began = Instant::now();
    let path = |number: usize| format!("/items/{number}");
    let creates: Vec<_> =
        (0..count).map(|number| client.create(path(number)).data(b"x").send()).collect();
    for create in creates {
        create.await?;
    }
    writeln!(stdout(), "made {count} znodes in {:?}", began.elapsed())?;

    let began = Instant::now();
    let reads: Vec<_> = (0..count).map(|number| client.get(path(number)).send()).collect();
    let mut bytes = 0;
    for read in reads {
        bytes += read.await?.data.len();
    }
    writeln!(stdout(), "read {bytes} bytes in {:?}", began.elapsed())?;

    let metrics = client.metrics();
    let half = metrics.latency.quantile(0.5).unwrap_or_default();
    writeln!(stdout(), "half of all answers came within {half:?}")?;
    client.delete("/items").recursive().await?;
    client.close().await?;
    Ok(())
}
