//! `watch`: a subtree as a live log.

use crate::call::Call;
use crate::failure::Failure;
use crate::reply::{Reply, event_name, json_bytes};
use crate::shell::Shell;
use crate::time::{duration, now_ms, time_of_day};
use serde_json::json;
use tokio::time::{Instant, timeout_at};
use zoarium_client::{Change, Client, Event, EventType};

/// Data that is shown of a znode, in bytes.
const SHOWN: usize = 200;

/// `watch`.
pub(super) async fn run(shell: &Shell, call: &Call) -> Result<(), Failure> {
    let client = shell.client()?;
    let mut left = call.number::<u64>("count")?.unwrap_or(u64::MAX);
    let end = match call.value("for") {
        None => None,
        Some(text) => {
            let wrong = || Failure::Value { what: "--for".to_owned(), text: text.to_owned() };
            Some(Instant::now() + duration(text).ok_or_else(wrong)?)
        }
    };
    let mut watch = client.watch(call.path()).recursive().across_sessions().await?;
    while left > 0 {
        let change = match end {
            None => watch.next().await,
            Some(end) => match timeout_at(end, watch.next()).await {
                Ok(change) => change,
                Err(_) => return Ok(()),
            },
        };
        match change {
            Some(Change::Event(event)) => {
                left -= 1;
                say(shell, call, &client, &event).await?;
            }
            Some(Change::Gap) => {
                let text = format!("{}  changes may have been missed", time_of_day(now_ms()));
                shell.say(&Reply::Lines { text, value: json!({ "gap": true }) })?;
            }
            None => return Err(Failure::NotConnected),
        }
    }
    Ok(())
}

async fn say(shell: &Shell, call: &Call, client: &Client, event: &Event) -> Result<(), Failure> {
    let now = now_ms();
    let zxid = event.zxid.map(|zxid| zxid.to_string());
    let mut value =
        json!({ "time": now, "type": event_name(event.kind), "path": &*event.path, "zxid": zxid });
    let mut text = format!(
        "{}  {:<16} {} {}",
        time_of_day(now),
        event_name(event.kind).trim_start_matches("Node"),
        zxid.as_deref().unwrap_or("-"),
        event.path
    );
    let has_data = matches!(event.kind, EventType::NodeCreated | EventType::NodeDataChanged);
    if call.has("data") && has_data {
        // It may have changed again, or be gone; the log then goes on to say so.
        if let Ok(read) = client.get(&*event.path).await {
            let shown = read.data.get(..SHOWN).unwrap_or(&read.data);
            text += &format!("  {:?}", String::from_utf8_lossy(shown));
            json_bytes(&mut value, Some(&read.data));
        }
    }
    shell.say(&Reply::Lines { text, value })
}
