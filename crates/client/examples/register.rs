//! Registers a service under an ephemeral znode for as long as this program runs, over broken
//! connections and lost sessions.
//!
//! ```sh
//! cargo run -p zoarium-client --example register -- localhost:2181 /services/web 10.0.0.7:80
//! ```

use std::error::Error;
use std::io::{Write, stdout};
use zoarium_client::{Client, Generation, State, Verdict};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [servers, path, address] = &arguments[..] else {
        return Err("usage: register SERVERS PATH ADDRESS".into());
    };
    let client = Client::connect(servers).await?;
    let mut states = client.states();
    let mut registered = Generation::default();
    while let Some(state) = states.next().await {
        match state {
            // What is ephemeral belongs to one session: another generation needs another one.
            State::Connected(session) if session.generation != registered => {
                let name = register(&client, path, address).await?;
                registered = session.generation;
                writeln!(stdout(), "registered as {name}")?;
            }
            State::Connected(_) => writeln!(stdout(), "connected again, still registered")?,
            // Others may still see it, or not any more after this.
            State::Suspended { until, .. } => {
                let left = until.saturating_duration_since(tokio::time::Instant::now());
                writeln!(stdout(), "no connection; registered for {left:?} at least")?;
            }
            State::Lost { why, .. } => writeln!(stdout(), "not registered: {why:?}")?,
            State::Connecting | State::AuthFailed | State::Closed => {}
        }
    }
    Ok(())
}

async fn register(client: &Client, path: &str, address: &str) -> Result<String, Box<dyn Error>> {
    loop {
        // Protected: of two attempts with a lost answer between them, one znode is left.
        let create = client.create(format!("{path}/instance-")).data(address.as_bytes());
        match create.ephemeral().sequential().protected().parents().await {
            Ok(made) => return Ok(made.path),
            Err(error) if error.verdict() == Verdict::Never => return Err(error.into()),
            Err(_) => {}
        }
    }
}
