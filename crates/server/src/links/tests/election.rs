//! The election port.

use super::support::{
    Raw, Seats, Server, election_link, handshake_bytes, notification, notification_bytes, options,
    read_handshake, refusal, soon,
};
use crate::links::listen::Port;
use expect_test::expect;
use std::time::Duration;
use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;
use tokio::sync::watch;
use zoarium_proto::election::{Addresses, Handshake};
use zoarium_proto::membership::HostPort;
use zoarium_proto::{Membership, Reader, ServerId};

#[tokio::test(flavor = "multi_thread")]
async fn two_servers_tell_each_other_their_votes() {
    let seats = Seats::of([1, 2]);
    let mut one = Server::start(1, &seats.membership).await;
    let mut two = Server::start(2, &seats.membership).await;
    one.until("up election 2").await;
    two.until("up election 1").await;
    one.send(election_link(2), notification(7));
    two.send(election_link(1), notification(8));
    assert_eq!(one.said().await, "election 2: 8");
    assert_eq!(two.said().await, "election 1: 7");
}

/// Tells all others `round` on each new connection until everybody has heard of everybody: what is
/// lost with a connection that another replaces is told again on that.
async fn meet(id: u64, membership: &Membership, round: u64, met: &watch::Sender<usize>) {
    let mut server = Server::start(id, membership).await;
    let mut missing: Vec<u64> = (1..=3).filter(|peer| *peer != id).collect();
    let mut all_met = met.subscribe();
    loop {
        let said = tokio::select! {
            said = server.said() => said,
            _ = all_met.wait_for(|count| *count == 3) => return,
        };
        for peer in (1..=3).filter(|peer| *peer != id) {
            if said == format!("up election {peer}") {
                server.send(election_link(peer), notification(round));
            } else if said == format!("election {peer}: {round}") && missing.contains(&peer) {
                missing.retain(|other| *other != peer);
                met.send_modify(|count| *count += usize::from(missing.is_empty()));
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn servers_that_dial_at_the_same_time_come_to_talk() {
    for round in 0..20 {
        let seats = Seats::of([1, 2, 3]);
        let met = watch::Sender::new(0);
        let meet = |id| meet(id, &seats.membership, round, &met);
        tokio::join!(meet(1), meet(2), meet(3));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn smaller_id_is_called_back_with_one_address_in_one_write() {
    let seats = Seats::of([1, 2]);
    let listener = seats.listen(1, Port::Election);
    let mut two = Server::start(2, &seats.without(&[1])).await;
    let own = seats.address(1, Port::Election);
    let mut asking = Raw::connect(seats.address(2, Port::Election)).await;
    asking.send(&handshake_bytes(1, &[own])).await;
    assert_eq!(asking.read_to_end().await, b"");
    let mut called = Raw::accept(&listener).await;
    // All of it with the first read, or some of Apache's servers would not understand it.
    let mut bytes = [0; 100];
    let length = soon(called.stream.read(&mut bytes)).await.unwrap();
    let handshake = Handshake::next(&mut Reader::new(&bytes[..length])).unwrap().unwrap();
    let expected = seats.address(2, Port::Election);
    let Handshake { server, addresses: Addresses::One(address) } = handshake else {
        panic!("{handshake:?}")
    };
    assert_eq!((server, address.to_string()), (Some(ServerId(2)), expected.to_string()));
    assert_eq!(two.said().await, "up election 1");
    called.send(&notification_bytes(5)).await;
    assert_eq!(two.said().await, "election 1: 5");
    two.send(election_link(1), notification(6));
    assert_eq!(called.read(notification_bytes(6).len()).await, notification_bytes(6));
}

#[tokio::test(flavor = "multi_thread")]
async fn member_with_a_greater_id_is_asked_to_call() {
    let seats = Seats::of([1, 2]);
    let listener = seats.listen(2, Port::Election);
    let mut one = Server::start(1, &seats.membership).await;
    let mut asked = Raw::accept(&listener).await;
    assert_eq!(read_handshake(&mut asked).await.server, Some(ServerId(1)));
    assert_eq!(asked.read_to_end().await, b"");
    let mut calling = Raw::connect(seats.address(1, Port::Election)).await;
    calling.send(&handshake_bytes(2, &[seats.address(2, Port::Election)])).await;
    assert_eq!(one.said().await, "up election 2");
    one.send(election_link(2), notification(6));
    assert_eq!(calling.read(notification_bytes(6).len()).await, notification_bytes(6));
}

/// Drives a server that dials server 1 in the test's place.
async fn called_by_two(listener: &TcpListener) -> Raw {
    let mut called = Raw::accept(listener).await;
    assert_eq!(read_handshake(&mut called).await.server, Some(ServerId(2)));
    called
}

#[tokio::test(flavor = "multi_thread")]
async fn lost_connection_is_dialled_again() {
    let seats = Seats::of([1, 2]);
    let listener = seats.listen(1, Port::Election);
    let mut two = Server::start(2, &seats.membership).await;
    for _ in 0..3 {
        let called = called_by_two(&listener).await;
        assert_eq!(two.said().await, "up election 1");
        drop(called);
        assert_eq!(two.said().await, "down election 1");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn asker_that_has_lost_an_old_connection_is_called_again() {
    let seats = Seats::of([1, 2]);
    let listener = seats.listen(1, Port::Election);
    let mut two = Server::start(2, &seats.membership).await;
    let old = called_by_two(&listener).await;
    assert_eq!(two.said().await, "up election 1");
    // Both sides may have had the same idea while it was young.
    tokio::time::sleep(crate::links::election::CROSSING).await;
    let mut asking = Raw::connect(seats.address(2, Port::Election)).await;
    asking.send(&handshake_bytes(1, &[seats.address(1, Port::Election)])).await;
    let _new = called_by_two(&listener).await;
    assert_eq!(two.said().await, "down election 1");
    assert_eq!(two.said().await, "up election 1");
    drop(old);
}

#[tokio::test(flavor = "multi_thread")]
async fn handshakes_of_both_forms_are_taken_from_greater_ids() {
    let seats = Seats::of([1]);
    let mut one = Server::start(1, &seats.membership).await;
    let address = seats.address(1, Port::Election);
    for (id, addresses) in [(7, vec![address]), (8, vec![address, address])] {
        let mut raw = Raw::connect(address).await;
        raw.send(&handshake_bytes(id, &addresses)).await;
        raw.send(&notification_bytes(id)).await;
        assert_eq!(one.said().await, format!("up election {id}"));
        assert_eq!(one.said().await, format!("election {id}: {id}"));
        drop(raw);
        assert_eq!(one.said().await, format!("down election {id}"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn newer_connection_replaces_the_older_one() {
    let seats = Seats::of([1]);
    let mut one = Server::start(1, &seats.membership).await;
    let address = seats.address(1, Port::Election);
    let mut old = Raw::connect(address).await;
    old.send(&handshake_bytes(7, &[address])).await;
    assert_eq!(one.said().await, "up election 7");
    let mut new = Raw::connect(address).await;
    new.send(&handshake_bytes(7, &[address])).await;
    new.send(&notification_bytes(1)).await;
    assert_eq!(one.said().await, "down election 7");
    assert_eq!(one.said().await, "up election 7");
    assert_eq!(one.said().await, "election 7: 1");
    assert_eq!(old.read_to_end().await, b"");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_apache_sent_is_read_wherever_it_is_cut() {
    let bytes = include_bytes!(
        "../../../../proto/tests/captures/election/e1_fresh.s3-s1.conn1.s3-to-s1.bin"
    );
    let seats = Seats::of([1]);
    let mut one = Server::start(1, &seats.membership).await;
    for cut in 1..bytes.len() {
        let mut raw = Raw::connect(seats.address(1, Port::Election)).await;
        raw.send(&bytes[..cut]).await;
        if cut >= 35 {
            assert_eq!(one.said().await, "up election 3");
        }
        raw.send(&bytes[cut..]).await;
        if cut < 35 {
            assert_eq!(one.said().await, "up election 3");
        }
        assert_eq!(one.said().await, "election 3: 1");
        drop(raw);
        assert_eq!(one.said().await, "down election 3");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn refusals_say_what_is_wrong_and_what_is_expected() {
    let address = ([127, 0, 0, 1], 1).into();
    let mut anonymous = Vec::new();
    let addresses = Addresses::One(HostPort { host: "a".to_owned(), port: 1 });
    Handshake { server: None, addresses }.encode(&mut anonymous);
    let long_address = [&(-65536_i64).to_be_bytes()[..], &[0; 8], &2049_i32.to_be_bytes()].concat();
    let mut shown = String::new();
    for bytes in [
        &[0xFF; 3][..],
        &[0x16, 0x03, 0x01],
        &0x5f24_3501_3501_edcc_i64.to_be_bytes(),
        b"GET / HTTP/1.1\r\n\r\n",
        &[0xFF; 64],
        &long_address,
        &anonymous,
        &handshake_bytes(7, &[]),
        &handshake_bytes(2, &[address]),
    ] {
        shown += &refusal(Port::Election, bytes).await;
        shown.push('\n');
    }
    expect![[r#"
        it has not said who it is in 50ms; expected the handshake of a server
        it begins with a TLS handshake, and TLS between servers is not supported
        it begins to authenticate with SASL, which is not supported between servers
        it is no server, or one before 3.5; expected a handshake with an address
        unknown handshake version -1; expected the handshake of a server since 3.5
        election address of 2049 bytes, at most 2048 are allowed; expected the handshake of a server since 3.5
        an observer without a server id; expected that of its myid file
        it is no server, or one before 3.5; expected a handshake with an address
        it has this server's own id 2; expected another
    "#]].assert_eq(&shown);
}

#[tokio::test(flavor = "multi_thread")]
async fn rubbish_closes_its_own_connection_only() {
    let seats = Seats::of([1]);
    let mut one = Server::start(1, &seats.membership).await;
    let address = seats.address(1, Port::Election);
    let mut good = Raw::connect(address).await;
    good.send(&handshake_bytes(9, &[address])).await;
    assert_eq!(one.said().await, "up election 9");
    for rubbish in [
        &[0x16, 0x03, 0x01, 0x02, 0x00][..],
        b"GET / HTTP/1.1\r\n\r\n",
        &[0xFF; 64],
        &handshake_bytes(1, &[address]),
    ] {
        let mut raw = Raw::connect(address).await;
        raw.send(rubbish).await;
        assert_eq!(raw.read_to_end().await, b"", "{rubbish:?}");
    }
    good.send(&notification_bytes(3)).await;
    assert_eq!(one.said().await, "election 9: 3");
}

#[tokio::test(flavor = "multi_thread")]
async fn message_that_is_no_notification_is_dropped_alone() {
    let seats = Seats::of([1]);
    let mut one = Server::start(1, &seats.membership).await;
    let address = seats.address(1, Port::Election);
    let mut raw = Raw::connect(address).await;
    raw.send(&handshake_bytes(9, &[address])).await;
    raw.send(&[0, 0, 0, 3, 1, 2, 3]).await;
    raw.send(&[&40_i32.to_be_bytes()[..], &[0; 40]].concat()).await;
    raw.send(&notification_bytes(3)).await;
    assert_eq!(one.said().await, "up election 9");
    assert_eq!(one.said().await, "election 9: 3");
    raw.send(&(512 * 1024 + 1_i32).to_be_bytes()).await;
    assert_eq!(one.said().await, "down election 9");
    assert_eq!(raw.read_to_end().await, b"");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_says_nothing_is_not_waited_for() {
    let seats = Seats::of([1]);
    let handshake_timeout = Duration::from_millis(50);
    let options = crate::links::LinkOptions { handshake_timeout, ..options(1) };
    let _one = Server::start_with(options, &seats.membership).await;
    let mut raw = Raw::connect(seats.address(1, Port::Election)).await;
    raw.send(&[0xFF, 0xFF]).await;
    assert_eq!(soon(raw.read_to_end()).await, b"");
}
