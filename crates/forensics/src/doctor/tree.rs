//! The tree that a server would have: whose ephemerals, who may do what, what is too large.

use std::collections::BTreeSet;
use std::net::IpAddr;

use zoarium_proto::create::Owner;
use zoarium_proto::{Acl, Perms};
use zoarium_tree::{Tree, Znode};

use super::{Finding, Severity};
use crate::walk::{Step, walk};

/// Where Apache's default `jute.maxbuffer` ends, in bytes.
const REPLY_MAX: usize = 0xF_FFFF;

/// Schemes that a server knows without plug-ins. `sasl` and `x509` need settings of their own.
const SCHEMES: [&str; 7] = ["world", "auth", "digest", "ip", "sasl", "super", "x509"];

#[derive(Default)]
struct Found {
    orphans: Vec<String>,
    open: u64,
    unlocked: Vec<String>,
    locked_out: Vec<String>,
    unmatchable: Vec<String>,
    large: Vec<String>,
    crowded: Vec<String>,
    /// The perms that anyone has, of each znode on the way.
    anyone: Vec<Perms>,
}

pub(super) fn examine(tree: &Tree) -> Vec<Finding> {
    let mut found = Found::default();
    let walked = walk(tree, "/", &mut |step| -> Result<(), std::convert::Infallible> {
        match step {
            Step::Enter { path, znode, .. } => found.take(tree, path, &znode),
            Step::Leave => drop(found.anyone.pop()),
        }
        Ok(())
    });
    match walked {
        Ok(_root_is_there) => found.findings(tree),
        Err(never) => match never {},
    }
}

impl Found {
    fn take(&mut self, tree: &Tree, path: &str, znode: &Znode<'_>) {
        if let Owner::Session(session) = znode.owner()
            && !tree.sessions().contains_key(&session)
        {
            self.orphans.push(format!("{path} of session {session}"));
        }
        let size = znode.data().map_or(0, <[u8]>::len);
        if size > REPLY_MAX {
            self.large.push(format!("{path}: {size} bytes"));
        }
        let listing: usize = znode.children().map(|name| name.len() + 4).sum();
        if listing > REPLY_MAX {
            let count = znode.num_children();
            self.crowded.push(format!("{path}: {count} children, {listing} bytes of names"));
        }
        let anyone = self.acl(path, znode);
        // What the server keeps for itself is not for applications to protect.
        if !path.starts_with("/zookeeper") {
            if anyone.intersects(CHANGES) {
                self.open += 1;
            } else if self.anyone.last().is_some_and(|above| above.intersects(Perms::DELETE))
                && znode.num_children() == 0
            {
                self.unlocked.push(path.to_owned());
            }
        }
        self.anyone.push(anyone);
    }

    /// Looks at a znode's ACL, and says what it allows to anyone.
    fn acl(&mut self, path: &str, znode: &Znode<'_>) -> Perms {
        let mut anyone = Perms::default();
        let mut count = 0;
        for entry in znode.acl().iter() {
            count += 1;
            if is_anyone(&entry) {
                anyone = anyone.union(entry.perms);
            } else if let Some(why) = unmatchable(&entry) {
                self.unmatchable.push(format!("{path}: {why}"));
            }
        }
        if count == 0 {
            self.locked_out.push(path.to_owned());
        }
        anyone
    }

    fn findings(self, tree: &Tree) -> Vec<Finding> {
        let orphans = self.orphans.len();
        let open = self.open;
        let all = tree.znode_count();
        let is_open = (open > 0).then(|| format!("{open} of {all} znodes"));
        [
            (self.orphans, "ephemerals-orphaned", Severity::Warning,
             format!("{orphans} ephemerals belong to sessions that do not exist"),
             "nothing: a leader or standalone server deletes them when it starts"),
            (self.large, "znode-large", Severity::Warning,
             "znodes hold more data than a client with default settings can read".to_owned(),
             "raise jute.maxbuffer of their readers, or keep the data elsewhere"),
            (self.crowded, "children-too-many", Severity::Warning,
             "znodes have more children than a client with default settings can list".to_owned(),
             "raise jute.maxbuffer of whoever lists or deletes them; spread them over several parents"),
            (self.unmatchable, "acl-unmatchable", Severity::Warning,
             "ACL entries are for identities that nobody can have".to_owned(),
             "set the ACL again, as an identity with the a permission or as the superuser"),
            (self.locked_out, "acl-empty", Severity::Warning,
             "znodes have an empty ACL: only the superuser may touch them".to_owned(),
             "set an ACL as the superuser"),
            (self.unlocked, "acl-parent-open", Severity::Warning,
             "znodes that are protected can be deleted by anyone, because their parent lets anyone \
              delete its children".to_owned(),
             "protect the parent too: the permission to delete is the parent's d"),
            (is_open.into_iter().collect(), "acl-open", Severity::Info,
             "znodes can be changed by whoever reaches the client port".to_owned(),
             "nothing, if the network keeps others out; else set ACLs, from the root down"),
        ]
        .into_iter()
        .filter(|(evidence, ..)| !evidence.is_empty())
        .map(|(evidence, id, severity, what, remedy)| {
            Finding::new(id, severity, what, remedy).with(evidence)
        })
        .collect()
    }
}

/// All but to read.
const CHANGES: Perms = Perms(2 | 4 | 8 | 16);

fn is_anyone(entry: &Acl<'_>) -> bool {
    entry.scheme.as_deref() == Some("world") && entry.id.as_deref() == Some("anyone")
}

/// Why no client can ever be who an entry is for.
fn unmatchable(entry: &Acl<'_>) -> Option<String> {
    let scheme = entry.scheme.as_deref().unwrap_or_default();
    let id = entry.id.as_deref().unwrap_or_default();
    let known: BTreeSet<_> = SCHEMES.into();
    let why = match scheme {
        "world" => "the only id of scheme world is anyone",
        "digest" if !id.contains(':') => "an id of scheme digest is user:hash",
        "ip" if !is_ip(id) => "an id of scheme ip is an address, or one with /bits",
        "auth" => "auth stands for whoever sets an ACL and is never stored",
        _ if !known.contains(scheme) => "the scheme is known to no server without a plug-in",
        _ => return None,
    };
    Some(format!("{scheme}:{id}: {why}"))
}

fn is_ip(id: &str) -> bool {
    let (address, bits) = id.split_once('/').unwrap_or((id, "0"));
    address.parse::<IpAddr>().is_ok() && bits.parse::<u8>().is_ok_and(|bits| bits <= 128)
}
