//! `connection_throttle_tokens` and what belongs to it.

use crate::client::Client;
use crate::running::Running;

#[test]
fn sessions_without_a_token_are_refused_by_closing() {
    // Tokens come back once an hour, so the test sees none come back.
    let server = Running::start(
        "connection_throttle_tokens=3\nconnection_throttle_fill_time=3600000\n\
         connection_throttle_freeze_time=0\nconnection_throttle_drop_increase=0.5",
    );
    let clients: Vec<Option<Client>> = (0..5).map(|_| Client::connect(server.address())).collect();
    let admitted: Vec<bool> = clients.iter().map(Option::is_some).collect();
    assert_eq!(admitted, [true, true, true, false, false]);
    assert_eq!(server.metric("connection_rejected"), 2.0);
    assert_eq!(server.metric("cnt_connection_token_deficit"), 3.0);
    assert_eq!(server.metric("max_connection_token_deficit"), 3.0);
    assert_eq!(server.metric("connection_request_count"), 3.0);
    // Whoever is in stays in.
    for client in clients.into_iter().flatten() {
        assert_eq!({ client }.ask(-2, crate::client::PING, &[]).error, 0);
    }
}

#[test]
fn no_session_is_refused_without_the_setting() {
    let server = Running::start("");
    let clients: Vec<Client> = (0..20).map(|_| server.client()).collect();
    assert_eq!(clients.len(), 20);
    assert_eq!(server.metric("connection_drop_probability"), 0.0);
    assert_eq!(server.metric("cnt_connection_token_deficit"), 0.0);
}
