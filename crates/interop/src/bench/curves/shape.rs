//! A tree of the shape that large installations have: long paths, little data, one parent with a
//! million children.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use super::told::{Told, row};
use super::{Ground, NO_SNAPSHOTS, Stage, micros};
use crate::bench::contender::Maker;
use crate::bench::figures::number;
use crate::bench::pipe::{Pipe, list};
use crate::session::SUPER_CFG;

const PARENT: &str = "/production/region-eu-central-1/cluster-0042/services/\
                      payment-gateway-settlement/instances";
const PATH_BYTES: usize = 115;
const NAME_BYTES: usize = 24;
const _: () = assert!(PARENT.len() + 1 + NAME_BYTES == PATH_BYTES);
const DATA: [u8; 46] = [7; 46];
/// Rows of the table: what is shown, and its field.
const FIGURES: &[(&str, &str)] = &[
    ("children of one parent, paths of 115 B, data of 46 B", "znodes"),
    ("creates, s", "fill_s"),
    ("resident bytes of each znode when created", "bytes_per_znode"),
    ("and when loaded, the server's own included", "bytes_per_znode_loaded"),
    ("snapshot, s", "snapshot_s"),
    ("from start to first answer, s", "load_s"),
    ("listing of all children, the first time, ms", "listing_first_ms"),
    ("and later, ms", "listing_ms"),
];
/// Listings that are timed.
const LISTINGS: usize = 5;

fn name(index: usize) -> String {
    let digits = NAME_BYTES - "instance-".len();
    format!("instance-{index:0digits$}")
}

pub(super) fn run(ground: &Ground<'_>, told: &mut Told) -> Result<()> {
    let mut rows: Vec<Vec<String>> = FIGURES.iter().map(|(name, ..)| row([name])).collect();
    rows.insert(0, row([""]));
    told.json = ground.of_each(|maker| {
        let story = of(ground, maker)?;
        rows[0].push(maker.name().to_owned());
        for (row, (_, field)) in rows[1..].iter_mut().zip(FIGURES) {
            row.push(number(story[field].as_f64().context("a figure is missing")?));
        }
        Ok(story)
    })?;
    told.table(rows);
    Ok(())
}

fn of(ground: &Ground<'_>, maker: &Maker) -> Result<Value> {
    let count = ground.choose(200_000, 1_000_000);
    let port = ground.tools.port();
    let admin = [format!("admin.serverPort={port}"), "admin.serverAddress=127.0.0.1".to_owned()];
    // The last line of a name counts.
    let lines = [NO_SNAPSHOTS, SUPER_CFG, "admin.enableServer=true", &admin[0], &admin[1]];
    let mut stage = ground.start(maker, &lines)?;
    let mut pipe = Pipe::open(stage.port())?;
    let (empty, began) = (stage.resident_bytes()?, Instant::now());
    pipe.fill(count, &DATA, PARENT, name)?;
    let filled = began.elapsed();
    let per_znode = stage.resident_bytes()?.saturating_sub(empty) as f64 / count as f64;
    let listings = listings(&mut pipe)?;
    drop(pipe);
    let snapshot = match maker {
        Maker::Zoarium | Maker::Earlier { .. } => snapshot(port)?,
        Maker::Apache => {
            // Its admin server needs jars that nothing else does, but it takes one at every start.
            restart(&mut stage)?;
            snapshot_told(&stage.servers.log(0)?)?
        }
    };
    let load = restart(&mut stage)?;
    let loaded = stage.resident_bytes()? as f64 / count as f64;
    let first = micros(listings[0]);
    let later = micros(listings[listings.len() / 2]);
    Ok(json!({
        "znodes": count, "bytes_per_znode": per_znode, "bytes_per_znode_loaded": loaded,
        "fill_s": filled.as_secs_f64(), "snapshot_s": snapshot.as_secs_f64(),
        "load_s": load.as_secs_f64(), "listing_first_ms": first / 1e3, "listing_ms": later / 1e3,
    }))
}

fn listings(pipe: &mut Pipe) -> Result<Vec<Duration>> {
    let mut times = Vec::new();
    for _ in 0..LISTINGS {
        let ((op, body), began) = (list(PARENT), Instant::now());
        pipe.call(op, body).context("list the children")?;
        times.push(began.elapsed());
    }
    Ok(times)
}

/// How long a server takes from its start to the first answer.
fn restart(stage: &mut Stage) -> Result<Duration> {
    stage.servers.stop(0)?;
    let began = Instant::now();
    stage.servers.launch(0)?;
    stage.servers.wait_serving(0)?;
    Ok(began.elapsed())
}

/// How long Apache's last snapshot took, from its log.
fn snapshot_told(log: &str) -> Result<Duration> {
    let told = log.rsplit_once("Snapshot taken in ").context("the log tells of no snapshot")?;
    let ms = told.1.split(' ').next().unwrap_or_default();
    Ok(Duration::from_millis(ms.parse().with_context(|| format!("a snapshot took {ms:?}"))?))
}

/// Has the server write a snapshot, and returns how long that took.
fn snapshot(port: u16) -> Result<Duration> {
    let began = Instant::now();
    let mut stream =
        TcpStream::connect(("127.0.0.1", port)).context("connect to the admin port")?;
    let request = "GET /commands/snapshot?streaming=false HTTP/1.1\r\nHost: localhost\r\n\
                   Authorization: digest super:pw\r\nConnection: close\r\n\r\n";
    stream.write_all(request.as_bytes())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).context("answer to a snapshot")?;
    let status = answer.lines().next().unwrap_or_default();
    ensure!(status.contains(" 200 "), "a snapshot was answered with {answer:?}");
    Ok(began.elapsed())
}
