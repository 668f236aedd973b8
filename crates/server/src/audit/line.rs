//! One line of the audit log (Apache: `AuditEvent`).

use std::fmt::{self, Write as _};
use std::net::IpAddr;
use zoarium_proto::create::CreateMode;
use zoarium_proto::{AclList, Perms, SessionId};

/// What became of an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Success,
    Failure,
    /// It was begun; nobody will be there to say how it ended.
    Invoked,
}

/// The fields, in their order; those that are `None` are left out.
#[derive(Clone, Debug)]
pub(super) struct Line<'a> {
    pub(super) session: Option<SessionId>,
    pub(super) user: &'a str,
    pub(super) ip: Option<IpAddr>,
    pub(super) operation: &'static str,
    pub(super) znode: Option<&'a str>,
    pub(super) znode_type: Option<&'static str>,
    pub(super) acl: Option<&'a str>,
    pub(super) verdict: Verdict,
}

impl fmt::Display for Line<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(session) = self.session {
            write!(f, "session={session}\t")?;
        }
        write!(f, "user={}\t", OneLine(self.user))?;
        if let Some(ip) = self.ip {
            write!(f, "ip={ip}\t")?;
        }
        write!(f, "operation={}\t", self.operation)?;
        let fields = [("znode", self.znode), ("znode_type", self.znode_type), ("acl", self.acl)];
        for (name, value) in fields {
            if let Some(value) = value {
                write!(f, "{name}={}\t", OneLine(value))?;
            }
        }
        f.write_str(match self.verdict {
            Verdict::Success => "result=success",
            Verdict::Failure => "result=failure",
            Verdict::Invoked => "result=invoked",
        })
    }
}

/// A client's text, which must not pass for another field or another line: a refused request may
/// have any path, and a digest any user name.
struct OneLine<'a>(&'a str);

impl fmt::Display for OneLine<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for part in self.0.split_inclusive(char::is_control) {
            match part.char_indices().next_back() {
                Some((at, last)) if last.is_control() => {
                    write!(f, "{}{}", &part[..at], last.escape_default())?;
                }
                Some(_) | None => f.write_str(part)?,
            }
        }
        Ok(())
    }
}

/// An ACL as Apache writes it here (`ZKUtil.aclToString`): entries have nothing between them.
pub(super) fn acl_text(acl: AclList<'_>) -> String {
    const LETTERS: [(Perms, char); 5] = [
        (Perms::CREATE, 'c'),
        (Perms::DELETE, 'd'),
        (Perms::READ, 'r'),
        (Perms::WRITE, 'w'),
        (Perms::ADMIN, 'a'),
    ];
    let mut text = String::new();
    for entry in acl.iter() {
        let [scheme, id] = [&entry.scheme, &entry.id].map(|it| it.as_deref().unwrap_or("null"));
        let letters = LETTERS.iter().filter(|(perm, _)| entry.perms.0 & perm.0 != 0);
        let letters: String = letters.map(|(_, letter)| letter).collect();
        // Writing to a string cannot fail.
        let _written = write!(text, "{scheme}:{id}:{letters}");
    }
    text
}

/// What Apache calls a kind of znode: its `CreateMode`, in small letters.
pub(super) const fn type_name(mode: CreateMode) -> &'static str {
    match mode {
        CreateMode::Persistent => "persistent",
        CreateMode::Ephemeral => "ephemeral",
        CreateMode::PersistentSequential => "persistent_sequential",
        CreateMode::EphemeralSequential => "ephemeral_sequential",
        CreateMode::Container => "container",
        CreateMode::PersistentWithTtl => "persistent_with_ttl",
        CreateMode::PersistentSequentialWithTtl => "persistent_sequential_with_ttl",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_of_a_client_stays_in_its_field() {
        let line = Line {
            session: Some(SessionId(0x0100_0060_3fd6_0000)),
            user: "eve\tresult=success",
            ip: Some(IpAddr::from([192, 168, 1, 2])),
            operation: "create",
            znode: Some("/a\nuser=root\u{7f}ü"),
            znode_type: None,
            acl: None,
            verdict: Verdict::Failure,
        };
        assert_eq!(
            line.to_string(),
            "session=0x10000603fd60000\tuser=eve\\tresult=success\tip=192.168.1.2\t\
             operation=create\tznode=/a\\nuser=root\\u{7f}ü\tresult=failure"
        );
    }
}
