//! What this build calls itself, where Apache's tools look for it.

use std::os::unix::fs::MetadataExt;

/// As `srvr`, `mntr` and the admin server print it: `<version>-<build>, built on <date>`. The first
/// part is the release of Apache ZooKeeper whose behaviour this is: clients choose by it what to ask.
pub(crate) const FULL: &str =
    concat!("3.9.5-zoarium-", env!("CARGO_PKG_VERSION"), ", built on 2026-11-23 00:00 UTC");

/// The lines of `envi`. Names are Apache's; those of Java's own are left out.
pub(crate) fn environment() -> Vec<(String, String)> {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default().trim().to_owned();
    let directory = std::env::current_dir().map(|it| it.display().to_string()).unwrap_or_default();
    let rows = [
        ("zookeeper.version", FULL.to_owned()),
        ("host.name", read("/proc/sys/kernel/hostname")),
        ("os.name", os_name().to_owned()),
        ("os.arch", os_arch().to_owned()),
        ("os.version", read("/proc/sys/kernel/osrelease")),
        ("user.name", user_name()),
        ("user.home", variable("HOME").unwrap_or_default()),
        ("user.dir", directory),
    ];
    rows.map(|(name, value)| (name.to_owned(), value)).into()
}

/// A variable of the environment that is not empty.
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// What Java calls the system and the processor, which tools may look for.
const fn os_name() -> &'static str {
    if cfg!(target_os = "linux") { "Linux" } else { std::env::consts::OS }
}

const fn os_arch() -> &'static str {
    if cfg!(target_arch = "x86_64") { "amd64" } else { std::env::consts::ARCH }
}

/// The name of the process's user; its number if it has none, as in many containers.
pub(crate) fn user_name() -> String {
    if let Some(user) = variable("USER") {
        return user;
    }
    let Ok(process) = std::fs::metadata("/proc/self") else { return String::new() };
    let passwd = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    name_of(process.uid(), &passwd).map_or_else(|| process.uid().to_string(), str::to_owned)
}

/// The name in the first entry of this user. Entries are `name:password:uid:…`.
fn name_of(uid: u32, passwd: &str) -> Option<&str> {
    passwd.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)?.parse() == Ok(uid)).then_some(name)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn user_is_found_by_number() {
        let passwd = "root:x:0:0:root:/root:/bin/sh\n\nbroken\nzoo:x:999:999::/data:/bin/sh\n";
        assert_eq!(name_of(0, passwd), Some("root"));
        assert_eq!(name_of(999, passwd), Some("zoo"));
        assert_eq!(name_of(1000, passwd), None);
    }
}
