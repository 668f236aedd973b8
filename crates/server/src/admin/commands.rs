//! The admin server's commands by name.

macro_rules! commands {
    ($($(#[$doc:meta])* $name:ident = $primary:literal $([$($alias:literal),*])?,)*) => {
        /// What `GET <command URL>/<name>` can ask.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(super) enum Command {
            $($(#[$doc])* $name,)*
        }

        impl Command {
            /// Every command, sorted by name.
            pub(super) const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The command with this name or alias.
            pub(super) fn named(name: &str) -> Option<Self> {
                match name {
                    $($primary $($(| $alias)*)? => Some(Self::$name),)*
                    _ => None,
                }
            }

            /// Its name in answers and in the index.
            pub(super) const fn primary_name(self) -> &'static str {
                match self {
                    $(Self::$name => $primary,)*
                }
            }
        }
    };
}

commands! {
    /// Settings.
    Configuration = "configuration" ["conf", "config"],
    /// Reset the connections' statistics.
    ConnectionStatReset = "connection_stat_reset" ["crst"],
    /// Connections with their statistics.
    Connections = "connections" ["cons"],
    /// Sizes of the data directories.
    Dirs = "dirs",
    /// Sessions and ephemerals.
    Dump = "dump",
    /// Environment.
    Environment = "environment" ["env", "envi"],
    /// Trace mask.
    TraceMask = "get_trace_mask" ["gtmk"],
    /// Digests of the tree.
    Hash = "hash",
    /// Configuration file.
    InitialConfiguration = "initial_configuration" ["icfg"],
    /// Read-only?
    IsReadOnly = "is_read_only" ["isro"],
    /// The newest snapshot.
    LastSnapshot = "last_snapshot" ["lsnp"],
    /// Who leads.
    Leader = "leader" ["lead"],
    /// Metrics.
    Monitor = "monitor" ["mntr"],
    /// Reset the statistics of the observers' connections.
    ObserverConnectionStatReset = "observer_connection_stat_reset" ["orst"],
    /// Observers that follow this server.
    Observers = "observers" ["obsr"],
    /// Replace the state by a snapshot.
    Restore = "restore" ["rest"],
    /// Nothing: does it answer?
    Ruok = "ruok",
    /// The server's statistics.
    ServerStats = "server_stats" ["srvr"],
    /// Set the trace mask.
    SetTraceMask = "set_trace_mask" ["stmk"],
    /// Close some client connections (Apache 3.10).
    ShedConnections = "shed_connections" ["shed"],
    /// Take a snapshot and download it.
    Snapshot = "snapshot" ["snap"],
    /// Reset the server's statistics.
    StatReset = "stat_reset" ["srst"],
    /// The server's statistics with the connections.
    Stats = "stats" ["stat"],
    /// Settings that are system properties in Apache.
    SystemProperties = "system_properties" ["sysp"],
    /// Voting members.
    VotingView = "voting_view",
    /// Number of watches.
    WatchSummary = "watch_summary" ["wchs"],
    /// Watches by session.
    Watches = "watches" ["wchc"],
    /// Watches by path.
    WatchesByPath = "watches_by_path" ["wchp"],
    /// Place in ZAB.
    ZabState = "zabstate",
}

impl Command {
    /// The action that it asks for, if it is one.
    pub(super) fn action(self) -> Option<Action> {
        [Action::Restore, Action::ShedConnections, Action::Snapshot]
            .into_iter()
            .find(|action| action.command() == self)
    }

    /// Whether it is asked with POST; all others with GET.
    pub(super) fn is_post(self) -> bool {
        matches!(self, Self::Restore | Self::ShedConnections)
    }
}

/// The commands that do something big. Their sender must be allowed to do everything on `/`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    /// Replace the state by a snapshot.
    Restore,
    /// Close some client connections.
    ShedConnections,
    /// Take a snapshot and download it.
    Snapshot,
}

impl Action {
    /// The command that asks for it.
    pub(super) const fn command(self) -> Command {
        match self {
            Self::Restore => Command::Restore,
            Self::ShedConnections => Command::ShedConnections,
            Self::Snapshot => Command::Snapshot,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_sorted_and_found_by_name_and_alias() {
        assert!(Command::ALL.is_sorted_by_key(|command| command.primary_name()));
        for command in Command::ALL {
            assert_eq!(Command::named(command.primary_name()), Some(*command));
        }
        assert_eq!(Command::named("envi"), Some(Command::Environment));
        assert_eq!(Command::named("RUOK"), None);
    }
}
