//! Wires that break anywhere, and servers that are none.

use crate::world::{Wire, World, soon};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use zoarium_client::{Client, Fault, State, Verdict};

/// A session's timeout, where it is waited for.
const SHORT: Duration = Duration::from_millis(200);

#[tokio::test]
async fn wire_may_break_at_any_byte() {
    let world = World::start().await;
    let (client, wire) = world.wired().await;
    client.create("/a").await.unwrap();
    let mut version = 0;
    // Two answers of 88 bytes with their frames, and the beginning of a third.
    for bytes in 0..200 {
        wire.cut_after(bytes);
        let sets = [(); 3].map(|()| client.set("/a", b"x").send());
        let mut done = 0;
        let mut is_broken = false;
        for set in sets {
            match soon(set).await {
                Ok(stat) => {
                    assert!(!is_broken, "{bytes}: an answer after the connection broke");
                    done += 1;
                    assert_eq!(stat.version, version + done);
                }
                Err(error) => {
                    assert_ne!(error.verdict(), Verdict::Never, "{bytes}: {error}");
                    is_broken = true;
                }
            }
        }
        let now = soon(client.get("/a")).await;
        let now = match now {
            Ok(now) => now.stat.version,
            // The wire was cut in this very answer.
            Err(_) => soon(client.get("/a")).await.unwrap().stat.version,
        };
        assert!((version + done..=version + 3).contains(&now), "{bytes}: {version} {done} {now}");
        version = now;
    }
}

/// A listener that answers every connection's first frame with these bytes.
async fn impostor(answer: &'static [u8]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut handshake = [0; 49];
                if stream.read_exact(&mut handshake).await.is_ok()
                    && stream.write_all(answer).await.is_ok()
                {
                    let _end = stream.read(&mut handshake).await;
                }
            });
        }
    });
    address
}

#[tokio::test]
async fn any_byte_of_an_answer_may_be_a_lie() {
    let world = World::start().await;
    let wire = Wire::default();
    let builder = world.builder().connector(wire.clone()).session_timeout(SHORT);
    // Whose session is long enough for a busy machine.
    world.client().await.create("/a").data(b"x").await.unwrap();
    let client = builder.connect().await.unwrap();
    let mut states = client.states();
    // Length, header, the length of the data, the data and the stat.
    for offset in 0..4 + 16 + 4 + 1 + 68 {
        wire.change_byte(offset);
        let reads = [(); 3].map(|()| client.get("/a").send());
        for read in reads {
            // What is no answer ends the connection. What could be one is one.
            if let Err(error) = soon(read).await {
                assert!(error.code().is_none() || offset < 20, "{offset}: {error}");
            }
        }
        // A server that shows a state of the future has no equal before the session is lost.
        let honest = async {
            while client.get("/a").await.is_err() {
                states.next().await;
            }
        };
        soon(Box::pin(honest)).await;
    }
    assert!(client.metrics().connections > 12, "{:?}", client.metrics());
}

#[tokio::test]
async fn servers_that_are_none_are_passed_over() {
    let world = World::start().await;
    for answer in [
        &b"HTTP/1.1 400 Bad Request\r\n\r\n"[..],
        b"\xff\xff\xff\xff",
        b"\0\0\0\0",
        b"\0\0\0\x10\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0",
        b"\x7f\xff\xff\xff",
    ] {
        let impostors = [impostor(answer).await, impostor(answer).await];
        let servers = format!("{},{},{}", impostors[0], world.address(), impostors[1]);
        let client = soon(Client::connect(servers)).await.unwrap();
        soon(client.get("/")).await.unwrap();
    }
}

#[tokio::test]
async fn answer_beyond_the_limit_ends_the_connection_and_not_the_session() {
    let world = World::start().await;
    let client = world.builder().reply_bytes_max(1000).connect().await.unwrap();
    client.create("/long").data(vec![7; 2000]).await.unwrap();
    let mut states = client.states();
    soon(states.next()).await.unwrap();
    let error = soon(client.get("/long")).await.unwrap_err();
    assert_eq!(error.verdict(), Verdict::Retry);
    let state = soon(states.next()).await.unwrap();
    assert!(matches!(state, State::Suspended { why: Fault::NoFrame(_), .. }), "{state:?}");
    assert!(soon(states.next()).await.unwrap().is_connected());
    soon(client.exists("/long")).await.unwrap();
}

#[tokio::test]
async fn large_data_comes_through_whole() {
    let world = World::start().await;
    let client = world.client().await;
    let data: Vec<u8> = (0..1_000_000_u32).map(|index| index.to_be_bytes()[3]).collect();
    client.create("/large").data(&data[..]).await.unwrap();
    let reads: Vec<_> = (0..20).map(|_| client.get("/large").send()).collect();
    for read in reads {
        assert_eq!(soon(read).await.unwrap().data, data);
    }
    let error = soon(client.set("/large", vec![0; 1 << 20])).await.unwrap_err();
    assert_eq!(error.verdict(), Verdict::Never);
    soon(client.get("/")).await.unwrap();
}
