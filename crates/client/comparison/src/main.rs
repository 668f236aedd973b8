//! One load, through our client or kezhuw's: `comparison zoarium|kezhuw SERVERS LOAD`.
//! What it prints is one line of `run.sh`'s table. `load.c` is the same for Apache's C client.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::time::{Duration, Instant};

const PATH: &str = "/comparison";
const DATA: [u8; 100] = [7; 100];
/// Requests under way at a time, where it is not one.
const WINDOW: usize = 100;

type Failure = Box<dyn std::error::Error>;

fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [client, servers, load] = &arguments[..] else {
        return Err("usage: comparison zoarium|kezhuw SERVERS LOAD".into());
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let line = match client.as_str() {
        "zoarium" => runtime.block_on(zoarium(servers, load))?,
        "kezhuw" => runtime.block_on(kezhuw(servers, load))?,
        other => return Err(format!("no client {other:?}").into()),
    };
    println!("{load} {client} {line}");
    Ok(())
}

async fn zoarium(servers: &str, load: &str) -> Result<String, Failure> {
    use zoarium_client::Client;
    let builder = || Client::builder(servers).session_timeout(Duration::from_secs(60));
    let client = builder().connect().await?;
    let rest = memory();
    Ok(match load {
        "prepare" => match client.create(PATH).data(&DATA).await {
            Err(error) if !error.is_node_exists() => return Err(error.into()),
            _ => String::new(),
        },
        "get-alone" => timed(20_000, 1, || client.get(PATH).send()).await,
        "get" => timed(400_000, WINDOW, || client.get(PATH).send()).await,
        "set-alone" => timed(3_000, 1, || client.set(PATH, &DATA).send()).await,
        "set" => timed(100_000, WINDOW, || client.set(PATH, &DATA).send()).await,
        "watches" => {
            let mut watches = Vec::new();
            let mut under_way = VecDeque::new();
            for number in 0..100_000 {
                under_way.push_back(client.exists(watched(number)).watch().send());
                if under_way.len() == WINDOW {
                    watches.push(under_way.pop_front().expect("a full window").await?.1);
                }
            }
            for last in under_way {
                watches.push(last.await?.1);
            }
            format!("{} B", (memory() - rest) / watches.len())
        }
        "clients" => {
            let mut clients = Vec::new();
            for _ in 0..1000 {
                clients.push(builder().connect().await?);
                clients.last().expect("one more").get(PATH).await?;
            }
            format!("{} B", (memory() - rest) / clients.len())
        }
        other => return Err(format!("no load {other:?}").into()),
    })
}

async fn kezhuw(servers: &str, load: &str) -> Result<String, Failure> {
    use zookeeper_client::Client;
    let connector = || Client::connector().with_session_timeout(Duration::from_secs(60));
    let client = connector().connect(servers).await?;
    let rest = memory();
    Ok(match load {
        "get-alone" => timed(20_000, 1, || client.get_data(PATH)).await,
        "get" => timed(400_000, WINDOW, || client.get_data(PATH)).await,
        "set-alone" => timed(3_000, 1, || client.set_data(PATH, &DATA, None)).await,
        "set" => timed(100_000, WINDOW, || client.set_data(PATH, &DATA, None)).await,
        "watches" => {
            let mut watches = Vec::new();
            let mut under_way = VecDeque::new();
            for number in 0..100_000 {
                let path = watched(number);
                under_way.push_back(client.check_and_watch_stat(&path));
                if under_way.len() == WINDOW {
                    watches.push(under_way.pop_front().expect("a full window").await?.1);
                }
            }
            for last in under_way {
                watches.push(last.await?.1);
            }
            format!("{} B", (memory() - rest) / watches.len())
        }
        "clients" => {
            let mut clients = Vec::new();
            for _ in 0..1000 {
                clients.push(connector().connect(servers).await?);
                clients.last().expect("one more").get_data(PATH).await?;
            }
            format!("{} B", (memory() - rest) / clients.len())
        }
        other => return Err(format!("no load {other:?}").into()),
    })
}

fn watched(number: usize) -> String {
    format!("/comparison-of-watches/{number:06}")
}

/// Keeps `window` requests under way until `count` are answered.
async fn timed<F, T, E>(count: usize, window: usize, mut request: impl FnMut() -> F) -> String
where
    F: Future<Output = Result<T, E>>,
    E: std::fmt::Debug,
{
    let (began, cpu) = (Instant::now(), cpu_ns());
    let mut under_way = VecDeque::new();
    for _ in 0..count {
        if under_way.len() == window
            && let Some(oldest) = under_way.pop_front()
        {
            answered(oldest).await;
        }
        under_way.push_back(Box::pin(request()));
    }
    for rest in under_way {
        answered(rest).await;
    }
    let (count, seconds) = (count as f64, began.elapsed().as_secs_f64());
    let cpu_us = (cpu_ns() - cpu) as f64 / 1000.0;
    format!("{:.0} op/s {:.2} us", count / seconds, cpu_us / count)
}

async fn answered<T, E: std::fmt::Debug>(request: Pin<Box<impl Future<Output = Result<T, E>>>>) {
    request.await.expect("an answer");
}

/// What all threads of this process have used so far.
fn cpu_ns() -> u64 {
    let tasks = std::fs::read_dir("/proc/self/task").expect("Linux has it");
    let tasks = tasks.flatten().map(|task| {
        let text = std::fs::read_to_string(task.path().join("schedstat")).unwrap_or_default();
        text.split(' ').next().and_then(|ns| ns.parse::<u64>().ok()).unwrap_or(0)
    });
    tasks.sum()
}

/// What is resident, in bytes.
fn memory() -> usize {
    let text = std::fs::read_to_string("/proc/self/statm").expect("Linux has it");
    let pages: usize = text.split(' ').nth(1).and_then(|pages| pages.parse().ok()).unwrap_or(0);
    pages * 4096
}
