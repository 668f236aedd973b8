//! The files beside `zoo.cfg` that follow the membership, so that the next start knows it.

use crate::config::dynamic;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use zoarium_proto::{Membership, ServerId};

/// The configuration of a member that may be reconfigured.
#[derive(Clone, Debug)]
pub(crate) struct DynamicFiles {
    /// `zoo.cfg`.
    pub(crate) config: PathBuf,
    pub(crate) own: ServerId,
}

impl DynamicFiles {
    /// Keeps a membership that is proposed: whether it is committed may show only after a restart.
    ///
    /// The agreement does not depend on it, as the proposal is in the log too. So what cannot be
    /// written is reported and no more.
    pub(crate) fn propose(&self, membership: &Membership) {
        let path = dynamic::next_file(&self.text());
        report(&path, replace(&path, membership.dynamic_file(true).as_bytes()));
    }

    /// Keeps a membership that is in force, and has `zoo.cfg` point to it. The next start would
    /// otherwise look for the members of before.
    pub(crate) fn activate(&self, membership: &Membership) {
        let path = dynamic::file(&self.text(), membership.version);
        report(&path, replace(&path, membership.dynamic_file(false).as_bytes()));
        report(&self.config, self.point_to(&path, membership));
        let next = dynamic::next_file(&self.text());
        match std::fs::remove_file(&next) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => report(&next, Err(error)),
            Ok(()) | Err(_) => {}
        }
    }

    fn point_to(&self, dynamic_file: &Path, membership: &Membership) -> io::Result<()> {
        let before = std::fs::read(&self.config)?;
        let own = membership.members.get(&self.own);
        let has_client_port = own.is_some_and(|own| own.client.is_some());
        let target = std::path::absolute(dynamic_file)?.display().to_string();
        let after = dynamic::without_members(&before, &target, has_client_port)
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
        if after == before {
            return Ok(());
        }
        let backup = dynamic::backup_file(&self.text());
        if !backup.exists() {
            replace(&backup, &before)?;
        }
        replace(&self.config, &after)
    }

    fn text(&self) -> String {
        self.config.display().to_string()
    }
}

/// Writes a file as a whole or not at all.
fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".tmp");
    let temporary = path.with_file_name(name);
    let mut file = std::fs::File::create(&temporary)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    std::fs::rename(&temporary, path)
}

fn report(path: &Path, written: io::Result<()>) {
    if let Err(error) = written {
        tracing::error!(
            path = %path.display(), %error,
            "the membership is not kept in this file; after a restart this server asks the others"
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use zoarium_proto::Zxid;

    fn members(text: &str, version: u64) -> Membership {
        Membership { version: Zxid(version), ..Membership::parse(text).unwrap() }
    }

    #[test]
    fn next_start_finds_the_membership_in_force() {
        let dir = std::env::temp_dir().join(format!("zoarium-dynamic-{}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        let config = dir.join("zoo.cfg");
        let old = "# ours\nclientPort=2181\nserver.1=a:1:2:participant\ninitLimit=5\n";
        std::fs::write(&config, old).unwrap();
        let files = DynamicFiles { config: config.clone(), own: ServerId(1) };
        let new = "server.1=a:1:2:participant;0.0.0.0:2181\nserver.2=b:1:2:participant;2181";

        files.propose(&members(new, 0x2a));
        let next = std::fs::read_to_string(dir.join("zoo.cfg.dynamic.next")).unwrap();
        assert!(next.ends_with("version=2a"), "{next}");
        assert_eq!(std::fs::read_to_string(&config).unwrap(), old, "not in force yet");

        files.activate(&members(new, 0x2a));
        assert!(!dir.join("zoo.cfg.dynamic.next").exists());
        let dynamic = dir.join("zoo.cfg.dynamic.2a");
        let kept = std::fs::read_to_string(&dynamic).unwrap();
        assert_eq!(Membership::parse(&kept).unwrap().members, members(new, 0).members);
        let now = std::fs::read_to_string(&config).unwrap();
        assert_eq!(now, format!("# ours\ninitLimit=5\ndynamicConfigFile={}\n", dynamic.display()));
        assert_eq!(std::fs::read_to_string(dir.join("zoo.cfg.bak")).unwrap(), old);
        std::fs::remove_dir_all(&dir).unwrap();
    }
}
