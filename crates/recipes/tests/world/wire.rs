//! A client's way to the servers: pipes in memory that delay, break, and lose what is in them.

use super::dice::Dice;
use super::servers::{Frames, Servers};
use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, ReadHalf};
use tokio::sync::Notify;
use tokio::time::Instant;
use zoarium_client::connector::{Connecting, Connector, HostPort, Transport};

/// The longest delay of a frame, in milliseconds.
const DELAY_MS: u64 = 4;

/// Makes connections of one client. Clones control the same ones.
#[derive(Clone)]
pub(crate) struct Wire {
    servers: Servers,
    /// Which of the clients it is.
    number: u32,
    dice: Dice,
    state: Arc<Mutex<State>>,
    cut: Arc<Notify>,
}

struct State {
    /// No connections are made before.
    down_until: Instant,
    /// Once in so many frames the connection breaks; `None` for never.
    breaks: Option<u64>,
}

impl Wire {
    pub(crate) fn new(servers: Servers, number: u32, dice: Dice) -> Self {
        let state = State { down_until: Instant::now(), breaks: None };
        let state = Arc::new(Mutex::new(state));
        Self { servers, number, dice, state, cut: Arc::default() }
    }

    /// Breaks the connection, and lets no other be made for a while.
    pub(crate) fn take_down(&self, duration: Duration) {
        self.state.lock().unwrap().down_until = Instant::now() + duration;
        self.cut.notify_waiters();
    }

    /// From here on the connection breaks once in so many frames: before the server has done what is
    /// asked, or before its answer arrives.
    pub(crate) fn break_once_in(&self, frames: Option<u64>) {
        self.state.lock().unwrap().breaks = frames;
    }

    fn breaks_here(&self) -> bool {
        let breaks = self.state.lock().unwrap().breaks;
        breaks.is_some_and(|frames| self.dice.once_in(frames))
    }
}

impl Connector for Wire {
    fn connect<'a>(&'a self, server: &'a HostPort) -> Connecting<'a> {
        Box::pin(async move {
            tokio::time::sleep(self.dice.millis(DELAY_MS)).await;
            if Instant::now() < self.state.lock().unwrap().down_until {
                return Err(io::ErrorKind::ConnectionRefused.into());
            }
            let Some((call, frames)) = self.servers.dial(self.number, &server.host) else {
                return Err(io::ErrorKind::ConnectionRefused.into());
            };
            let (ours, theirs) = tokio::io::duplex(1 << 20);
            tokio::spawn(self.clone().serve(call, frames, theirs));
            Ok(Box::new(ours) as Box<dyn Transport>)
        })
    }
}

impl Wire {
    /// One connection, from the server's side.
    async fn serve(self, call: u64, mut frames: Frames, stream: DuplexStream) {
        let (mut reader, mut writer) = tokio::io::split(stream);
        let answering = async {
            while let Some(frame) = frames.recv().await {
                tokio::time::sleep(self.dice.millis(DELAY_MS)).await;
                if self.breaks_here() || writer.write_all(&frame).await.is_err() {
                    return;
                }
            }
        };
        let asking = async {
            while let Ok(frame) = next_frame(&mut reader).await {
                tokio::time::sleep(self.dice.millis(DELAY_MS)).await;
                if self.breaks_here() {
                    return;
                }
                self.servers.say(call, frame);
                if self.breaks_here() {
                    return;
                }
            }
        };
        tokio::select! {
            biased;
            () = self.cut.notified() => {}
            () = asking => {}
            // Up to what the server has said before it closed the connection.
            () = answering => {}
        }
        self.servers.hang_up(call);
    }
}

async fn next_frame(reader: &mut ReadHalf<DuplexStream>) -> io::Result<Vec<u8>> {
    let length = reader.read_u32().await?;
    let mut frame = vec![0; usize::try_from(length).unwrap()];
    reader.read_exact(&mut frame).await?;
    Ok(frame)
}
