//! What the peer loop has for a client, and who writes it to the socket.
//!
//! Bytes leave in one order only if one thread writes at a time. While a connection's task is in the
//! middle of a turn, or waits for a socket that is full, it alone writes, and takes along what was
//! put here. While it sleeps everything is written, and the peer loop writes what it has by itself:
//! nobody need be woken for a reply, which costs more than making it.
//!
//! Reads wait here for the writes of their own connection that are before them, and are answered with
//! these. Nothing else of what is under way concerns them.

use super::socket::Socket;
use bytes::{Buf, BytesMut};
use std::collections::VecDeque;
use std::task::Waker;
use std::time::Instant;
use zoarium_proto::{OpCode, Xid};
use zoarium_tree::access::Identities;

/// What is kept of an empty queue, in requests: what a client needs that asks one at a time.
const QUEUE_KEPT: usize = 4;

/// What the peer loop has for a connection: events and replies, as frames, in order.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    /// Frames to send.
    pub(crate) frames: Vec<u8>,
    /// How many requests of this connection have been answered in all.
    pub(crate) answered: u64,
    /// How many of these changed nothing.
    pub(crate) reads_answered: u64,
    /// What is under way. In a box, as most clients most of the time have nothing in it.
    queue: Option<Box<Queue>>,
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

/// Requests that wait to be answered.
#[derive(Debug, Default)]
struct Queue {
    /// Requests under way in the peer loop, and reads that wait for them, oldest first.
    asked: VecDeque<Asked>,
    /// What those reads ask, one behind the other.
    bodies: BytesMut,
    /// Who asks. An auth packet that has overtaken reads counts for them too.
    readers: Option<Identities>,
    /// How many of `asked` are answered and not yet counted.
    answered_now: usize,
}

/// A request that cannot be answered at once.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked {
    /// When it was read.
    pub(crate) at: Instant,
    pub(crate) op: OpCode,
    pub(crate) xid: Xid,
    /// Of a read that waits for what is before it, the length of its record.
    pub(crate) waits: Option<usize>,
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
        if let Some(queue) = &mut self.queue {
            let asked = queue.asked.get(queue.answered_now);
            self.reads_answered += u64::from(asked.is_some_and(|asked| !asked.op.is_write()));
            queue.answered_now += 1;
        }
        self.answered += 1;
        self.packets += 1;
    }

    /// How many requests are under way, with those that are answered and not yet counted.
    pub(crate) fn under_way(&self) -> usize {
        self.queue.as_ref().map_or(0, |queue| queue.asked.len())
    }

    /// Whether all is answered, so that a read has nothing to wait for.
    pub(crate) fn is_settled(&self) -> bool {
        self.queue.as_ref().is_none_or(|queue| queue.answered_now >= queue.asked.len())
    }

    /// Queues requests, the first of which is no read if all is answered. `bodies` are the records
    /// of the reads among them, one behind the other.
    pub(crate) fn ask(&mut self, asked: &[Asked], bodies: &[u8], readers: &Identities) {
        let queue = self.queue.get_or_insert_default();
        queue.asked.extend(asked);
        if !bodies.is_empty() {
            queue.bodies.extend_from_slice(bodies);
            queue.readers = Some(readers.clone());
        }
    }

    /// Answers the reads that have waited for nothing but the last reply, by a function that
    /// appends the reply to one. The result is how many there were.
    pub(crate) fn answer_reads(
        &mut self,
        mut answer: impl FnMut(&Asked, &[u8], &Identities, &mut Vec<u8>),
    ) -> usize {
        let Some(queue) = &mut self.queue else { return 0 };
        let last = queue.answered_now.checked_sub(1).and_then(|last| queue.asked.get(last));
        // Behind its end, a session is told nothing.
        let Some(readers) = queue
            .readers
            .as_ref()
            .filter(|_| last.is_some_and(|last| last.op != OpCode::CloseSession))
        else {
            return 0;
        };
        let mut count = 0;
        while let Some(read) = queue.asked.get(queue.answered_now + count)
            && let Some(length) = read.waits
        {
            answer(read, &queue.bodies[..length], readers, &mut self.frames);
            queue.bodies.advance(length);
            count += 1;
        }
        queue.answered_now += count;
        self.packets += count as u64;
        self.note_reads_answered(count as u64);
        count
    }

    /// So many reads are answered.
    pub(crate) const fn note_reads_answered(&mut self, count: u64) {
        self.answered += count;
        self.reads_answered += count;
    }

    /// The requests answered since [`Outbox::forget_answered`], oldest first.
    pub(crate) fn just_answered(&mut self) -> &[Asked] {
        let Some(queue) = &mut self.queue else { return &[] };
        let count = queue.answered_now.min(queue.asked.len());
        &queue.asked.make_contiguous()[..count]
    }

    /// What was just answered has been counted.
    pub(crate) fn forget_answered(&mut self) {
        let Some(queue) = &mut self.queue else { return };
        let count = std::mem::take(&mut queue.answered_now).min(queue.asked.len());
        queue.asked.drain(..count);
        if queue.asked.is_empty() && queue.asked.capacity() > QUEUE_KEPT {
            self.queue = None;
        }
    }

    /// The task has ended: the socket is let go, and nobody is to be woken. The result is how many
    /// reads will not be answered.
    pub(crate) fn end(&mut self) -> usize {
        self.task = Task::InTurn;
        self.socket = None;
        self.waker = None;
        let Some(queue) = self.queue.take() else { return 0 };
        queue.asked.iter().skip(queue.answered_now).filter(|asked| asked.waits.is_some()).count()
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

    fn asked(op: OpCode, waits: Option<usize>) -> Asked {
        Asked { at: Instant::now(), op, xid: Xid(1), waits }
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
        let requests = [OpCode::SetData, OpCode::GetData, OpCode::GetData];
        outbox.ask(&requests.map(|op| asked(op, None)), &[], &Identities::new([]));
        outbox.reply(|out| out.push(1));
        outbox.reply(|out| out.push(2));
        assert_eq!((outbox.answered, outbox.reads_answered), (2, 1));
        assert_eq!(outbox.just_answered().len(), 2);
        outbox.forget_answered();
        outbox.reply(|out| out.push(3));
        assert_eq!((outbox.answered, outbox.reads_answered), (3, 2));
    }

    /// The bodies of the reads that are answered now.
    fn answered_reads(outbox: &mut Outbox) -> Vec<u8> {
        let mut bodies = Vec::new();
        outbox.answer_reads(|_, body, _, out| {
            bodies.extend_from_slice(body);
            out.push(0);
        });
        bodies
    }

    #[test]
    fn read_is_answered_between_the_writes_around_it() {
        use OpCode::{Exists, GetData, SetData};
        let mut outbox = Outbox { task: Task::InTurn, ..Outbox::default() };
        let nobody = Identities::new([]);
        let requests = [
            asked(SetData, None),
            asked(GetData, Some(2)),
            asked(Exists, Some(0)),
            asked(SetData, None),
        ];
        outbox.ask(&requests, &[1, 2], &nobody);
        outbox.ask(&[asked(GetData, Some(1))], &[3], &nobody);
        assert!(!outbox.is_settled());
        outbox.reply(|out| out.push(9));
        assert_eq!(answered_reads(&mut outbox), [1, 2]);
        assert_eq!((outbox.answered, outbox.reads_answered, outbox.packets), (3, 2, 3));
        assert_eq!(outbox.just_answered().len(), 3);
        outbox.forget_answered();
        assert!(answered_reads(&mut outbox).is_empty(), "a write is before it");
        outbox.reply(|out| out.push(8));
        assert_eq!(answered_reads(&mut outbox), [3]);
        assert_eq!(outbox.frames, [9, 0, 0, 8, 0]);
        assert!(outbox.is_settled());
    }

    #[test]
    fn nothing_is_answered_behind_the_end_of_a_session() {
        let mut outbox = Outbox { task: Task::InTurn, ..Outbox::default() };
        let requests = [asked(OpCode::CloseSession, None), asked(OpCode::GetData, Some(1))];
        outbox.ask(&requests, &[1], &Identities::new([]));
        outbox.reply(|out| out.push(1));
        assert!(answered_reads(&mut outbox).is_empty());
        assert_eq!(outbox.end(), 1);
    }

    #[test]
    fn nobody_writes_in_the_middle_of_a_turn() {
        let mut outbox = Outbox { task: Task::InTurn, ..Outbox::default() };
        outbox.reply(|out| out.push(1));
        assert_eq!(outbox.flush(true), Flushed::Done);
        assert_eq!(outbox.frames, [1]);
    }
}
