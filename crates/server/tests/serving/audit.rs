//! `audit.enable`: the lines are those that Apache 3.9.5 wrote when a client did the same there,
//! but for the order of users, which is that of a hash table there, and the type of a sequential
//! znode created by a multi, which Apache leaves out.

use std::fmt::{Debug, Write as _};
use std::sync::{Mutex, MutexGuard};

use expect_test::expect;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

use crate::client::{
    AUTH, CLOSE_SESSION, CREATE, CREATE_CONTAINER, DELETE, MULTI, SET_ACL, SET_DATA, auth, buffer,
    create, multi, path_and_version, set_data,
};
use crate::running::Running;

static LINES: Mutex<Vec<String>> = Mutex::new(Vec::new());

fn lines() -> MutexGuard<'static, Vec<String>> {
    LINES.lock().unwrap()
}

/// Keeps the audit lines of all servers of this process.
struct AuditLines;

impl Subscriber for AuditLines {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == "zoarium::audit"
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut message = Message(format!("{} ", event.metadata().level()));
        event.record(&mut message);
        lines().push(message.0);
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

struct Message(String);

impl Visit for Message {
    fn record_debug(&mut self, _: &Field, value: &dyn Debug) {
        write!(self.0, "{value:?}").unwrap();
    }
}

/// A setACL to `scheme:id` pairs with permissions.
fn set_acl(path: &str, entries: &[(i32, &str, &str)]) -> Vec<u8> {
    let mut body = buffer(path.as_bytes());
    body.extend(i32::try_from(entries.len()).unwrap().to_be_bytes());
    for (perms, scheme, id) in entries {
        body.extend(perms.to_be_bytes());
        body.extend(buffer(scheme.as_bytes()));
        body.extend(buffer(id.as_bytes()));
    }
    body.extend((-1_i32).to_be_bytes());
    body
}

#[test]
fn every_write_has_the_line_that_apache_gives_it() {
    tracing::subscriber::set_global_default(AuditLines).unwrap();
    let server = Running::start("audit.enable=true");
    let mut client = server.client();
    let session = format!("{:#x}", client.session());
    let mut xid = 0;
    let mut ask = |op: i32, body: Vec<u8>| {
        xid += 1;
        client.ask(xid, op, &body);
    };
    ask(CREATE, create("/p", b"x", 0));
    ask(CREATE, create("/p/s-", b"x", 2));
    ask(CREATE, create("/p/e", b"x", 1));
    ask(CREATE_CONTAINER, create("/c", b"x", 4));
    ask(CREATE, create("/p", b"x", 0));
    ask(CREATE, create("/no\nresult=success", b"x", 1));
    ask(SET_DATA, set_data("/p", b"y", -1));
    ask(SET_DATA, set_data("/p", b"y", 77));
    ask(AUTH, auth("digest", b"bob:pw"));
    ask(AUTH, auth("digest", b"eve:pw"));
    let acl = [(31, "world", "anyone"), (5, "digest", "bob:hash="), (1, "ip", "127.0.0.1")];
    ask(SET_ACL, set_acl("/p", &acl));
    ask(SET_ACL, set_acl("/nope", &[(31, "auth", "")]));
    ask(
        MULTI,
        multi(&[
            (CREATE, create("/m-", b"x", 2)),
            (13, path_and_version("/p", -1)),
            (SET_DATA, set_data("/p", b"z", -1)),
            (DELETE, path_and_version("/c", -1)),
        ]),
    );
    ask(MULTI, multi(&[(CREATE, create("/q", b"", 0)), (DELETE, path_and_version("/no", -1))]));
    ask(DELETE, path_and_version("/p/s-0000000000", -1));
    ask(DELETE, path_and_version("/p/s-0000000000", -1));
    ask(CLOSE_SESSION, Vec::new());
    drop(server);
    let user = lines()[0].split("user=").nth(1).unwrap().split('\t').next().unwrap().to_owned();
    let text = lines().join("\n").replace('\t', " ").replace(&session, "SESSION");
    let text = text.replace(&format!("user={user} "), "user=SERVER ");
    expect![[r#"
        INFO user=SERVER operation=serverStart result=success
        INFO session=SESSION user=127.0.0.1 ip=127.0.0.1 operation=create znode=/p znode_type=persistent result=success
        INFO session=SESSION user=127.0.0.1 ip=127.0.0.1 operation=create znode=/p/s-0000000000 znode_type=persistent_sequential result=success
        INFO session=SESSION user=127.0.0.1 ip=127.0.0.1 operation=create znode=/p/e znode_type=ephemeral result=success
        INFO session=SESSION user=127.0.0.1 ip=127.0.0.1 operation=create znode=/c znode_type=container result=success
        ERROR session=SESSION user=127.0.0.1 ip=127.0.0.1 operation=create znode=/p znode_type=persistent result=failure
        ERROR session=SESSION user=127.0.0.1 ip=127.0.0.1 operation=create znode=/no\nresult=success znode_type=ephemeral result=failure
        INFO session=SESSION user=127.0.0.1 ip=127.0.0.1 operation=setData znode=/p result=success
        ERROR session=SESSION user=127.0.0.1 ip=127.0.0.1 operation=setData znode=/p result=failure
        INFO session=SESSION user=127.0.0.1,bob,eve ip=127.0.0.1 operation=setAcl znode=/p acl=world:anyone:cdrwadigest:bob:hash=:crip:127.0.0.1:r result=success
        ERROR session=SESSION user=127.0.0.1,bob,eve ip=127.0.0.1 operation=setAcl znode=/nope acl=auth::cdrwa result=failure
        INFO session=SESSION user=127.0.0.1,bob,eve ip=127.0.0.1 operation=create znode=/m-0000000002 znode_type=persistent_sequential result=success
        INFO session=SESSION user=127.0.0.1,bob,eve ip=127.0.0.1 operation=setData znode=/p result=success
        INFO session=SESSION user=127.0.0.1,bob,eve ip=127.0.0.1 operation=delete znode=/c result=success
        ERROR session=SESSION user=127.0.0.1,bob,eve ip=127.0.0.1 operation=multiOperation result=failure
        INFO session=SESSION user=127.0.0.1,bob,eve ip=127.0.0.1 operation=delete znode=/p/s-0000000000 result=success
        ERROR session=SESSION user=127.0.0.1,bob,eve ip=127.0.0.1 operation=delete znode=/p/s-0000000000 result=failure
        INFO session=SESSION user=SERVER operation=ephemeralZNodeDeletionOnSessionCloseOrExpire znode=/p/e result=success
        INFO user=SERVER operation=serverStop result=invoked"#]].assert_eq(&text);
}

#[test]
fn nothing_is_written_unless_it_is_enabled() {
    let server = Running::start("");
    let mut client = server.client();
    assert_eq!(client.create(1, "/not-audited", b""), 0);
    drop(server);
    assert!(!lines().iter().any(|line| line.contains("/not-audited")));
}
