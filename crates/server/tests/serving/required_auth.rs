//! `enforce.auth.enabled`.

use crate::client::{AUTH, CREATE, GET_DATA, PING, Reply, auth, create, path_without_watch};
use crate::running::Running;

const SESSION_CLOSED_REQUIRE_AUTH: i32 = -124;

fn start() -> Running {
    Running::start("enforce.auth.enabled=true\nenforce.auth.schemes=digest")
}

#[test]
fn whoever_has_not_authenticated_is_refused_and_closed() {
    let server = start();
    let requests = [
        (1, GET_DATA, path_without_watch("/")),
        (2, CREATE, create("/a", b"", 0)),
        (-2, PING, vec![]),
    ];
    for (xid, op, body) in requests {
        let mut client = server.client();
        let refused = Reply { xid, zxid: 0, error: SESSION_CLOSED_REQUIRE_AUTH, body: vec![] };
        assert_eq!(client.ask(xid, op, &body), refused);
        assert_eq!(client.reply(), None);
    }
    // An unknown operation does not get past the check either.
    let mut client = server.client();
    assert_eq!(client.ask(1, 999, &[]).error, SESSION_CLOSED_REQUIRE_AUTH);
    // Another scheme than a required one does not help.
    let mut client = server.client();
    assert_eq!(client.ask(-4, AUTH, &auth("ip", b"")).error, 0);
    assert_eq!(client.ask(1, GET_DATA, &path_without_watch("/")).error, -124);
    assert_eq!(client.reply(), None);
}

#[test]
fn whoever_has_authenticated_is_served() {
    let server = start();
    let mut client = server.client();
    assert_eq!(client.ask(-4, AUTH, &auth("digest", b"user:secret")).error, 0);
    assert_eq!(client.create(1, "/a", b"data"), 0);
    assert_eq!(client.ask(2, GET_DATA, &path_without_watch("/a")).error, 0);
    // Identities belong to the connection: another one starts without.
    assert_eq!(server.client().ask(1, PING, &[]).error, SESSION_CLOSED_REQUIRE_AUTH);
}
