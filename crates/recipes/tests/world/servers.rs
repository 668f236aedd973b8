//! The servers of a world: one whose connections alone fail, or three that fail themselves.

use super::dice::Dice;
use super::ensemble::{self, Ensemble, Post};
use super::server::{self, Server};
use std::cell::RefCell;
use std::convert::Infallible;
use std::future::{Future, pending};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use tokio::sync::mpsc;
use tokio::time::Instant;

/// What a server says on a connection. Nothing follows when the server has closed it.
pub(super) type Frames = mpsc::UnboundedReceiver<Vec<u8>>;

/// The clients' end of the servers. Clones are the same.
#[derive(Clone)]
pub(crate) enum Servers {
    One(Arc<Mutex<Server>>),
    Three(Post),
}

/// The owner's end.
#[derive(Clone)]
pub(super) enum Owned {
    One(Arc<Mutex<Server>>),
    Three(Rc<RefCell<Ensemble>>),
}

impl Servers {
    /// The connect string.
    pub(super) const fn hosts(&self) -> &'static str {
        match self {
            Self::One(_) => "server",
            Self::Three(_) => "s1,s2,s3",
        }
    }

    /// Opens a connection; none if the server cannot be reached.
    pub(super) fn dial(&self, number: u32, host: &str) -> Option<(u64, Frames)> {
        match self {
            Self::One(server) => Some(server.lock().unwrap().connect()),
            Self::Three(post) => post.dial(number, host),
        }
    }

    /// Sends a frame, without its length.
    pub(super) fn say(&self, call: u64, frame: Vec<u8>) {
        match self {
            Self::One(server) => server.lock().unwrap().take(call, frame),
            Self::Three(post) => post.say(call, ensemble::frame(frame)),
        }
    }

    pub(super) fn hang_up(&self, call: u64) {
        match self {
            Self::One(server) => server.lock().unwrap().disconnect(call),
            Self::Three(post) => post.hang_up(call),
        }
    }
}

impl Owned {
    pub(super) fn one() -> Self {
        let server = Arc::new(Mutex::new(Server::new(Instant::now())));
        tokio::spawn(server::tick(Arc::downgrade(&server)));
        Self::One(server)
    }

    pub(super) fn three(dice: &Dice) -> Self {
        Self::Three(Rc::new(RefCell::new(Ensemble::new(dice))))
    }

    pub(super) fn servers(&self) -> Servers {
        match self {
            Self::One(server) => Servers::One(Arc::clone(server)),
            Self::Three(ensemble) => Servers::Three(ensemble.borrow().post()),
        }
    }

    /// What has to be polled for the servers to work.
    pub(super) fn drive(&self) -> Pin<Box<dyn Future<Output = Infallible>>> {
        match self {
            Self::One(_) => Box::pin(pending()),
            Self::Three(ensemble) => Box::pin(ensemble::drive(Rc::clone(ensemble))),
        }
    }

    /// Whether no server fails any more.
    pub(super) fn is_calm(&self) -> bool {
        match self {
            Self::One(_) => true,
            Self::Three(ensemble) => ensemble.borrow().is_calm(),
        }
    }

    pub(super) fn children(&self, path: &str) -> Vec<String> {
        match self {
            Self::One(server) => server.lock().unwrap().children(path),
            Self::Three(ensemble) => ensemble.borrow().children(path),
        }
    }

    /// How many watches the one server keeps.
    pub(super) fn watches(&self) -> usize {
        match self {
            Self::One(server) => server.lock().unwrap().watches(),
            Self::Three(_) => unreachable!("nobody counts the watches of three servers"),
        }
    }
}
