//! Following the ensemble: when its members change, so does the client's list of servers.

use crate::connector::HostPort;
use crate::ops::{AddWatch, Get};
use crate::scope::Scope;
use crate::states::State;
use std::net::SocketAddr;
use std::str::from_utf8;
use std::sync::Arc;
use tokio::net::lookup_host;
use zoarium_proto::Membership;
use zoarium_proto::membership::Member;
use zoarium_proto::path::CONFIG;
use zoarium_session::Command;

/// Keeps the list of servers like the ensemble's configuration, until the client is closed.
pub(crate) async fn follow(scope: Scope) {
    let scope = Arc::new(scope.at_root());
    let watch = AddWatch::new(Arc::clone(&scope), CONFIG.into()).across_sessions().await;
    let mut watch = match watch {
        Ok(watch) => watch,
        Err(error) => {
            tracing::warn!(%error, "the ensemble's configuration cannot be followed");
            return;
        }
    };
    let mut last = Vec::new();
    loop {
        match Get::new(Arc::clone(&scope), CONFIG.into()).await {
            Ok(config) => {
                let servers = servers(&config.data);
                if !servers.is_empty() && servers != last {
                    last.clone_from(&servers);
                    let servers = as_in_use(servers, &scope.shared.states.latest()).await;
                    scope.shared.command(Command::Servers(servers));
                }
            }
            Err(error) => tracing::debug!(%error, "the ensemble's configuration was not read"),
        }
        // An event, or a gap in which there may have been one: look again.
        if watch.next().await.is_none() {
            return;
        }
    }
}

/// Where the members of a configuration take clients. None if it says so of no member, as that of
/// a standalone server.
fn servers(config: &[u8]) -> Vec<HostPort> {
    let membership = from_utf8(config).ok().and_then(|text| Membership::parse(text).ok());
    let members = membership.into_iter().flat_map(|membership| membership.members.into_values());
    members.filter_map(|member| client_address(&member)).collect()
}

/// Where a member takes clients. If that is all its addresses, it is where its peers find it.
fn client_address(member: &Member) -> Option<HostPort> {
    let client = member.client.clone()?;
    if !client.is_unspecified() {
        return Some(client);
    }
    let host = member.addresses.first()?.host.clone();
    Some(HostPort { host, port: client.port })
}

/// The list, with the server that the client is with under the name by which it went there: another
/// name for the same place is no reason to leave it.
async fn as_in_use(mut servers: Vec<HostPort>, state: &State) -> Vec<HostPort> {
    let State::Connected(connected) = state else { return servers };
    let current = &connected.server;
    if servers.contains(current) {
        return servers;
    }
    let places = places(current).await;
    for server in &mut servers {
        let same = server.port == current.port
            && self::places(server).await.iter().any(|place| places.contains(place));
        if same {
            server.clone_from(current);
            break;
        }
    }
    servers
}

async fn places(server: &HostPort) -> Vec<SocketAddr> {
    match lookup_host((server.host.as_str(), server.port)).await {
        Ok(places) => places.collect(),
        Err(_) => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use zoarium_session::state::{Connected, Generation};

    fn shown(servers: &[HostPort]) -> Vec<String> {
        servers.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn members_are_where_they_take_clients() {
        let config = "server.1=a:2888:3888:participant;0.0.0.0:2181\n\
                      server.2=b:2888:3888:observer;c:2182\n\
                      server.3=d:2888:3888:participant\n\
                      version=100000003";
        assert_eq!(shown(&servers(config.as_bytes())), ["a:2181", "c:2182"]);
        assert_eq!(servers(b""), []);
        assert_eq!(servers(b"nonsense"), []);
    }

    #[tokio::test]
    async fn server_in_use_keeps_its_name() {
        let server = |host: &str| HostPort { host: host.into(), port: 2181 };
        let state = State::Connected(Connected {
            generation: Generation(1),
            session: crate::SessionId(7),
            timeout: std::time::Duration::from_secs(1),
            server: server("localhost"),
            read_only: false,
        });
        let list = as_in_use(vec![server("10.0.0.1"), server("127.0.0.1")], &state).await;
        assert_eq!(shown(&list), ["10.0.0.1:2181", "localhost:2181"]);
    }
}
