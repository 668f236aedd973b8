//! `request_throttle_max_requests` and `throttled_op_wait_time`; large requests.

use crate::client::{CREATE, Client, GET_DATA, PING, buffer, create, path_without_watch, request};
use crate::running::Running;

const THROTTLED_OP: i32 = -127;
const OK: i32 = 0;

/// Sends many creates at once; the result is their errors in order.
fn create_many(client: &mut Client, count: i32) -> Vec<i32> {
    let creates = (1..=count).map(|xid| {
        let body = create(&format!("/n{xid}"), b"", 0);
        buffer(&request(xid, CREATE, &body))
    });
    client.send_raw(&creates.collect::<Vec<_>>().concat());
    let reply = |xid| {
        let reply = client.reply().expect("the server closed the connection");
        assert_eq!(reply.xid, xid, "replies come in the order of requests");
        reply.error
    };
    (1..=count).map(reply).collect()
}

#[test]
fn requests_wait_for_room_and_all_are_carried_out() {
    let server = Running::start("request_throttle_max_requests=1\nrequest_throttle_stall_time=5");
    let mut clients = [server.client(), server.client()];
    assert_eq!(create_many(&mut clients[0], 50), [OK; 50]);
    // A read that needs nothing of the peer loop does not wait.
    assert_eq!(clients[1].ask(1, GET_DATA, &path_without_watch("/n50")).error, OK);
    assert_eq!(clients[1].ask(-2, PING, &[]).error, OK);
    assert_eq!(server.metric("cnt_request_throttle_queue_time_ms"), 50.0);
    assert_eq!(server.metric("throttled_ops"), 0.0);
    assert_eq!(server.metric("outstanding_requests"), 0.0);
}

#[test]
fn request_that_waited_too_long_is_answered_with_throttled_op_and_not_carried_out() {
    let server = Running::start(
        "request_throttle_max_requests=1\nrequest_throttle_stall_time=1\nthrottled_op_wait_time=1",
    );
    let mut client = server.client();
    let errors = create_many(&mut client, 200);
    for (xid, error) in (1..).zip(&errors) {
        assert!([OK, THROTTLED_OP].contains(error), "{error}");
        let there = client.ask(xid, GET_DATA, &path_without_watch(&format!("/n{xid}"))).error;
        assert_eq!(there == OK, *error == OK, "/n{xid}: {there}, its create: {error}");
    }
    let throttled = errors.iter().filter(|error| **error == THROTTLED_OP).count();
    assert_eq!(server.metric("throttled_ops"), throttled as f64);
}

#[test]
fn large_request_beyond_the_bound_closes_its_connection() {
    let server = Running::start("largeRequestThreshold=1000\nlargeRequestMaxBytes=5000");
    let mut client = server.client();
    assert_eq!(client.create(1, "/small", &[0; 500]), OK);
    assert_eq!(client.create(2, "/large", &[0; 4000]), OK);
    assert_eq!(client.create(3, "/large2", &[0; 4000]), OK, "the first one's room is free again");
    client.send(4, CREATE, &create("/huge", &[0; 6000], 0));
    assert_eq!(client.reply(), None);
    assert_eq!(server.metric("large_requests_rejected"), 1.0);
    assert_eq!(server.client().ask(1, GET_DATA, &path_without_watch("/huge")).error, -101);
    // Its length alone is enough.
    let mut client = server.client();
    client.send_raw(&6000_i32.to_be_bytes());
    assert_eq!(client.reply(), None);
}
