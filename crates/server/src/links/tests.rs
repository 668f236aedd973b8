//! Links over real connections on the loopback interface, against each other and against peers that
//! follow a script. Nothing here waits for time to pass, but for what has to come; a limit that
//! no machine needs ends a test that waits in vain.

mod election;
mod flow;
mod membership;
mod quorum;
mod snapshots;
mod support;
