//! Authentication: accepted, refused, super user, SASL switched off.

use anyhow::Result;

use super::request::{
    Acl, DIGEST_U_P, acl_of, any, auth, close_session, create, data_of, delete, plain, set_data,
    who_am_i,
};
use super::stage::Stage;
use crate::wire::{Jute, NULL, op};

pub(super) fn accepted(s: &mut Stage) -> Result<()> {
    s.open("c")?;
    s.all(
        "c",
        [
            who_am_i(),
            auth("digest", "u:p"),
            who_am_i(),
            auth("digest", "u:p").note("again"),
            auth("digest", "v:q").xid(9),
            auth("digest", ""),
            auth("digest", "nocolon"),
            auth("digest", "a:b:c"),
            auth("ip", ""),
            auth("ip", "10.1.2.3"),
            who_am_i(),
            plain("/auth"),
            create("/auth/mine", "x", &[Acl(31, "digest", DIGEST_U_P)], 0),
            create("/auth/all", "x", &[Acl(31, "auth", "")], 0),
            acl_of("/auth/all"),
            data_of("/auth/mine", false),
        ],
    )?;
    s.drop_connection("c");
    s.hello("c", "resume: identities belong to the connection", |side| side.resuming("c"))?;
    s.all("c", [who_am_i(), data_of("/auth/mine", false), close_session()])
}

/// An auth packet and what needs it in one write.
pub(super) fn pipelined(s: &mut Stage) -> Result<()> {
    s.open("c")?;
    s.call("c", plain("/authpipe"))?;
    s.burst(
        "c",
        "auth, create, read in one write",
        &[
            auth("digest", "u:p"),
            create("/authpipe/mine", "x", &[Acl(31, "auth", "")], 0),
            data_of("/authpipe/mine", false),
            who_am_i(),
        ],
    )?;
    s.call("c", close_session())
}

pub(super) fn refused(s: &mut Stage) -> Result<()> {
    let cut = Jute::new().int(0).text("digest");
    s.each_alone([
        auth("nope", "x").closes(),
        auth("", "x").closes(),
        auth(NULL, "x").closes(),
        auth("world", "anyone").closes(),
        auth("auth", "").closes(),
        auth("super", "x").closes(),
        auth("sasl", "x").closes(),
        auth("x509", "x").closes(),
        auth("digest", NULL).closes(),
    ])?;
    s.open("c")?;
    let mut truncated = any("auth cut short", op::AUTH, cut);
    truncated.xid = Some(-4);
    s.all("c", [truncated.closes()])
}

pub(super) fn sasl_off(s: &mut Stage) -> Result<()> {
    let sasl = |token: &str| any("sasl token", op::SASL, Jute::new().text(token));
    s.open("c")?;
    s.all("c", [sasl(""), sasl("token"), who_am_i(), close_session()])?;
    s.each_alone([any("sasl null token", op::SASL, Jute::new().int(-1)).closes()])
}

pub(super) fn super_user(s: &mut Stage) -> Result<()> {
    s.open("owner")?;
    s.open("c")?;
    s.call("owner", auth("digest", "u:p"))?;
    s.call("owner", create("/super", "x", &[Acl(31, "digest", DIGEST_U_P)], 0))?;
    s.all(
        "c",
        [
            data_of("/super", false),
            auth("digest", "super:wrong"),
            data_of("/super", false),
            auth("digest", "super:pw"),
            who_am_i(),
            data_of("/super", false),
            acl_of("/super").note("unmasked"),
            set_data("/super", "y", -1),
            set_data("/zookeeper/config", "", -1),
            delete("/zookeeper/config", -1),
            delete("/super", -1),
            create("/super", "x", &[Acl(31, "auth", "")], 0),
            acl_of("/super"),
            close_session(),
        ],
    )?;
    s.call("owner", close_session())
}
