//! An async ZooKeeper client, for Zoarium's servers and Apache's alike (3.6 and later).
//!
//! ```
//! use zoarium_client::Client;
//!
//! # mod examples { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/world/examples.rs")); }
//! # examples::serving(async |servers| {
//! let client = Client::connect(format!("{servers}/app")).await?;
//!
//! let job = client.create("/jobs/job-").data(b"build").sequential().parents().await?;
//! assert_eq!(job.path, "/jobs/job-0000000000");
//!
//! let (read, changed) = client.get(&job.path).watch().await?;
//! client.set(&job.path, b"test").version(read.stat.version).await?;
//! assert_eq!(&*changed.await?.path, job.path);
//!
//! client.close().await?;
//! # Ok(()) })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Order
//!
//! Every operation is pipelined: it takes its place when its builder is awaited or
//! [sent](ops::Set::send), not when it is polled, and nothing waits for an earlier answer.
//!
//! - Requests leave in the order in which they were made, over all clones of a client, and are
//!   answered in that order. A read sees all writes made before it.
//! - When a connection breaks, every request under way fails, in order, and says whether it may have
//!   been done ([`Error::verdict`]). What a server has done of them is a prefix. Requests made
//!   later wait for the next connection.
//! - An event reaches its watch before any answer that shows the change.
//! - Between clients there is no order but that of the writes; [`Client::sync`] has a server catch
//!   up.
//!
//! - Not more than [`requests_max`](ClientBuilder::requests_max) are under way at a time; the others
//!   wait in the client, whether or not anybody polls them.
//!
//! Two things give a place up: a retry, which takes a new one, and the operations of several steps
//! (`parents`, `protected`, `recursive`), whose later steps come later.
//!
//! ```
//! # use zoarium_client::Client;
//! # mod examples { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/world/examples.rs")); }
//! # examples::serving(async |servers| {
//! # let client = Client::connect(servers).await?;
//! // One round trip for all four: nothing is awaited in between.
//! let made = client.create("/counter").data(b"0").send();
//! let first = client.set("/counter", b"1").send();
//! let second = client.set("/counter", b"2").send();
//! let read = client.get("/counter").send();
//!
//! assert_eq!(&read.await?.data[..], b"2");
//! assert_eq!((made.await?.stat.version, first.await?.version), (0, 1));
//! assert_eq!(second.await?.version, 2);
//! # Ok(()) })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What may be dropped
//!
//! Anything, at any time. Nothing leaks, and no order is broken:
//!
//! | dropped | what happens |
//! |---|---|
//! | a builder | nothing was sent |
//! | an operation that was not sent yet, for want of a connection or of room on it | it is not sent |
//! | an operation that was sent | it may be done; its answer is thrown away, and a watch it has set is removed |
//! | a [protected](ops::Create::protected) create | its znode, should it be made, is looked for and deleted |
//! | a [guaranteed](ops::Delete::guaranteed) delete | it goes on in the background |
//! | a recursive delete | the rest stays |
//! | a [`OneShot`] or a [`Watch`] | it is removed, from the server too when no other watch needs it |
//! | [`States`] | nothing |
//! | a [`ClientBuilder::connect`] or the last [`Client`] | the session is closed, behind what was asked for before |
//! | the runtime | everything under way fails with [`Cause::Closed`] |
//!
//! # What went wrong
//!
//! ```
//! # use zoarium_client::Client;
//! use zoarium_client::{Error, Verdict};
//!
//! # mod examples { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/world/examples.rs")); }
//! # examples::serving(async |servers| {
//! # let client = Client::connect(servers).await?;
//! # client.create("/a").await?;
//! match client.set("/a", b"new").version(7).await {
//!     Ok(stat) => println!("version {}", stat.version),
//!     Err(error) if error.is_bad_version() => println!("somebody was faster"),
//!     Err(error) => match error.verdict() {
//!         Verdict::Retry => println!("not done; try again: {error}"),
//!         Verdict::Unknown => println!("perhaps done; look first: {error}"),
//!         Verdict::Never => println!("of no use: {error}"),
//!     },
//! }
//!
//! // What cannot be is refused before it is sent, with the place of the fault.
//! let error = client.get("/a//b").await.unwrap_err();
//! assert_eq!(error.to_string(), r#""/a//b": empty name at byte 3"#);
//! # Ok(()) })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Watches
//!
//! A [one-shot watch](ops::Get::watch) comes with a read, and is a future. A
//! [persistent one](Client::watch) is a stream. Both survive reconnections: the first is told what it
//! missed, the second that it may have missed something.
//!
//! ```
//! # use zoarium_client::Client;
//! use zoarium_client::Change;
//!
//! # mod examples { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/world/examples.rs")); }
//! # examples::serving(async |servers| {
//! # let client = Client::connect(servers).await?;
//! let mut changes = client.watch("/config").recursive().await?;
//! # client.create("/config").await?;
//! if let Some(change) = changes.next().await {
//!     match change {
//!         Change::Event(event) => println!("{:?} of {}", event.kind, event.path),
//!         Change::Gap => println!("read everything again"),
//!     }
//! }
//! # Ok(()) })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # When a session is lost
//!
//! [`Client::states`] says so, and the client opens another one by itself, unless
//! [told otherwise](ClientBuilder::ends_with_session). Ephemerals and watches do not come back, but
//! for watches that were made to ([`across_sessions`](ops::AddWatch::across_sessions)). What must
//! not outlive its session compares [generations](Client::generation), and stops at
//! [`Client::alive_until`].
//!
//! # Who is who
//!
//! | how | |
//! |---|---|
//! | name and password | [`ClientBuilder::auth`], `("digest", "user:password")` |
//! | SASL (feature `sasl`) | [`ClientBuilder::sasl`] with `sasl::DigestMd5`, or a mechanism of one's own |
//! | TLS (feature `tls`) | [`ClientBuilder::connector`] with `tls::Tls`, with a certificate of the client's or without |
//!
//! All of them are proved again on every connection, before anything else is sent. A server that
//! refuses one ends the client: [`State::AuthFailed`].
//!
//! # Where servers are
//!
//! A connect string has as many servers as one likes; a client begins at a random one. Names are
//! looked up on every attempt at a connection, and all their addresses are tried. With
//! [`ClientBuilder::follows_ensemble`] the list follows the ensemble's configuration, with
//! [`Client::set_servers`] whatever one likes, and with feature `srv` names may be those of SRV
//! records.
//!
//! # What it is doing
//!
//! [`Client::metrics`] counts requests by kind and outcome, with latencies, connections, bytes and
//! watches. Every request has a [`tracing`] span at level debug with target
//! `zoarium_client::request`: operation, path and outcome; states are events at level info.
//!
//! # What is not here
//!
//! Locks, elections and other recipes: they need nothing but this interface. The protocol itself is
//! in `zoarium-session`. More examples are in the crate's directory `examples`: `register` keeps an
//! ephemeral over lost sessions, `follow` watches a znode, `bulk` sends much at a time.
//!
//! Start at [`Client`]; inside, `driver.rs` moves the bytes and `pending.rs` is what a caller waits
//! for.

pub mod acl;
mod answers;
mod builder;
mod client;
mod compression;
pub mod connector;
mod driver;
mod ensemble;
mod error;
pub mod ops;
mod pending;
pub mod retry;
#[cfg(feature = "sasl")]
pub mod sasl;
mod scope;
mod shared;
mod slot;
#[cfg(feature = "srv")]
pub mod srv;
mod states;
#[cfg(feature = "tls")]
pub mod tls;
mod watch;

pub use acl::Acl;
pub use builder::ClientBuilder;
pub use client::Client;
pub use compression::Codec;
pub use error::{Cause, ConnectError, ConnectStringError, Error, Failure, Verdict, WatchEnd};
pub use ops::{Data, Lifetime, Znode};
pub use pending::Pending;
pub use states::{Connected, Fault, Generation, Loss, Misbehaved, STATES_MAX, State, States};
pub use watch::{CHANGES_MAX, Change, Event, EventType, OneShot, Watch};
pub use zoarium_proto::path::PathError;
pub use zoarium_proto::{ErrorCode, OpCode, SessionId, Stat, Xid, Zxid};
pub use zoarium_session::backoff::Backoff;
pub use zoarium_session::metrics::{self, Metrics};
pub use zoarium_session::protected;
pub use zoarium_session::reply::{Children, Created, ReadResult, Written};
pub use zoarium_session::state::Credentials;
