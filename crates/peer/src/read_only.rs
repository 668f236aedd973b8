//! What a server does for clients while it looks for a leader, if it is allowed to
//! (`readonlymode.enabled`; Apache: `ReadOnlyZooKeeperServer`): it answers reads, from a tree that
//! may be old, to clients that have said that this is enough for them.
//!
//! Their sessions are local ones. A session of the ensemble is not renewed: nobody knows whether
//! it lives.

use crate::local_sessions::Local;
use crate::options::LocalSessions;
use crate::peer::{Peer, Role};
use crate::request::{ClientRequest, Connect, Output, Timer};
use zoarium_process::{Effects, Now};
use zoarium_proto::connect::ConnectResponse;
use zoarium_proto::{ErrorCode, OpCode};
use zoarium_tree::Tree;

impl Peer {
    /// Whether this server answers reads although it has no leader.
    pub const fn is_read_only(&self) -> bool {
        matches!(self.role, Role::ReadOnly)
    }

    /// There is no leader; if that lasts, reads are answered.
    pub(crate) fn await_read_only(&self, now: Now, effects: &mut Effects<Self>) {
        if let Some(after) = self.options.ensemble.read_only_after {
            effects.set_timer(Timer::ReadOnly, now.mono + after);
        }
    }

    pub(crate) fn on_read_only_timer(&mut self, now: Now, effects: &mut Effects<Self>) {
        let Role::Idle = self.role else { return };
        self.role = Role::ReadOnly;
        self.local.sessions.restart(now.mono);
        self.put_config(effects);
        effects.output(Output::ServingReadOnly);
    }

    /// A leader is found, or this server is to be one.
    pub(crate) fn end_read_only(&mut self, effects: &mut Effects<Self>) {
        effects.cancel_timer(Timer::ReadOnly);
        let Role::ReadOnly = self.role else { return };
        self.role = Role::Idle;
        for conn in self.local.conns() {
            effects.output(Output::Close { conn });
        }
        match self.options.ensemble.local_sessions {
            LocalSessions::Off => self.local = Local::new(self.options.tick),
            LocalSessions::On { .. } => self.local.detach_all(),
        }
    }

    /// A client comes back with a session that is not local.
    pub(crate) fn refuse_renewal(
        &self,
        tree: &Tree,
        connect: &Connect,
        effects: &mut Effects<Self>,
    ) {
        let conn = connect.conn;
        // Another server may know more.
        if tree.sessions().contains_key(&connect.session) {
            return effects.output(Output::Close { conn });
        }
        let response = ConnectResponse::expired(connect.read_only.map(|_| true));
        effects.output(Output::Connected { conn, response });
    }

    /// A request of a client.
    pub(crate) fn read_only_client(&mut self, request: ClientRequest, effects: &mut Effects<Self>) {
        let (conn, xid) = (request.conn, request.xid);
        effects.output(match request.op.is_write() || request.op == OpCode::Sync {
            true => Output::Refuse { conn, xid, error: ErrorCode::NotReadOnly },
            false => Output::Answer(request),
        });
    }
}
