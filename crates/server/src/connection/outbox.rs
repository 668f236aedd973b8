//! What the peer loop has for a client, and who writes it to the socket.
//!
//! Bytes leave in one order only if one thread writes at a time. While a connection's task is in the
//! middle of a turn, or waits for a socket that is full, it alone writes, and takes along what was
//! put here. While it sleeps everything is written, and the peer loop writes what it has by itself:
//! nobody need be woken for a reply, which costs more than making it.

use super::socket::Socket;
use std::collections::VecDeque;
use std::task::Waker;
use std::time::Instant;
use zoarium_proto::{OpCode, Xid};

/// What the peer loop has for a connection: events and replies, as frames, in order.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    /// Frames to send.
    pub(crate) frames: Vec<u8>,
    /// How many requests of this connection have been answered in all.
    pub(crate) answered: u64,
    /// How many of these changed nothing.
    pub(crate) reads_answered: u64,
    /// Requests under way in the peer loop, oldest first.
    pub(crate) asked: VecDeque<Asked>,
    /// How many of `asked` are answered and not yet counted.
    answered_now: usize,
    /// Packets among the frames, for the statistics.
    pub(crate) packets: u64,
    /// The connection's task leaves the frames here because its client has not read the last ones.
    pub(crate) left_by_client: bool,
    /// Nothing follows; close after sending.
    pub(crate) closed: bool,
    pub(crate) task: Task,
    /// Where others than the task write; `None` before there is a handshake and after the end.
    pub(crate) socket: Option<Socket>,
    /// Wakes the connection's task. Whoever does takes it out, so that once is enough.
    pub(crate) waker: Option<Waker>,
}

/// A request that is under way in the peer loop.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked {
    /// When it was read.
    pub(crate) at: Instant,
    pub(crate) op: OpCode,
    pub(crate) xid: Xid,
}

/// What a connection's task is doing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Task {
    /// It waits for the first bytes, or for the socket to take more. It has to be woken for
    /// everything.
    #[default]
    Waits,
    /// It is in the middle of a turn, at whose end it looks in here.
    InTurn,
    /// All is written, and there is nothing to do. Others may write.
    Sleeps {
        /// Whether it waits for requests to be answered, to go on with others.
        wants_answers: bool,
    },
}

/// What is left to do for a connection after [`Outbox::flush`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flushed {
    /// Nothing.
    Done,
    /// Its task has to be woken.
    Wake,
}

impl Outbox {
    /// Takes a buffer from `spare` if it has none.
    pub(crate) fn provide(&mut self, spare: &mut Vec<Vec<u8>>) {
        if self.frames.capacity() == 0 {
            self.frames = spare.pop().unwrap_or_default();
        }
    }

    /// Puts a reply in.
    pub(crate) fn reply(&mut self, fill: impl FnOnce(&mut Vec<u8>)) {
        fill(&mut self.frames);
        let is_read = self.asked.get(self.answered_now).is_some_and(|asked| !asked.op.is_write());
        self.reads_answered += u64::from(is_read);
        self.answered += 1;
        self.answered_now += 1;
        self.packets += 1;
    }

    /// The requests answered since [`Outbox::forget_answered`], oldest first.
    pub(crate) fn just_answered(&mut self) -> &[Asked] {
        let count = self.answered_now.min(self.asked.len());
        &self.asked.make_contiguous()[..count]
    }

    /// What was just answered has been counted.
    pub(crate) fn forget_answered(&mut self) {
        let count = std::mem::take(&mut self.answered_now).min(self.asked.len());
        self.asked.drain(..count);
    }

    /// The task has ended: the socket is let go, and nobody is to be woken.
    pub(crate) fn end(&mut self) {
        self.task = Task::InTurn;
        self.socket = None;
        self.waker = None;
    }

    /// Writes the frames here and now, if nobody else writes and `may_write` allows it.
    pub(crate) fn flush(&mut self, may_write: bool) -> Flushed {
        match self.task {
            Task::InTurn => return Flushed::Done,
            Task::Waits => return Flushed::Wake,
            Task::Sleeps { wants_answers } => {
                if may_write && !self.frames.is_empty() {
                    // After an error nothing more will be written, which the task finds out too.
                    let socket = self.socket.as_ref();
                    let written = socket.and_then(|to| to.write(&self.frames).ok()).unwrap_or(0);
                    if written == self.frames.len() {
                        self.frames.clear();
                    } else {
                        self.frames.drain(..written);
                    }
                }
                if self.frames.is_empty() && !self.closed && !wants_answers {
                    return Flushed::Done;
                }
            }
        }
        // Whatever else comes is behind what it is woken for.
        self.task = Task::Waits;
        Flushed::Wake
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;
    use std::net::{TcpListener, TcpStream};

    /// An outbox whose socket may be written to, and the other end.
    fn socket() -> (tokio::runtime::Runtime, Outbox, TcpStream) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (stream, _) = listener.accept().unwrap();
        stream.set_nonblocking(true).unwrap();
        let socket = runtime.block_on(async {
            let stream = tokio::net::TcpStream::from_std(stream).unwrap();
            stream.writable().await.unwrap();
            Socket::new(stream.into_split().1)
        });
        let task = Task::Sleeps { wants_answers: false };
        (runtime, Outbox { task, socket: Some(socket), ..Outbox::default() }, client)
    }

    const fn falls_asleep(outbox: &mut Outbox, wants_answers: bool) {
        outbox.task = Task::Sleeps { wants_answers };
    }

    fn read(client: &mut TcpStream, count: usize) -> Vec<u8> {
        let mut bytes = vec![0; count];
        client.read_exact(&mut bytes).unwrap();
        bytes
    }

    #[test]
    fn sleeping_task_is_not_woken_for_what_the_socket_takes() {
        let (_runtime, mut outbox, mut client) = socket();
        outbox.reply(|out| out.extend([1, 2, 3]));
        assert_eq!(outbox.flush(true), Flushed::Done);
        assert_eq!((outbox.frames.len(), outbox.answered), (0, 1));
        assert_eq!(read(&mut client, 3), [1, 2, 3]);
    }

    #[test]
    fn task_is_woken_for_what_only_it_can_do() {
        let (_runtime, mut outbox, mut client) = socket();
        falls_asleep(&mut outbox, true);
        outbox.reply(|out| out.push(1));
        assert_eq!(outbox.flush(true), Flushed::Wake, "it waits for answers");
        assert!(outbox.frames.is_empty(), "written all the same");

        falls_asleep(&mut outbox, false);
        outbox.reply(|out| out.push(2));
        outbox.closed = true;
        assert_eq!(outbox.flush(true), Flushed::Wake, "it has to close");
        assert_eq!(read(&mut client, 2), [1, 2], "the last reply leaves before the end");

        outbox.closed = false;
        falls_asleep(&mut outbox, false);
        outbox.reply(|out| out.push(3));
        assert_eq!(outbox.flush(false), Flushed::Wake, "others have more to do");
        assert_eq!(outbox.frames, [3]);
    }

    #[test]
    fn what_a_full_socket_does_not_take_is_left_to_the_task() {
        let (_runtime, mut outbox, mut client) = socket();
        let large: Vec<u8> = (0..50_000_000_u32).map(|n| n.to_le_bytes()[n as usize % 3]).collect();
        outbox.reply(|out| out.extend_from_slice(&large));
        assert_eq!(outbox.flush(true), Flushed::Wake);
        let written = large.len() - outbox.frames.len();
        assert!(outbox.frames == large[written..]);
        // Nothing overtakes it, though there may be room for that by now.
        outbox.reply(|out| out.push(7));
        let received = read(&mut client, written);
        assert!(received == large[..written]);
        assert_eq!(outbox.flush(true), Flushed::Wake);
        assert_eq!(outbox.frames.len(), large.len() - written + 1);
    }

    /// Or a task could go to sleep for answers that it has taken already.
    #[test]
    fn answered_reads_count_as_soon_as_their_replies_are_there() {
        let mut outbox = Outbox { task: Task::InTurn, ..Outbox::default() };
        for op in [OpCode::SetData, OpCode::GetData, OpCode::GetData] {
            outbox.asked.push_back(Asked { at: Instant::now(), op, xid: Xid(1) });
        }
        outbox.reply(|out| out.push(1));
        outbox.reply(|out| out.push(2));
        assert_eq!((outbox.answered, outbox.reads_answered), (2, 1));
        assert_eq!(outbox.just_answered().len(), 2);
        outbox.forget_answered();
        outbox.reply(|out| out.push(3));
        assert_eq!((outbox.answered, outbox.reads_answered), (3, 2));
    }

    #[test]
    fn nobody_writes_in_the_middle_of_a_turn() {
        let mut outbox = Outbox { task: Task::InTurn, ..Outbox::default() };
        outbox.reply(|out| out.push(1));
        assert_eq!(outbox.flush(true), Flushed::Done);
        assert_eq!(outbox.frames, [1]);
    }
}
