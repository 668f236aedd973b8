//! Metrics that are read from the server's state when somebody asks.

use super::{Number, Shown, Unit};
use crate::status::{Mode, QuotaStatus, ServerStatus};

/// One value of the server's state.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Gauge {
    /// Apache's name.
    pub name: &'static str,
    /// What it says.
    pub help: &'static str,
    /// Its value.
    pub value: Number,
}

const fn gauge(name: &'static str, help: &'static str, value: Number) -> Gauge {
    Gauge { name, help, value }
}

fn count(name: &'static str, help: &'static str, value: u64) -> Gauge {
    gauge(name, help, value.into())
}

/// The gauges that a server in this mode has, in Apache's order.
pub fn gauges(status: &ServerStatus) -> Vec<Gauge> {
    let mut gauges = of_every_server(status);
    gauges.extend(of_members(&status.mode));
    // Apache's hash order, as captured: a member's gauges stand between the others.
    gauges.sort_by_key(|gauge| ORDER.iter().position(|name| *name == gauge.name));
    gauges
}

#[rustfmt::skip]
const ORDER: [&str; 34] = [
    "ephemerals_count", "num_alive_connections", "avg_latency", "min_proposal_size",
    "outstanding_requests", "znode_count", "global_sessions", "non_mtls_remote_conn_count",
    "last_client_response_size", "packets_sent", "packets_received", "max_proposal_size",
    "max_client_response_size", "synced_followers", "connection_drop_probability", "watch_count",
    "synced_non_voting_followers", "synced_observers", "auth_failed_count", "min_latency",
    "max_file_descriptor_count", "approximate_data_size", "open_file_descriptor_count",
    "last_proposal_size", "pending_syncs", "leader_uptime", "local_sessions", "uptime",
    "max_latency", "outstanding_tls_handshake", "learners", "min_client_response_size",
    "non_mtls_local_conn_count", "quorum_size",
];

fn of_every_server(status: &ServerStatus) -> Vec<Gauge> {
    let stats = &status.stats;
    let latency = Shown::of(Unit::Micros, &stats.latency);
    let sizes = &stats.client_response_sizes;
    #[rustfmt::skip]
    let gauges = vec![
        count("ephemerals_count", "Ephemeral znodes", status.ephemerals_count),
        count("num_alive_connections", "Open client connections", status.connections),
        gauge("avg_latency", "Mean time of a request, in ms", Number::Real(latency.average)),
        count("outstanding_requests", "Requests not answered yet", status.outstanding_requests),
        count("znode_count", "Znodes", status.znode_count),
        count("global_sessions", "Sessions that the ensemble knows", status.global_sessions),
        count("non_mtls_remote_conn_count", "Connections from elsewhere without a client certificate", stats.non_mtls_remote_connections),
        gauge("last_client_response_size", "Bytes of the last reply, -1 before the first", sizes.last.into()),
        count("packets_sent", "Packets sent to clients", stats.packets_sent),
        count("packets_received", "Packets received from clients", stats.packets_received),
        gauge("max_client_response_size", "Bytes of the largest reply, -1 before the first", sizes.max.into()),
        gauge("connection_drop_probability", "Chance that the connection throttle refuses", Number::Real(status.connection_drop_probability)),
        count("watch_count", "Watches on data and on children", status.watch_count),
        count("auth_failed_count", "Failed authentications", stats.auth_failed),
        count("min_latency", "Shortest time of a request, in ms", latency.min),
        count("max_file_descriptor_count", "Limit of open files", status.file_descriptors_max),
        count("approximate_data_size", "Bytes of paths and data", status.approximate_data_size),
        count("open_file_descriptor_count", "Open files", status.file_descriptors_open),
        count("local_sessions", "Sessions that only this server knows", status.local_sessions),
        count("uptime", "Time since the server began to serve, in ms", status.uptime_ms),
        count("max_latency", "Longest time of a request, in ms", latency.max),
        count("outstanding_tls_handshake", "TLS handshakes going on", status.tls_handshakes),
        gauge("min_client_response_size", "Bytes of the smallest reply, -1 before the first", sizes.min.into()),
        count("non_mtls_local_conn_count", "Connections from this host without a client certificate", stats.non_mtls_local_connections),
    ];
    gauges
}

fn of_members(mode: &Mode) -> Vec<Gauge> {
    let quorum_size = |size| count("quorum_size", "Voting members", size);
    let observers = |n| count("synced_observers", "Observers in step with this server", n);
    match mode {
        Mode::Standalone | Mode::ReadOnly => Vec::new(),
        Mode::Observer(observer) => vec![quorum_size(observer.quorum_size)],
        Mode::Follower(follower) => {
            let mut gauges = vec![quorum_size(follower.quorum_size)];
            gauges.extend(follower.synced_observers.map(observers));
            gauges
        }
        Mode::Leader(leader) => {
            let sizes = &leader.proposal_sizes;
            vec![
                quorum_size(leader.quorum_size),
                observers(leader.synced_observers),
                gauge("min_proposal_size", "Bytes of the smallest proposal", sizes.min.into()),
                gauge("max_proposal_size", "Bytes of the largest proposal", sizes.max.into()),
                gauge("last_proposal_size", "Bytes of the last proposal", sizes.last.into()),
                count("synced_followers", "Followers in step", leader.synced_followers),
                count(
                    "synced_non_voting_followers",
                    "Followers in step that do not vote",
                    leader.synced_non_voting_followers,
                ),
                count("pending_syncs", "Syncs waiting for a commit", leader.pending_syncs),
                count("leader_uptime", "Time of this leadership, in ms", leader.uptime_ms),
                count("learners", "Connected learners", leader.learners),
            ]
        }
    }
}

/// A gauge with a value for each key.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct GaugeSet {
    pub(crate) name: &'static str,
    pub(crate) help: &'static str,
    pub(crate) values: Vec<(String, Number)>,
}

/// Limits and use of the quotas by namespace.
pub(crate) fn quota_gauges(status: &ServerStatus) -> [GaugeSet; 4] {
    let set = |name, help, value: fn(&QuotaStatus) -> i64| GaugeSet {
        name,
        help,
        values: (status.quotas.iter())
            .map(|quota| (quota.namespace.clone(), value(quota).into()))
            .collect(),
    };
    [
        set("quota_count_limit_per_namespace", "Znodes allowed", |quota| quota.count_limit),
        set("quota_bytes_limit_per_namespace", "Bytes allowed", |quota| quota.bytes_limit),
        set("quota_count_usage_per_namespace", "Znodes there", |quota| quota.count),
        set("quota_bytes_usage_per_namespace", "Bytes there", |quota| quota.bytes),
    ]
}
