//! Commands about the ensemble.

use crate::call::Call;
use crate::failure::Failure;
use crate::reply::Reply;
use crate::shell::Shell;
use crate::watches::Watching;
use std::fmt::Write;
use std::path::PathBuf;
use zoarium_client::{Stat, Zxid};

/// Where the configuration is.
const CONFIG: &str = "/zookeeper/config";

/// `config`.
pub(super) async fn config(shell: &Shell, call: &Call) -> Result<(), Failure> {
    let client = shell.client()?;
    let read = if call.has("w") {
        let (read, watch) = client.config().watch().await?;
        shell.watches.add_once(CONFIG, Watching::Data, watch);
        read
    } else {
        client.config().await?
    };
    let text = String::from_utf8_lossy(&read.data).into_owned();
    let text = if call.has("c") { client_addresses(&text) } else { text };
    say(shell, call, text, read.stat, false)
}

fn say(shell: &Shell, call: &Call, text: String, stat: Stat, is_new: bool) -> Result<(), Failure> {
    shell.say(&Reply::Config { text, stat, with_stat: call.has("s"), is_new })
}

/// The version of a configuration, and where its servers listen for clients.
fn client_addresses(config: &str) -> String {
    let (mut version, mut addresses) = (String::new(), Vec::new());
    for (key, value) in config.lines().filter_map(|line| line.split_once('=')) {
        if key == "version" {
            value.clone_into(&mut version);
        } else if key.starts_with("server.")
            && let Some((_, client)) = value.rsplit_once(';')
        {
            addresses.push(client.trim());
        }
    }
    format!("{version} {}", addresses.join(","))
}

/// `reconfig`.
pub(super) async fn reconfig(shell: &Shell, call: &Call) -> Result<(), Failure> {
    let said = |text: &str| Err(Failure::Said(text.to_owned()));
    let (whole, partial) =
        (call.has("file") || call.has("members"), call.has("add") || call.has("remove"));
    match (whole, partial) {
        (false, false) => return Err(Failure::Usage { spec: call.spec }),
        (true, true) => {
            return said(
                "Can't use -file or -members together with -add or -remove (mixing incremental \
                 and non-incremental modes is not allowed)",
            );
        }
        (true, false) | (false, true) => {}
    }
    if call.has("file") && call.has("members") {
        return said("Can't use -file and -members together (conflicting non-incremental modes)");
    }
    let client = shell.client()?;
    let mut change = client.reconfigure();
    if let Some(text) = call.value("v") {
        let Ok(version) = i64::from_str_radix(text, 16) else {
            return said("-v must be followed by a long (configuration version)");
        };
        change = change.version(Zxid::from_wire(version));
    }
    if let Some(path) = call.value("file") {
        change = change.members(members_of(path)?);
    }
    for (name, value) in ["members", "add", "remove"].map(|name| (name, call.value(name))) {
        let Some(value) = value.map(str::to_lowercase) else { continue };
        change = match name {
            "members" => change.members(value),
            "add" => change.joining(value),
            _ => change.leaving(value),
        };
    }
    let new = change.await?;
    let text = String::from_utf8_lossy(&new.data).into_owned();
    say(shell, call, text, new.stat, true)
}

/// The members in a dynamic configuration file, as they are sent.
fn members_of(path: &str) -> Result<String, Failure> {
    let path = PathBuf::from(path);
    let text = std::fs::read_to_string(&path)
        .map_err(|source| Failure::File { path: path.clone(), source })?;
    let mut members = String::new();
    let lines = text.lines().map(str::trim).filter(|line| {
        ["server.", "group.", "weight."].iter().any(|start| line.starts_with(start))
    });
    for line in lines {
        let comma = if members.is_empty() { "" } else { "," };
        let _ = write!(members, "{comma}{line}");
    }
    match members.is_empty() {
        true => Err(Failure::Format { path, why: "no server.N line".to_owned() }),
        false => Ok(members),
    }
}

#[cfg(test)]
mod tests {
    use super::client_addresses;

    #[test]
    fn addresses_for_clients_stand_behind_the_version() {
        let config = "server.1=a:1:2:participant;0.0.0.0:2181\nserver.2=b:1:2:observer;b:2182\n\
                      version=100000000";
        assert_eq!(client_addresses(config), "100000000 0.0.0.0:2181,b:2182");
        assert_eq!(client_addresses(""), " ");
    }
}
