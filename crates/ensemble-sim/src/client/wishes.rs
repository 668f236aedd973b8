//! What clients are asked to do, as requests.

use super::{Ask, Client};
use crate::participant::Wish;
use crate::workload::Verb;

impl Client {
    /// The request that is wished for; none if it is no request.
    pub(super) fn fill_in(&mut self, wish: Wish) -> Option<Ask> {
        self.values += 1;
        let value = format!("{}.{}", self.prefix, self.values);
        let few = format!("/few/{}", wish.which);
        let data = value.clone().into_bytes();
        let pair = ["/pair/x", "/pair/y"];
        Some(match wish.verb {
            Verb::Keep => Ask::create(&format!("/keep/{value}"), &data),
            Verb::Create => Ask::create(&few, &data),
            Verb::Set => Ask::Set { path: few, data },
            Verb::Delete => Ask::Delete { path: few },
            Verb::Ephemeral => {
                Ask::Create { path: format!("/eph/{}", wish.which), data, ephemeral: true }
            }
            Verb::Sequential => Ask::CreateSequential { ephemeral: false },
            Verb::EphemeralSequential => Ask::CreateSequential { ephemeral: true },
            Verb::DeleteSequential => {
                Ask::Delete { path: self.sequentials.pop().unwrap_or_else(|| "/seq/none".into()) }
            }
            Verb::Pair => Ask::SetBoth { paths: pair, data, failing: false },
            Verb::FailingPair => Ask::SetBoth { paths: pair, data, failing: true },
            Verb::ReadPair => Ask::GetBoth { paths: pair },
            Verb::Get => Ask::Get { path: few, watch: false },
            Verb::Watch => Ask::Get { path: few, watch: true },
            Verb::WatchExists => Ask::Exists { path: few, watch: true },
            Verb::List => Ask::List { path: "/eph".into(), watch: false },
            Verb::WatchList => Ask::List { path: "/few".into(), watch: true },
            Verb::WatchAlways => Ask::WatchAlways { path: few },
            Verb::AddVoter => {
                Ask::Change { joining: Some(server_line(wish.which, "participant")), leaving: None }
            }
            Verb::AddObserver => {
                Ask::Change { joining: Some(server_line(wish.which, "observer")), leaving: None }
            }
            Verb::Remove => Ask::Change { joining: None, leaving: Some(wish.which.to_string()) },
            Verb::Members => {
                let ids = (1..=8).filter(|id| wish.which >> (id - 1) & 1 == 1);
                let lines: Vec<String> = ids.map(|id| server_line(id, "participant")).collect();
                Ask::Replace(lines.join(","))
            }
            Verb::Sync => Ask::Sync,
            Verb::CloseSession => Ask::CloseSession,
            Verb::Move | Verb::Away => return None,
        })
    }
}

fn server_line(id: u8, role: &str) -> String {
    format!("server.{id}={}", crate::setup::server(id, role))
}
