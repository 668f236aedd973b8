//! Permissions, the ACLs that are refused, and what getACL shows.

use anyhow::Result;

use super::request::{
    Acl, DIGEST_U_P, OPEN, PERSISTENT, acl_of, add_watch, any, auth, check, children_of,
    children2_of, close_session, create, data_of, delete, exists, multi, multi_read, path_only,
    ping, plain, set_acl, set_data,
};
use super::stage::Stage;
use crate::wire::{Jute, op};

const READ: i32 = 1;
const WRITE: i32 = 2;
const CREATE: i32 = 4;
const DELETE: i32 = 8;
const ADMIN: i32 = 16;

/// A znode for each single permission; then every operation on each.
pub(super) fn permissions(s: &mut Stage) -> Result<()> {
    s.open("owner")?;
    s.open("c")?;
    s.call("owner", auth("digest", "u:p"))?;
    s.call("owner", plain("/perm"))?;
    let kinds = [
        ("none", 0),
        ("r", READ),
        ("w", WRITE),
        ("c", CREATE),
        ("d", DELETE),
        ("a", ADMIN),
        ("most", READ | WRITE | CREATE),
    ];
    for (name, perms) in kinds {
        let path = format!("/perm/{name}");
        let mine = Acl(31, "digest", DIGEST_U_P);
        let acl: &[Acl] = &[mine, Acl(perms, "world", "anyone")];
        let child = format!("{path}/child");
        s.call("owner", create(&path, "x", acl, PERSISTENT))?;
        s.call("owner", plain(&child))?;
        s.all(
            "c",
            [
                exists(&path, false),
                data_of(&path, false),
                children_of(&path, false),
                children2_of(&path, false),
                acl_of(&path),
                path_only("getAllChildrenNumber", op::GET_ALL_CHILDREN_NUMBER, &path),
                multi_read([data_of(&path, false), children_of(&path, false)]),
                set_data(&path, "y", -1),
                set_data(&path, "y", 77).note("permission before version"),
                set_acl(&path, acl, -1),
                plain(&format!("{path}/new")),
                plain(&child).note("permission before existence"),
                delete(&format!("{path}/none"), -1),
                delete(&child, -1),
                multi([check(&path, -1)]),
                multi([plain(&format!("{path}/m")), delete(&format!("{path}/m"), -1)]),
            ],
        )?;
        s.call("owner", acl_of(&path))?;
    }
    s.call("owner", close_session())?;
    s.call("c", close_session())
}

pub(super) fn invalid(s: &mut Stage) -> Result<()> {
    s.open("c")?;
    s.call("c", plain("/inv"))?;
    let ids = [
        ("world", "someone"),
        ("world", ""),
        ("auth", ""),
        ("super", "super"),
        ("nope", "x"),
        ("", ""),
        ("digest", "u"),
        ("digest", "u:"),
        ("digest", ":"),
        ("digest", ":h"),
        ("digest", "a:b:c"),
        ("digest", "a:b"),
        ("digest", ""),
        ("ip", ""),
        ("ip", "1.2.3"),
        ("ip", "1.2.3.4.5"),
        ("ip", "256.1.1.1"),
        ("ip", "127.0.0.1"),
        ("ip", "127.0.0.1/33"),
        ("ip", "127.0.0.1/32"),
        ("ip", "127.0.0.0/8"),
        ("ip", "127.0.0.1/"),
        ("ip", "127.0.0.1/-1"),
        ("ip", "::1"),
        ("ip", "::1/128"),
        ("ip", "::1/129"),
        ("ip", "fe80::1%eth0"),
        ("ip", "localhost"),
        ("sasl", "user"),
        ("x509", "CN=a"),
        ("WORLD", "anyone"),
    ];
    for (number, (scheme, id)) in (0..).zip(ids) {
        let path = format!("/inv/{number}");
        s.call("c", create(&path, "x", &[Acl(31, scheme, id)], 0).note(scheme).note(id))?;
    }
    let null_scheme = Jute::new().text("/inv/n").text("x").int(1).int(31).int(-1).int(-1).int(0);
    s.all(
        "c",
        [
            any("create with null scheme and id", op::CREATE, null_scheme),
            create("/inv/both", "x", &[OPEN[0], Acl(31, "nope", "x")], 0),
            create("/inv/perms", "x", &[Acl(1000, "world", "anyone")], 0).note("perms 1000"),
            acl_of("/inv/perms"),
            create("/inv/neg", "x", &[Acl(-1, "world", "anyone")], 0).note("perms -1"),
            acl_of("/inv/neg"),
            children2_of("/inv", false),
            close_session(),
        ],
    )
}

/// An id may be null on the wire: kazoo writes every empty string so.
pub(super) fn null_ids(s: &mut Stage) -> Result<()> {
    let with_null_id = |path: &str, scheme: &str| {
        let body = Jute::new().text(path).text("x").int(1).int(31).text(scheme).int(-1).int(0);
        any(&format!("create {path} with a null id in scheme {scheme:?}"), op::CREATE, body)
    };
    s.open("c")?;
    s.call("c", plain("/nullid"))?;
    for who in ["nobody", "u"] {
        if who == "u" {
            s.call("c", auth("digest", "u:p"))?;
        }
        for scheme in ["auth", "world", "digest", "ip", "nope", ""] {
            s.call("c", with_null_id(&format!("/nullid/{who}-{scheme}"), scheme))?;
        }
    }
    s.all("c", [acl_of("/nullid/u-auth"), data_of("/nullid/u-auth", false), close_session()])
}

/// Digests are masked for those without ADMIN; `auth` becomes the caller's own identities.
pub(super) fn getting(s: &mut Stage) -> Result<()> {
    let mixed: &[Acl] = &[
        Acl(READ, "world", "anyone"),
        Acl(31, "digest", DIGEST_U_P),
        Acl(2, "ip", "10.0.0.0/8"),
        Acl(4, "digest", "other:hash"),
    ];
    s.open("owner")?;
    s.open("c")?;
    s.all(
        "owner",
        [
            plain("/get"),
            create("/get/auth", "x", &[Acl(31, "auth", "")], 0).note("nobody authenticated"),
            auth("digest", "u:p"),
            auth("digest", "v:q"),
            create("/get/auth", "x", &[Acl(31, "auth", "")], 0),
            create("/get/auth2", "x", &[Acl(3, "auth", "ignored"), Acl(1, "world", "anyone")], 0),
            create("/get/mixed", "x", mixed, 0),
            acl_of("/get/auth"),
            acl_of("/get/auth2"),
            acl_of("/get/mixed"),
        ],
    )?;
    s.all("c", [acl_of("/get/auth"), acl_of("/get/auth2"), acl_of("/get/mixed"), close_session()])?;
    s.call("owner", close_session())
}

/// An event goes only to those who may read the znode; the watch is used up all the same.
pub(super) fn watch_delivery(s: &mut Stage) -> Result<()> {
    let secret: &[Acl] = &[Acl(31, "digest", DIGEST_U_P)];
    s.open("owner")?;
    s.open("c")?;
    s.all("owner", [auth("digest", "u:p"), plain("/aw"), plain("/aw/open")])?;
    s.all(
        "c",
        [
            exists("/aw/secret", true),
            add_watch("/aw", 1),
            data_of("/aw/open", true),
            children_of("/aw/open", true),
        ],
    )?;
    s.call("owner", create("/aw/secret", "x", secret, 0))?;
    s.call("c", ping())?;
    s.call("owner", set_data("/aw/secret", "y", -1))?;
    s.call("c", ping())?;
    s.call("owner", set_acl("/aw/open", secret, -1))?;
    s.call("owner", set_data("/aw/open", "y", -1))?;
    s.call("c", ping())?;
    s.call("owner", plain("/aw/open/child"))?;
    s.call("c", ping())?;
    s.call("owner", set_acl("/aw/open", OPEN, -1))?;
    s.call("owner", set_data("/aw/open", "z", -1))?;
    s.call("c", ping())?;
    s.call("owner", delete("/aw/secret", -1))?;
    s.call("c", ping())?;
    s.call("c", close_session())?;
    s.call("owner", close_session())
}
