//! What the operator has set up against clients that ask too much or do not say who they are. All
//! of it is off by default, and costs a look at a `None` then.

use super::connection_throttle::ConnectionThrottle;
use super::large_requests::LargeRequests;
use super::request_throttle::RequestThrottle;
use super::required_auth::RequiredAuth;
use crate::config::ServerConfig;
use std::sync::Arc;
use zoarium_tree::access::Identities;

/// The guards of a server's client port.
#[derive(Debug)]
pub(crate) struct Guards {
    /// How fast sessions are let in.
    pub(crate) connection_throttle: Option<ConnectionThrottle>,
    /// How many requests may be under way before others wait.
    pub(crate) request_throttle: Option<RequestThrottle>,
    /// How many bytes of large requests may be.
    pub(super) large_requests: Option<Arc<LargeRequests>>,
    /// Schemes that a connection must have authenticated with.
    pub(super) required_auth: Option<RequiredAuth>,
}

impl Guards {
    /// Those that this configuration asks for. `now_ms` is on the monotonic clock.
    pub(crate) fn new(config: &ServerConfig, now_ms: u64) -> Self {
        let limits = &config.limits;
        let connection_throttle = limits.connection_throttle.clone();
        Self {
            connection_throttle: connection_throttle
                .map(|settings| ConnectionThrottle::new(settings, now_ms)),
            request_throttle: RequestThrottle::new(&limits.requests),
            large_requests: LargeRequests::new(
                limits.large_request_bytes,
                limits.large_requests_total_bytes,
            ),
            required_auth: RequiredAuth::new(&config.access.required_schemes),
        }
    }

    /// Whether who has no more than these identities is not to be served yet.
    pub(super) fn must_authenticate(&self, identities: &Identities) -> bool {
        self.required_auth.as_ref().is_some_and(|required| !required.is_met_by(identities))
    }
}
