//! `conf`: what a server is set up with, and who belongs to its ensemble.

use crate::target::Target;
use serde::Serialize;

/// The answer to `conf`, as far as it is of use here.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Conf {
    /// The server's id; 0 for a standalone server.
    pub id: Option<u64>,
    /// Its tick in milliseconds.
    pub tick_ms: Option<u64>,
    /// How many connections a client host may have; 0 for any number.
    pub max_client_connections: Option<u64>,
    /// The members of the ensemble.
    pub members: Vec<Member>,
}

/// A member as its line in the configuration says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Member {
    /// Its id.
    pub id: u64,
    /// Whether it only observes.
    pub is_observer: bool,
    /// Where clients find it, if the line says so.
    pub client: Option<Target>,
}

impl Conf {
    /// Reads an answer; lines that are not understood are passed over.
    pub fn parse(text: &str) -> Self {
        let number = |name: &str| {
            let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
            value?.trim().parse().ok()
        };
        Self {
            id: number("serverId"),
            tick_ms: number("tickTime"),
            max_client_connections: number("maxClientCnxns"),
            members: text.lines().filter_map(Member::parse).collect(),
        }
    }
}

impl Member {
    /// `server.1=host:2888:3888:participant;0.0.0.0:2181`
    fn parse(line: &str) -> Option<Self> {
        let (id, value) = line.strip_prefix("server.")?.split_once('=')?;
        let (servers, client) = value.split_once(';').unwrap_or((value, ""));
        // Several addresses are separated by bars.
        let first = servers.split('|').next().unwrap_or_default();
        let host = first.rsplitn(4, ':').last().unwrap_or_default();
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let client =
            client.rsplit_once(':').map_or((host, client), |(client, port)| (client, port));
        let any = ["0.0.0.0", "[::]", "0:0:0:0:0:0:0:0", "[0:0:0:0:0:0:0:0]"];
        let client_host = if any.contains(&client.0) { host } else { client.0 };
        let port = client.1.trim().parse().ok();
        let client = port.and_then(|port: u16| {
            let bare = client_host.trim_start_matches('[').trim_end_matches(']');
            (!bare.is_empty() && port != 0).then(|| Target { host: bare.to_owned(), port })
        });
        Some(Self { id: id.parse().ok()?, is_observer: servers.ends_with(":observer"), client })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_found_by_their_client_addresses() {
        let conf = Conf::parse(
            "clientPort=2181\ntickTime=2000\nserverId=2\nmembership: \n\
             server.1=zoo1:2888:3888:participant;0.0.0.0:2181\n\
             server.2=zoo2:2888:3888:observer;10.0.0.2:2182\n\
             server.3=zoo3:2888:3888:participant\n\
             server.4=[::1]:2888:3888:participant;2184\nserver.x=a:1:2\nversion=100000000",
        );
        assert_eq!((conf.id, conf.tick_ms), (Some(2), Some(2000)));
        let found: Vec<_> = conf
            .members
            .iter()
            .map(|it| (it.id, it.is_observer, it.client.as_ref().map(ToString::to_string)))
            .collect();
        let expected = [
            (1, false, Some("zoo1:2181")),
            (2, true, Some("10.0.0.2:2182")),
            (3, false, None),
            (4, false, Some("[::1]:2184")),
        ];
        let expected = expected.map(|(id, observes, at)| (id, observes, at.map(str::to_owned)));
        assert_eq!(found, expected);
    }

    #[test]
    fn nonsense_is_passed_over() {
        let conf = Conf::parse("server.1\nserver.=\nserver.1=\n=\nserver.9=;;:\nserverId=-1");
        assert!(conf.members.iter().all(|member| member.client.is_none()));
        assert_eq!(conf.id, None);
    }
}
