//! What this build calls itself, where Apache's tools look for it.

/// As `srvr`, `mntr` and the admin server print it: `<version>-<build>, built on <date>`. The first
/// part is the release of Apache ZooKeeper whose behaviour this is: clients choose by it what to ask.
pub(crate) const FULL: &str =
    concat!("3.9.5-zoarium-", env!("CARGO_PKG_VERSION"), ", built on 2026-11-23 00:00 UTC");

/// The lines of `envi`. Names are Apache's; those of Java's own are left out.
pub(crate) fn environment() -> Vec<(String, String)> {
    let variable = |name: &str| std::env::var(name).unwrap_or_default();
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default().trim().to_owned();
    let directory = std::env::current_dir().map(|it| it.display().to_string()).unwrap_or_default();
    let rows = [
        ("zookeeper.version", FULL.to_owned()),
        ("host.name", read("/proc/sys/kernel/hostname")),
        ("os.name", std::env::consts::OS.to_owned()),
        ("os.arch", std::env::consts::ARCH.to_owned()),
        ("os.version", read("/proc/sys/kernel/osrelease")),
        ("user.name", variable("USER")),
        ("user.home", variable("HOME")),
        ("user.dir", directory),
    ];
    rows.map(|(name, value)| (name.to_owned(), value)).into()
}
