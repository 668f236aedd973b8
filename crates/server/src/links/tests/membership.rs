//! Memberships come and go.

use super::support::{
    Nowhere, Raw, Seats, Server, handshake_bytes, notification_bytes, options, read_handshake,
};
use crate::links::Links;
use crate::links::listen::Port;
use expect_test::expect;
use std::sync::Arc;
use zoarium_proto::ServerId;

#[tokio::test(flavor = "multi_thread")]
async fn new_members_are_connected_and_removed_ones_closed() {
    let seats = Seats::of([1, 2, 3]);
    let mut two = Server::start(2, &seats.without(&[1])).await;
    let mut one = Server::start(1, &seats.without(&[2, 3])).await;
    two.links.set_membership(&seats.membership, None);
    two.until("up election 1").await;
    one.until("up election 2").await;
    two.links.set_membership(&seats.without(&[1]), None);
    two.until("down election 1").await;
    one.until("down election 2").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn proposed_members_are_connected_too() {
    let seats = Seats::of([1, 2]);
    let mut two = Server::start(2, &seats.without(&[1])).await;
    let _one = Server::start(1, &seats.without(&[2])).await;
    two.links.set_membership(&seats.without(&[1]), Some(&seats.membership));
    two.until("up election 1").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ports_follow_this_servers_addresses() {
    let seats = Seats::of([1, 2]);
    let mut one = Server::start(1, &seats.without(&[2])).await;
    let mut moved = seats.without(&[2]);
    let elsewhere = seats.membership.members[&ServerId(2)].addresses.clone();
    moved.members.get_mut(&ServerId(1)).unwrap().addresses = elsewhere;
    one.links.set_membership(&moved, None);
    let address = seats.address(2, Port::Election);
    let mut raw = loop {
        if let Ok(stream) = tokio::net::TcpStream::connect(address).await {
            break Raw { stream };
        }
        tokio::task::yield_now().await;
    };
    raw.send(&handshake_bytes(9, &[address])).await;
    raw.send(&notification_bytes(4)).await;
    assert_eq!(one.said().await, "up election 9");
    assert_eq!(one.said().await, "election 9: 4");
    let old = tokio::net::TcpStream::connect(seats.address(1, Port::Election)).await;
    assert_eq!(old.unwrap_err().kind(), std::io::ErrorKind::ConnectionRefused);
}

#[tokio::test(flavor = "multi_thread")]
async fn server_that_is_removed_stays_where_it_is() {
    let seats = Seats::of([1, 2]);
    let listener = seats.listen(1, Port::Election);
    let mut two = Server::start(2, &seats.without(&[1])).await;
    two.links.set_membership(&seats.without(&[2]), None);
    let mut called = Raw::accept(&listener).await;
    let handshake = read_handshake(&mut called).await;
    let address = handshake.addresses.as_slice()[0].to_string();
    assert_eq!(address, seats.address(2, Port::Election).to_string());
    two.until("up election 1").await;
}

#[tokio::test]
async fn start_says_what_is_missing() {
    let seats = Seats::of([1]);
    let start = async |id| {
        let sink = Arc::new(Nowhere);
        Links::start(options(id), &seats.membership, None, sink).await.unwrap_err().to_string()
    };
    expect!["server 2 has no server.2 line; expected one with its quorum and election port"]
        .assert_eq(&start(2).await);
    let _taken = seats.listen(1, Port::Quorum);
    let address = seats.address(1, Port::Quorum).to_string();
    expect!["quorum port ADDRESS: Address already in use (os error 98); expected an address of this host and a free port"]
        .assert_eq(&start(1).await.replace(&address, "ADDRESS"));
}
