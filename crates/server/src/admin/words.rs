//! The texts of the four letter words.

use std::fmt::{Display, Write};

use zoarium_proto::SessionId;

use super::date::java_date;
use super::four_letter::FourLetterWord;
use super::{NOT_SERVING, java_address};
use crate::metrics::{Shown, Unit, java_double, values};
use crate::status::{
    AdminSource, ConnectionStatus, ExpiryBucket, GlobalSessions, Mode, QuorumConfiguration,
    ServerStatus, Sessions,
};

pub(super) fn render(word: FourLetterWord, argument: i64, source: &dyn AdminSource) -> String {
    match word {
        FourLetterWord::Ruok => "imok".to_owned(),
        FourLetterWord::Envi => envi(source),
        FourLetterWord::Gtmk => source.trace_mask().to_string(),
        FourLetterWord::Stmk => stmk(argument, source),
        FourLetterWord::TelnetClose => String::new(),
        FourLetterWord::Isro => isro(source),
        FourLetterWord::Hash => hash(source),
        FourLetterWord::Srvr => when_serving(source, |status| srvr(status, None)),
        FourLetterWord::Stat => {
            when_serving(source, |status| srvr(status, Some(source.connections())))
        }
        FourLetterWord::Cons => when_serving(source, |_| cons(source)),
        FourLetterWord::Conf => when_serving(source, |_| conf(source)),
        FourLetterWord::Dirs => when_serving(source, |_| dirs(source)),
        FourLetterWord::Dump => when_serving(source, |_| dump(source)),
        FourLetterWord::Mntr => {
            serving(source.full_status().as_ref(), |status| mntr(status, source))
        }
        FourLetterWord::Wchs => when_serving(source, |_| wchs(source)),
        FourLetterWord::Wchc => when_serving(source, |_| wchc(source)),
        FourLetterWord::Wchp => when_serving(source, |_| wchp(source)),
        FourLetterWord::Crst => when_serving(source, |_| {
            source.reset_connection_stats();
            "Connection stats reset.\n".to_owned()
        }),
        FourLetterWord::Srst => when_serving(source, |_| {
            source.reset_server_stats();
            "Server stats reset.\n".to_owned()
        }),
    }
}

fn when_serving(source: &dyn AdminSource, text: impl FnOnce(&ServerStatus) -> String) -> String {
    serving(source.status().as_ref(), text)
}

fn serving(status: Option<&ServerStatus>, text: impl FnOnce(&ServerStatus) -> String) -> String {
    match status {
        Some(status) => text(status),
        None => format!("{NOT_SERVING}\n"),
    }
}

fn isro(source: &dyn AdminSource) -> String {
    match source.status() {
        None => "null",
        Some(status) if status.mode == Mode::ReadOnly => "ro",
        Some(_) => "rw",
    }
    .to_owned()
}

fn stmk(mask: i64, source: &dyn AdminSource) -> String {
    source.set_trace_mask(mask);
    mask.to_string()
}

fn hash(source: &dyn AdminSource) -> String {
    if source.status().is_none() {
        return NOT_SERVING.to_owned();
    }
    let mut text = Lines::default();
    for digest in source.digests() {
        text.line(format_args!("{:x}: {}", digest.zxid.0, digest.digest));
    }
    text.0
}

fn envi(source: &dyn AdminSource) -> String {
    let mut text = Lines::default();
    text.line("Environment:");
    for (name, value) in source.environment() {
        text.line(format_args!("{name}={value}"));
    }
    text.0
}

fn srvr(status: &ServerStatus, clients: Option<Vec<ConnectionStatus>>) -> String {
    let mut text = Lines::default();
    text.line(format_args!("Zookeeper version: {}", status.version));
    if status.mode == Mode::ReadOnly {
        text.line("READ-ONLY mode; serving only read-only clients");
    }
    if let Some(clients) = clients {
        text.line("Clients:");
        for client in &clients {
            text.line(format_args!("{})", brief(client)));
        }
        text.line("");
    }
    let latency = Shown::of(Unit::Micros, &status.stats.latency);
    let average = java_double(latency.average);
    text.line(format_args!("Latency min/avg/max: {}/{average}/{}", latency.min, latency.max));
    text.line(format_args!("Received: {}", status.stats.packets_received));
    text.line(format_args!("Sent: {}", status.stats.packets_sent));
    text.line(format_args!("Connections: {}", status.connections));
    text.line(format_args!("Outstanding: {}", status.outstanding_requests));
    text.line(format_args!("Zxid: {}", status.last_zxid));
    text.line(format_args!("Mode: {}", status.mode));
    text.line(format_args!("Node count: {}", status.znode_count));
    if let Mode::Leader(leader) = &status.mode {
        let sizes = leader.proposal_sizes;
        let sizes = format!("{}/{}/{}", sizes.last, sizes.min, sizes.max);
        text.line(format_args!("Proposal sizes last/min/max: {sizes}"));
    }
    text.0
}

/// A connection without the closing parenthesis.
fn brief(connection: &ConnectionStatus) -> String {
    let ConnectionStatus { remote, interest_ops, outstanding_requests, stats, .. } = connection;
    format!(
        " /{}[{interest_ops:x}](queued={outstanding_requests},recved={},sent={}",
        java_address(*remote),
        stats.packets_received,
        stats.packets_sent,
    )
}

fn cons(source: &dyn AdminSource) -> String {
    let mut text = Lines::default();
    for connection in source.connections() {
        let brief = brief(&connection);
        if connection.session_id == SessionId::NONE {
            text.line(format_args!("{brief})"));
        } else {
            text.line(format_args!("{brief},{})", session_part(&connection)));
        }
    }
    text.line("");
    text.0
}

fn session_part(connection: &ConnectionStatus) -> String {
    let stats = &connection.stats;
    let last_cxid = match stats.last_cxid {
        ..0 => String::new(),
        cxid => format!(",lcxid={cxid:#x}"),
    };
    format!(
        "sid={},lop={},est={},to={}{last_cxid},lzxid={:#x},lresp={},llat={},minlat={},avglat={},\
         maxlat={}",
        connection.session_id,
        stats.last_operation,
        connection.established_ms,
        connection.session_timeout_ms,
        stats.last_zxid,
        stats.last_response_ms,
        stats.last_latency_ms,
        stats.min_latency_ms,
        stats.avg_latency_ms,
        stats.max_latency_ms,
    )
}

fn conf(source: &dyn AdminSource) -> String {
    let conf = source.configuration();
    let sizes = source.directory_sizes();
    let mut text = Lines::default();
    text.setting("clientPort", conf.client_port);
    text.setting("secureClientPort", conf.secure_client_port);
    text.setting("dataDir", &conf.data_dir);
    text.setting("dataDirSize", sizes.data);
    text.setting("dataLogDir", &conf.data_log_dir);
    text.setting("dataLogSize", sizes.log);
    text.setting("tickTime", conf.tick_time_ms);
    text.setting("maxClientCnxns", conf.client_connections_max);
    text.setting("minSessionTimeout", conf.session_timeout_ms_min);
    text.setting("maxSessionTimeout", conf.session_timeout_ms_max);
    text.setting("clientPortListenBacklog", conf.listen_backlog);
    text.setting("serverId", conf.server_id);
    if let Some(quorum) = &conf.quorum {
        quorum_conf(quorum, &mut text);
    }
    text.0
}

fn quorum_conf(quorum: &QuorumConfiguration, text: &mut Lines) {
    let ports = |ports: &[u16]| -> String {
        ports.iter().map(u16::to_string).collect::<Vec<String>>().join("|")
    };
    text.setting("initLimit", quorum.init_limit);
    text.setting("syncLimit", quorum.sync_limit);
    text.setting("electionAlg", 3);
    text.setting("electionPort", ports(&quorum.election_ports));
    text.setting("quorumPort", ports(&quorum.quorum_ports));
    text.setting("peerType", u8::from(quorum.is_observer));
    if let Some(membership) = &quorum.membership {
        text.line("membership: ");
        text.0.push_str(membership);
    }
}

fn dirs(source: &dyn AdminSource) -> String {
    let sizes = source.directory_sizes();
    format!("datadir_size: {}\nlogdir_size: {}\n", sizes.data, sizes.log)
}

fn dump(source: &dyn AdminSource) -> String {
    let mut text = Lines::default();
    text.line("SessionTracker dump:");
    sessions(&source.sessions(), &mut text);
    text.line("ephemeral nodes dump:");
    let ephemerals = source.ephemerals();
    text.line(format_args!("Sessions with Ephemerals ({}):", ephemerals.len()));
    for (session, paths) in ephemerals {
        text.line(format_args!("{session}:"));
        paths.iter().for_each(|path| text.line(format_args!("\t{path}")));
    }
    text.line("Connections dump:");
    text.buckets("Connections ", &source.connection_expiries(), |connection| {
        let address = java_address(connection.remote);
        format!("ip: /{address} sessionId: {}", connection.session_id)
    });
    text.0
}

fn sessions(sessions: &Sessions, text: &mut Lines) {
    if let Some(local) = &sessions.local {
        text.buckets("Local Session ", local, SessionId::to_string);
    }
    match &sessions.global {
        GlobalSessions::Expiring(buckets) => {
            let title = if sessions.local.is_some() { "Global Session " } else { "Session " };
            text.buckets(title, buckets, SessionId::to_string);
        }
        GlobalSessions::Known(known) => {
            text.line(format_args!("Global Sessions({}):", known.len()));
            for (session, timeout_ms) in known {
                text.line(format_args!("{session}\t{timeout_ms}ms"));
            }
        }
    }
}

fn wchs(source: &dyn AdminSource) -> String {
    let summary = source.watch_summary();
    format!(
        "{} connections watching {} paths\nTotal watches:{}\n",
        summary.connections, summary.paths, summary.watches
    )
}

fn wchc(source: &dyn AdminSource) -> String {
    let mut text = Lines::default();
    for (session, paths) in source.watches_by_session() {
        text.line(session);
        paths.iter().for_each(|path| text.line(format_args!("\t{path}")));
    }
    text.line("");
    text.0
}

fn wchp(source: &dyn AdminSource) -> String {
    let mut text = Lines::default();
    for (path, sessions) in source.watches_by_path() {
        text.line(path);
        sessions.iter().for_each(|session| text.line(format_args!("\t{session}")));
    }
    text.line("");
    text.0
}

fn mntr(status: &ServerStatus, source: &dyn AdminSource) -> String {
    let mut text = Lines::default();
    let mut entry = |name: &str, value: &dyn Display| {
        text.line(format_args!("zk_{name}\t{value}"));
    };
    entry("version", &status.version);
    entry("server_state", &status.mode);
    if let Some(state) = status.mode.peer_state() {
        entry("peer_state", &state);
    }
    if let Mode::Observer(observer) = &status.mode {
        entry("observer_master_id", &observer.master_id);
    }
    for (name, value) in values(source.metrics(), status) {
        entry(&name, &value);
    }
    text.0
}

#[derive(Default)]
struct Lines(String);

impl Lines {
    fn line(&mut self, line: impl Display) {
        // Writing to a string cannot fail.
        let _ = writeln!(self.0, "{line}");
    }

    fn setting(&mut self, name: &str, value: impl Display) {
        self.line(format_args!("{name}={value}"));
    }

    fn buckets<T>(
        &mut self,
        title: &str,
        buckets: &[ExpiryBucket<T>],
        member: impl Fn(&T) -> String,
    ) {
        let members: usize = buckets.iter().map(|bucket| bucket.members.len()).sum();
        self.line(format_args!("{title}Sets ({})/({members}):", buckets.len()));
        for bucket in buckets {
            let expiry = java_date(bucket.expires_wall_ms);
            self.line(format_args!("{} expire at {expiry}:", bucket.members.len()));
            bucket.members.iter().for_each(|one| self.line(format_args!("\t{}", member(one))));
        }
    }
}
