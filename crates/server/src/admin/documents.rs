//! The admin server's answers as JSON objects.

use std::collections::{BTreeMap, HashMap};

use serde_json::{Map, Value, json};

use super::NOT_SERVING;
use super::commands::Command;
use super::{java_address, secrets};
use crate::metrics::{Number, Shown, Unit, values};
use crate::stats::SizesReading;
use crate::status::{
    AdminSource, ConnectionStatus, EnsembleStatus, ExpiryBucket, GlobalSessions, HostPort, Mode,
    ServerStatus,
};

pub(super) type Object = Map<String, Value>;

/// The answer of a command that is no action. Only a few answer while not serving: not even `ruok`
/// does, unlike the four letter word. Apache then fails at `monitor` with a null pointer; here it
/// is not serving like the others.
pub(super) fn answer(
    command: Command,
    arguments: &HashMap<String, String>,
    source: &dyn AdminSource,
) -> Object {
    let is_monitor = command == Command::Monitor;
    let status = if is_monitor { source.full_status() } else { source.status() };
    let name = command.primary_name();
    let fields = match (command, status) {
        (Command::Environment, _) => strings(source.environment()),
        (Command::SystemProperties, _) => {
            let shown = |(name, value): (String, String)| {
                let value = secrets::shown(&name, value);
                (name, value)
            };
            let sorted: BTreeMap<_, _> =
                source.system_properties().into_iter().map(shown).collect();
            strings(sorted)
        }
        (Command::TraceMask, _) => object(json!({ "tracemask": source.trace_mask() })),
        (Command::SetTraceMask, _) => set_trace_mask(arguments, source),
        (Command::ZabState, status) => zab_state(status.as_ref(), source),
        (_, None) => return failed(name, NOT_SERVING),
        (command, Some(status)) => while_serving(command, &status, source),
    };
    finished(name, fields)
}

fn while_serving(command: Command, status: &ServerStatus, source: &dyn AdminSource) -> Object {
    match command {
        Command::Configuration => configuration(source),
        Command::Connections => connections(source, full_connection),
        Command::Dirs => dirs(source),
        Command::Dump => dump(source),
        Command::Hash => hash(source),
        Command::InitialConfiguration => {
            let text = secrets::hide_in_file(&source.initial_configuration());
            object(json!({ "initial_configuration": text }))
        }
        Command::IsReadOnly => object(json!({ "read_only": status.mode == Mode::ReadOnly })),
        Command::LastSnapshot => last_snapshot(source),
        Command::Leader => leader(source),
        Command::Monitor => monitor(status, source),
        Command::Observers => observers(source),
        Command::ServerStats => server_stats(status, source),
        Command::Stats => {
            let mut fields = server_stats(status, source);
            fields.extend(connections(source, brief_connection));
            fields
        }
        Command::VotingView => voting_view(source),
        Command::WatchSummary => watch_summary(source),
        Command::Watches => watches(source),
        Command::WatchesByPath => watches_by_path(source),
        Command::ConnectionStatReset => {
            source.reset_connection_stats();
            Object::new()
        }
        Command::ObserverConnectionStatReset => {
            source.reset_observer_stats();
            Object::new()
        }
        Command::StatReset => {
            source.reset_server_stats();
            Object::new()
        }
        Command::Ruok
        | Command::Restore
        | Command::ShedConnections
        | Command::Snapshot
        | Command::Environment
        | Command::SystemProperties
        | Command::TraceMask
        | Command::SetTraceMask
        | Command::ZabState => Object::new(),
    }
}

/// Adds the two fields that every answer has. A command's own `error` stays where it is, before
/// `command`, as in Apache.
pub(super) fn finished(name: &str, mut fields: Object) -> Object {
    fields.insert("command".to_owned(), name.into());
    fields.entry("error").or_insert(Value::Null);
    fields
}

/// The answer of a command that was not carried out.
pub(super) fn failed(name: &str, error: &str) -> Object {
    object(json!({ "command": name, "error": error }))
}

/// An object with these fields; for `json!` literals that are objects.
pub(super) fn object(value: Value) -> Object {
    match value {
        Value::Object(object) => object,
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            Object::new()
        }
    }
}

fn strings(pairs: impl IntoIterator<Item = (String, String)>) -> Object {
    pairs.into_iter().map(|(name, value)| (name, value.into())).collect()
}

fn set_trace_mask(arguments: &HashMap<String, String>, source: &dyn AdminSource) -> Object {
    let needed = "setTraceMask requires long traceMask argument";
    let Some(argument) = arguments.get("traceMask") else {
        return object(json!({ "error": needed }));
    };
    let Ok(mask) = argument.parse::<i64>() else {
        return object(json!({ "error": format!("{needed}, got {argument}") }));
    };
    source.set_trace_mask(mask);
    object(json!({ "tracemask": mask }))
}

fn configuration(source: &dyn AdminSource) -> Object {
    let conf = source.configuration();
    object(json!({
        "client_port": conf.client_port,
        "data_dir": conf.data_dir,
        "data_log_dir": conf.data_log_dir,
        "tick_time": conf.tick_time_ms,
        "max_client_cnxns": conf.client_connections_max,
        "min_session_timeout": conf.session_timeout_ms_min,
        "max_session_timeout": conf.session_timeout_ms_max,
        "server_id": conf.server_id,
        "client_port_listen_backlog": conf.listen_backlog,
    }))
}

fn connections(source: &dyn AdminSource, one: fn(&ConnectionStatus) -> Value) -> Object {
    let connections = source.connections();
    let of_port = |secure: bool| -> Vec<Value> {
        connections.iter().filter(|connection| connection.secure == secure).map(one).collect()
    };
    object(json!({ "connections": of_port(false), "secure_connections": of_port(true) }))
}

fn brief_connection(connection: &ConnectionStatus) -> Value {
    json!({
        "remote_socket_address": java_address(connection.remote),
        "interest_ops": connection.interest_ops,
        "outstanding_requests": connection.outstanding_requests,
        "packets_received": connection.stats.packets_received,
        "packets_sent": connection.stats.packets_sent,
    })
}

fn full_connection(connection: &ConnectionStatus) -> Value {
    let stats = &connection.stats;
    let mut fields = object(brief_connection(connection));
    fields.extend(object(json!({
        "session_id": connection.session_id.0,
        "last_operation": stats.last_operation,
        "established": connection.established_ms,
        "session_timeout": connection.session_timeout_ms,
        "last_cxid": stats.last_cxid,
        "last_zxid": stats.last_zxid,
        "last_response_time": stats.last_response_ms,
        "last_latency": stats.last_latency_ms,
        "min_latency": stats.min_latency_ms,
        "avg_latency": stats.avg_latency_ms,
        "max_latency": stats.max_latency_ms,
    })));
    fields.into()
}

fn dirs(source: &dyn AdminSource) -> Object {
    let sizes = source.directory_sizes();
    object(json!({ "datadir_size": sizes.data, "logdir_size": sizes.log }))
}

fn dump(source: &dyn AdminSource) -> Object {
    let sessions = source.sessions();
    let mut expiries: BTreeMap<u64, Vec<i64>> = BTreeMap::new();
    let mut add = |buckets: &[ExpiryBucket<zoarium_proto::SessionId>]| {
        for bucket in buckets {
            let ids = bucket.members.iter().map(|session| session.0);
            expiries.entry(bucket.expires_ms).or_default().extend(ids);
        }
    };
    sessions.local.iter().for_each(|buckets| add(buckets));
    if let GlobalSessions::Expiring(buckets) = &sessions.global {
        add(buckets);
    }
    let expiries: Object =
        expiries.into_iter().map(|(ms, sessions)| (ms.to_string(), sessions.into())).collect();
    let ephemerals: Object = source
        .ephemerals()
        .into_iter()
        .map(|(session, paths)| (session.0.to_string(), paths.into()))
        .collect();
    object(json!({
        "expiry_time_to_session_ids": expiries,
        "session_id_to_ephemeral_paths": ephemerals,
    }))
}

fn hash(source: &dyn AdminSource) -> Object {
    let digest = |digest: crate::status::DigestStatus| {
        json!({
            "zxid": digest.zxid.to_wire(),
            "digest": digest.digest,
            "digest_version": digest.version,
        })
    };
    let digests: Vec<Value> = source.digests().into_iter().map(digest).collect();
    object(json!({ "digests": digests }))
}

fn last_snapshot(source: &dyn AdminSource) -> Object {
    let (zxid, taken) = match source.last_snapshot() {
        Some(last) => (format!("{:x}", last.zxid.0), json!(last.taken_seconds)),
        None => (format!("{:x}", -1_i64), json!(-1)),
    };
    object(json!({ "zxid": zxid, "timestamp": taken }))
}

fn leader(source: &dyn AdminSource) -> Object {
    let Some(ensemble) = source.ensemble() else {
        return object(json!({ "error": "server is not initialized" }));
    };
    let (id, address) = match ensemble.leader {
        Some((id, address)) => (json!(id), address),
        None => (json!(-1), String::new()),
    };
    object(json!({ "is_leader": ensemble.is_leader, "leader_id": id, "leader_ip": address }))
}

fn monitor(status: &ServerStatus, source: &dyn AdminSource) -> Object {
    let mut fields = Object::new();
    fields.insert("version".to_owned(), status.version.clone().into());
    fields.insert("server_state".to_owned(), status.mode.to_string().into());
    if let Some(state) = status.mode.peer_state() {
        fields.insert("peer_state".to_owned(), state.into());
    }
    if let Mode::Observer(observer) = &status.mode {
        fields.insert("observer_master_id".to_owned(), observer.master_id.into());
    }
    for (name, value) in values(source.metrics(), status) {
        fields.insert(name, number(value));
    }
    fields
}

fn number(value: Number) -> Value {
    match value {
        Number::Integer(value) => value.into(),
        Number::Real(value) => value.into(),
    }
}

fn observers(source: &dyn AdminSource) -> Object {
    let observers: Vec<Value> = source
        .observers()
        .into_iter()
        .map(|observer| {
            json!({
                "remote_socket_address": format!("/{}", java_address(observer.remote)),
                "sid": observer.server_id,
                "established": observer.established_ms,
                "queued_packets": observer.queued_packets,
                "queued_packets_size": observer.queued_bytes,
                "packets_received": observer.packets_received,
                "packets_sent": observer.packets_sent,
                "requests": observer.requests,
                "last_zxid": observer.last_zxid.to_wire(),
            })
        })
        .collect();
    object(json!({ "synced_observers": observers.len(), "observers": observers }))
}

/// Apache's field order inside `server_stats` changes from run to run; this is one that was seen.
fn server_stats(status: &ServerStatus, source: &dyn AdminSource) -> Object {
    let stats = &status.stats;
    let latency = Shown::of(Unit::Micros, &stats.latency);
    let directories = source.directory_sizes();
    let client_responses = sizes(&stats.client_response_sizes);
    let mut fields = object(json!({
        "version": status.version,
        "read_only": status.mode == Mode::ReadOnly,
        "server_stats": {
            "packets_sent": stats.packets_sent,
            "packets_received": stats.packets_received,
            "fsync_threshold_exceed_count": stats.fsync_threshold_exceeded,
            "client_response_stats": client_responses,
            "data_dir_size": directories.data,
            "log_dir_size": directories.log,
            "provider_null": false,
            "last_processed_zxid": status.last_zxid.to_wire(),
            "outstanding_requests": status.outstanding_requests,
            "server_state": status.mode.to_string(),
            "avg_latency": latency.average,
            "max_latency": latency.max,
            "min_latency": latency.min,
            "num_alive_client_connections": status.connections,
            "auth_failed_count": stats.auth_failed,
            "non_mtlsremote_conn_count": stats.non_mtls_remote_connections,
            "non_mtlslocal_conn_count": stats.non_mtls_local_connections,
            "uptime": status.uptime_ms,
        },
        "client_response": client_responses,
    }));
    if let Mode::Leader(leader) = &status.mode {
        fields.insert("proposal_stats".to_owned(), sizes(&leader.proposal_sizes));
    }
    fields.insert("node_count".to_owned(), status.znode_count.into());
    fields
}

fn sizes(sizes: &SizesReading) -> Value {
    json!({
        "last_buffer_size": sizes.last,
        "min_buffer_size": sizes.min,
        "max_buffer_size": sizes.max,
    })
}

fn voting_view(source: &dyn AdminSource) -> Object {
    let members: Object = source
        .ensemble()
        .into_iter()
        .flat_map(|ensemble| ensemble.voting_members)
        .map(|member| {
            let view = json!({
                "server_addresses": texts(&member.quorum_addresses),
                "election_addresses": texts(&member.election_addresses),
                "client_address": text_or_empty(member.client_address.as_ref()),
                "learner_type": "participant",
            });
            (member.server_id.to_string(), view)
        })
        .collect();
    object(json!({ "current_config": members }))
}

fn texts(addresses: &[HostPort]) -> Vec<String> {
    addresses.iter().map(HostPort::to_string).collect()
}

fn text_or_empty(address: Option<&HostPort>) -> String {
    address.map(HostPort::to_string).unwrap_or_default()
}

fn watch_summary(source: &dyn AdminSource) -> Object {
    let summary = source.watch_summary();
    object(json!({
        "num_connections": summary.connections,
        "num_paths": summary.paths,
        "num_total_watches": summary.watches,
    }))
}

fn watches(source: &dyn AdminSource) -> Object {
    let watches: Object = source
        .watches_by_session()
        .into_iter()
        .map(|(session, paths)| (session.0.to_string(), paths.into()))
        .collect();
    object(json!({ "session_id_to_watched_paths": watches }))
}

fn watches_by_path(source: &dyn AdminSource) -> Object {
    let watches: Object = source
        .watches_by_path()
        .into_iter()
        .map(|(path, sessions)| {
            let ids: Vec<i64> = sessions.into_iter().map(|session| session.0).collect();
            (path, ids.into())
        })
        .collect();
    object(json!({ "path_to_session_ids": watches }))
}

fn zab_state(status: Option<&ServerStatus>, source: &dyn AdminSource) -> Object {
    let (Some(status), Some(ensemble)) = (status, source.ensemble()) else {
        return object(json!({ "voting": false, "zabstate": "" }));
    };
    let EnsembleStatus { quorum_addresses, election_addresses, client_address, .. } = &ensemble;
    object(json!({
        "myid": ensemble.server_id,
        "is_leader": ensemble.is_leader,
        "quorum_address": addresses_bean(quorum_addresses),
        "election_address": addresses_bean(election_addresses),
        "client_address": text_or_empty(client_address.as_ref()),
        "voting": ensemble.is_voting,
        "last_zxid": format!("{:#x}", status.last_zxid.0),
        "zab_epoch": status.last_zxid.epoch(),
        "zab_counter": status.last_zxid.counter(),
        "zabstate": ensemble.phase.to_string(),
    }))
}

/// All getters of Apache's `MultipleAddresses`, which its JSON shows by accident. Nobody probes
/// addresses here, so all count as reachable.
fn addresses_bean(addresses: &[HostPort]) -> Value {
    let all = texts(addresses);
    let first = all.first().cloned().unwrap_or_default();
    let ports: Vec<u16> = addresses.iter().map(|address| address.port).collect();
    let wildcards: Vec<String> = ports.iter().map(|port| format!("0.0.0.0:{port}")).collect();
    let hosts: Vec<&str> = addresses.iter().map(|address| address.host.as_str()).collect();
    json!({
        "empty": all.is_empty(),
        "all_addresses": all,
        "wildcard_addresses": wildcards,
        "all_ports": ports,
        "all_host_strings": hosts,
        "reachable_address": first,
        "all_reachable_addresses": all,
        "all_reachable_addresses_or_all": all,
        "reachable_or_one": first,
        "one": first,
    })
}
