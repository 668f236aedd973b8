//! Sessions that move between connections, and their end.

use anyhow::Result;

use super::request::{
    Await, EPHEMERAL, OPEN, children2_of, close_session, create, data_of, exists, ping, plain,
};
use super::stage::Stage;

pub(super) fn resume(s: &mut Stage) -> Result<()> {
    s.open("c")?;
    s.all("c", [plain("/resume"), create("/resume/e", "x", OPEN, EPHEMERAL)])?;
    s.drop_connection("c");
    s.hello("c", "resume with another timeout", |side| {
        let mut hello = side.resuming("c");
        hello.timeout_ms = 20_000;
        hello
    })?;
    s.all("c", [data_of("/resume/e", false).note("the ephemeral is still ours"), ping()])?;
    s.drop_connection("c");
    s.hello("c", "resume without the readOnly byte", |side| {
        let mut hello = side.resuming("c");
        hello.read_only = None;
        hello
    })?;
    s.all("c", [create("/resume/f", "x", OPEN, EPHEMERAL), close_session()])?;
    s.open("d")?;
    s.all("d", [children2_of("/resume", false), close_session()])
}

/// A second connection with the session's id closes the first.
pub(super) fn takeover(s: &mut Stage) -> Result<()> {
    s.open("c")?;
    s.call("c", plain("/takeover"))?;
    s.hello("d", "the same session elsewhere", |side| side.resuming("c"))?;
    s.raw("c", "the first connection is closed", &[], Await::Close)?;
    s.all("d", [exists("/takeover", false), close_session()])
}

pub(super) fn close(s: &mut Stage) -> Result<()> {
    s.open("c")?;
    s.open("w")?;
    s.all(
        "c",
        [
            plain("/close"),
            create("/close/e", "x", OPEN, EPHEMERAL),
            exists("/close/e", true).note("watches its own ephemeral"),
        ],
    )?;
    s.call("w", exists("/close/e", true))?;
    s.call("c", close_session())?;
    s.all("w", [ping(), exists("/close/e", false)])?;
    s.call("w", close_session())
}
