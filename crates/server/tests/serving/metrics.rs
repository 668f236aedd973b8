//! What `mntr` and its kin say after clients have been there.

use crate::client::{EXISTS, GET_DATA, four_letter_word, path_with_watch, path_without_watch};
use crate::running::{Running, until};

#[test]
fn sizes_of_replies_and_events_are_counted() {
    let server = Running::start("");
    let mut client = server.client();
    // A reply is its header of 16 bytes; with a created path, 4 + 2 more.
    assert_eq!(client.create(1, "/a", &[0; 100]), 0);
    until(|| server.metric("last_client_response_size") == 22.0);
    let read = client.ask(2, GET_DATA, &path_without_watch("/a"));
    assert_eq!(read.body.len(), 4 + 100 + 68);
    until(|| server.metric("last_client_response_size") == 188.0);
    assert_eq!(server.metric("min_client_response_size"), 22.0);
    assert_eq!(server.metric("max_client_response_size"), 188.0);
    assert_eq!(server.metric("response_bytes"), 210.0);
    assert_eq!(client.ask(3, EXISTS, &path_with_watch("/b")).error, -101);
    client.send(4, 1, &crate::client::create("/b", b"", 0));
    assert_eq!(client.reply().unwrap().xid, -1);
    assert_eq!(client.reply().unwrap().xid, 4);
    // Header, type, state and the path.
    until(|| server.metric("watch_bytes") == f64::from(16 + 4 + 4 + 4 + 2));
    assert_eq!(server.metric("sum_node_created_watch_count"), 1.0);
    assert_eq!(server.metric("cnt_node_changed_watch_count"), 0.0);
}

#[test]
fn writes_count_on_their_way_to_the_disk() {
    let server = Running::start("");
    let mut client = server.client();
    for xid in 1..=5 {
        assert_eq!(client.create(xid, &format!("/n{xid}"), b""), 0);
    }
    // Five creates and the session.
    let counts = [
        "sync_processor_request_queued",
        "sum_sync_processor_batch_size",
        "cnt_sync_processor_queue_time_ms",
        "cnt_sync_processor_queue_and_flush_time_ms",
    ];
    for name in counts {
        assert_eq!(server.metric(name), 6.0, "{name}");
    }
    assert_eq!(server.metric("cnt_dbinittime"), 1.0);
    assert!(server.metric("prep_processor_request_queued") >= 6.0);
}

#[test]
fn sessions_that_expire_and_clients_that_leave_are_counted() {
    let server = Running::start("tickTime=50\nminSessionTimeout=100\nmaxSessionTimeout=100");
    drop(server.client());
    until(|| server.metric("stale_sessions_expired") == 1.0);
    until(|| server.metric("connection_drop_count") == 1.0);
    assert_eq!(server.metric("global_sessions"), 0.0);
}

#[test]
fn connection_of_a_four_letter_word_reads_nothing_more() {
    let server = Running::start("");
    let _client = server.client();
    let text = four_letter_word(server.address(), "cons");
    let lines: Vec<&str> = text.lines().filter(|line| !line.is_empty()).collect();
    assert!(lines[0].contains("[1]("), "{text}");
    assert!(lines[1].contains("[0]("), "{text}");
    let envi = four_letter_word(server.address(), "envi");
    assert!(envi.contains("os.name=Linux\n"), "{envi}");
    assert!(server.metric("open_file_descriptor_count") > 3.0);
}
