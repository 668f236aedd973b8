//! Handshakes, as far as they are the same whoever decides.

use crate::peer::{Peer, Role};
use crate::request::{Connect, Output};
use zoarium_process::{Effects, Now};
use zoarium_proto::connect::ConnectResponse;
use zoarium_proto::{SessionId, Zxid};
use zoarium_tree::Tree;
use zoarium_zab::Zab;

impl Peer {
    pub(crate) fn on_connect(
        &mut self,
        now: Now,
        tree: &Tree,
        connect: Connect,
        effects: &mut Effects<Self>,
    ) {
        let conn = connect.conn;
        let serves = match self.role {
            Role::Idle => false,
            Role::ReadOnly => connect.read_only == Some(true),
            Role::Leading => self.options.leader_serves || self.zab().is_none(),
            Role::Learning(_) => true,
        };
        // This server has not seen what the client has, or has nothing to say: it must find
        // another.
        if !serves || connect.last_zxid_seen > self.seen(tree).to_wire() {
            return effects.output(Output::Close { conn });
        }
        let session = connect.session;
        if session != SessionId::NONE {
            // Session ids are no secret: any stat of an ephemeral has one. Only who has the
            // password too may take the session from the connection it is on.
            if connect.password != session.password()[..] {
                let response =
                    ConnectResponse::expired(connect.read_only.map(|_| self.is_read_only()));
                return effects.output(Output::Connected { conn, response });
            }
            let before = self.sessions.detach(session);
            if let Some(conn) = before.or_else(|| self.local.sessions.detach(session)) {
                effects.output(Output::Close { conn });
            }
        }
        let timeout_ms = connect
            .timeout_ms
            .clamp(self.options.session_timeout_ms_min, self.options.session_timeout_ms_max);
        let Some(connect) = self.connect_locally(now, connect, timeout_ms, effects) else { return };
        match self.role {
            Role::Idle => {}
            Role::ReadOnly => self.refuse_renewal(tree, &connect, effects),
            Role::Leading => self.lead_connect(now, tree, connect, timeout_ms, effects),
            Role::Learning(_) => self.learn_connect(now, &connect, timeout_ms, effects),
        }
    }

    /// How far this server has come. An epoch's first zxid is no transaction's, but clients may
    /// have it from a server of Apache's that leads.
    fn seen(&self, tree: &Tree) -> Zxid {
        let epoch = self.zab().and_then(Zab::serving).map(|(_, epoch)| Zxid::new(epoch.0, 0));
        tree.last_zxid().max(epoch.unwrap_or(Zxid::ZERO))
    }
}
