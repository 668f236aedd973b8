use super::*;
use alloc::{format, vec};
use proptest::prelude::*;

fn shown(text: &str) -> String {
    match Member::parse(ServerId(1), text) {
        Ok(member) => member.to_string(),
        Err(error) => format!("error: {error}"),
    }
}

#[test]
fn server_lines_have_one_canonical_form() {
    for (text, canonical) in [
        ("h:2888:3888", "h:2888:3888:participant"),
        ("h:2888:3888;2181", "h:2888:3888:participant;0.0.0.0:2181"),
        (" h:2888:3888:OBSERVER ; c:2181 ", "h:2888:3888:observer;c:2181"),
        (
            "[::1]:2888:3888:participant;[fe80::2]:2181",
            "[::1]:2888:3888:participant;[fe80::2]:2181",
        ),
        ("b:1:2|a:3:4:observer", "a:3:4|b:1:2:observer"),
        ("h:1:2;", "h:1:2:participant"),
        ("h:1:2;;2281", "h:1:2:participant;;0.0.0.0:2281"),
        ("h:1:2;2181;s:2281", "h:1:2:participant;0.0.0.0:2181;s:2281"),
    ] {
        assert_eq!(shown(text), canonical, "{text}");
        assert_eq!(shown(canonical), canonical, "{canonical} again");
    }
}

#[test]
fn members_are_equal_in_whichever_order_their_addresses_stand() {
    let parse = |text| Member::parse(ServerId(1), text).unwrap();
    assert_eq!(parse("b:1:2|a:3:4|a:1:2:observer"), parse("a:1:2|a:3:4:observer|b:1:2"));
}

#[test]
fn wrong_server_lines_say_which_part_is_wrong() {
    const FORM: &str = "does not have the form host:quorumPort:electionPort[:participant|observer]; \
        several such addresses are separated by |, and ;[clientHost:]clientPort may follow";
    for (text, message) in [
        ("", format!("\"\" {FORM}")),
        ("h", format!("\"h\" {FORM}")),
        ("h:1", format!("\"h:1\" {FORM}")),
        (":1:2", format!("\":1:2\" {FORM}")),
        ("h:1:2:observer:x", format!("\"h:1:2:observer:x\" {FORM}")),
        ("::1:2888:3888", format!("\"::1:2888:3888\" {FORM}")),
        ("[::1:2888:3888", format!("\"[::1:2888:3888\" {FORM}")),
        ("h h:1:2", format!("\"h h:1:2\" {FORM}")),
        ("[[h]:1:2", format!("\"[[h]:1:2\" {FORM}")),
        ("h:1:2|", format!("\"\" {FORM}")),
        ("h:x:2", "\"x\" is no port; allowed: 1 to 65535".to_owned()),
        ("h:1:65536", "\"65536\" is no port; allowed: 1 to 65535".to_owned()),
        ("h:1:0", "\"0\" is no port; allowed: 1 to 65535".to_owned()),
        ("h:5:5", "quorum port and election port are both 5; they must differ".to_owned()),
        ("h:1:2:leader", "\"leader\" is no role; allowed: participant, observer".to_owned()),
        (
            "a:1:2:observer|b:1:2:participant",
            "addresses of one server have different roles".to_owned(),
        ),
        ("h:1:2;a:b:3", "\"a:b:3\" does not have the form [clientHost:]clientPort".to_owned()),
        ("h:1:2;1;2;3", "\"3\" does not have the form [clientHost:]clientPort".to_owned()),
        ("h:1:2;port", "\"port\" is no port; allowed: 1 to 65535".to_owned()),
    ] {
        assert_eq!(shown(text), format!("error: {message}"), "{text}");
    }
}

proptest! {
    #[test]
    fn what_is_shown_is_read_back(
        hosts in proptest::collection::vec(("[a-z][a-z0-9.-]{0,9}|::[0-9a-f]{1,4}", 1..=65535u16, 1..=65535u16), 1..4),
        role in prop::sample::select(vec![Role::Participant, Role::Observer]),
        client in proptest::option::of(("[a-z]{1,5}|::1", 1..=65535u16)),
    ) {
        let mut addresses: Vec<_> = hosts
            .into_iter()
            .filter(|(_, quorum, election)| quorum != election)
            .map(|(host, quorum_port, election_port)| MemberAddress { host, quorum_port, election_port })
            .collect();
        prop_assume!(!addresses.is_empty());
        addresses.sort_unstable();
        let client = client.map(|(host, port)| HostPort { host, port });
        let id = ServerId(7);
        let member = Member { id, addresses, role, client, secure_client: None };
        prop_assert_eq!(Member::parse(id, &member.to_string()), Ok(member));
    }
}

#[test]
fn addresses_that_stand_for_all_cannot_be_dialled() {
    let unspecified = |text| HostPort::parse(text).unwrap().is_unspecified();
    assert!(["0.0.0.0:1", "[::]:1", "[0:0:0:0:0:0:0:0]:1"].into_iter().all(unspecified));
    assert!(!["127.0.0.1:1", "[::1]:1", "zero:1"].into_iter().any(unspecified));
    for text in ["h", "h:", ":1", "h:1:2", "::1", "h:0"] {
        assert!(HostPort::parse(text).is_err(), "{text}");
    }
}

/// The members with these ids.
fn ids(ids: &[u64]) -> BTreeSet<ServerId> {
    ids.iter().copied().map(ServerId).collect()
}

/// Servers 1 to `participants`, one observer after them, and further lines.
fn membership(participants: u64, lines: &str) -> Membership {
    let mut text = String::new();
    for id in 1..=participants {
        text += &format!("server.{id}=h{id}:1:2\n");
    }
    let observer = participants + 1;
    Membership::parse(&format!("{text}server.{observer}=o:1:2:observer\n{lines}")).unwrap()
}

fn check_quorums(membership: &Membership, quorums: &[&[u64]], others: &[&[u64]]) {
    for acks in quorums {
        assert!(membership.is_quorum(&ids(acks)), "{acks:?} of\n{membership}");
    }
    for acks in others {
        assert!(!membership.is_quorum(&ids(acks)), "{acks:?} of\n{membership}");
    }
}

#[test]
fn majority_is_more_than_half_of_the_participants() {
    check_quorums(&membership(3, ""), &[&[1, 2], &[1, 3], &[1, 2, 3]], &[&[], &[3]]);
    check_quorums(&membership(4, ""), &[&[1, 2, 4]], &[&[1, 2], &[3, 4]]);
    check_quorums(&membership(1, ""), &[&[1]], &[&[]]);
}

#[test]
fn observers_and_strangers_do_not_count() {
    check_quorums(&membership(3, ""), &[], &[&[1, 4], &[1, 9], &[4, 7, 8, 9]]);
    let grouped = membership(3, "group.1=1:2:3\n");
    check_quorums(&grouped, &[&[1, 2]], &[&[1, 4], &[1, 9], &[4, 7, 8, 9]]);
}

#[test]
fn nobody_makes_no_quorum_even_of_nobody() {
    check_quorums(&membership(0, ""), &[], &[&[], &[1]]);
}

#[test]
fn groups_need_a_majority_of_weight_in_a_majority_of_groups() {
    let three_groups = membership(9, "group.1=1:2:3\ngroup.2=4:5:6\ngroup.3=7:8:9");
    check_quorums(
        &three_groups,
        &[&[1, 2, 4, 5], &[1, 3, 7, 9], &[4, 6, 8, 9]],
        &[&[1, 2, 3], &[1, 2, 3, 4, 7], &[1, 4, 7], &[1, 2, 3, 4]],
    );
    let weighted = membership(3, "group.1=1:2:3\nweight.1=3\n");
    check_quorums(&weighted, &[&[1]], &[&[2, 3]]);
}

#[test]
fn groups_without_weight_do_not_count() {
    let lines = "group.1=1:2\ngroup.2=3:4\nweight.3=0\nweight.4=0\n";
    check_quorums(&membership(4, lines), &[&[1, 2]], &[&[1], &[1, 3, 4], &[3, 4]]);
}

#[test]
fn only_participants_have_weight() {
    let plain = membership(2, "");
    let weights = |membership: &Membership| [1, 2, 3, 4].map(|id| membership.weight(ServerId(id)));
    assert_eq!(weights(&plain), [1, 1, 0, 0]);
    assert_eq!(weights(&membership(2, "group.1=1:2\nweight.1=0\n")), [0, 1, 0, 0]);
    assert!(plain.is_participant(ServerId(2)) && !plain.is_participant(ServerId(3)));
}

#[test]
fn wrong_text_is_refused_with_its_line() {
    for (text, message) in [
        (
            "server.1=h:1:2\n\nserver.x=h:1:2",
            "line 3: \"x\" is no server id; allowed: 0 to 9223372036854775807",
        ),
        ("server.1", "line 1: \"server.1\" does not have the form key=value"),
        ("version=g", "line 1: \"g\" is no version; allowed: a hexadecimal number"),
        ("version=-1", "line 1: \"-1\" is no version; allowed: a hexadecimal number"),
        ("tickTime=1", "line 1: not a key for members; allowed: server.N, group.N, weight.N"),
        ("weight.1=-1", "line 1: \"-1\" is no weight; allowed: 0 to 2147483647"),
        ("group.1=1\ngroup.2=1", "line 2: server 1 is in more than one group"),
        ("group.1=1", "server 1 has no server line, or is an observer, and cannot vote"),
    ] {
        assert_eq!(Membership::parse(text).unwrap_err().to_string(), message, "{text:?}");
    }
}

#[test]
fn text_of_apache_is_written_as_it_was_read() {
    for text in [
        "server.1=127.0.0.1:20211:20221:participant\nserver.2=127.0.0.1:20212:20222:participant\n\
         server.3=127.0.0.1:20213:20223:participant\nversion=0",
        "server.2=127.0.0.1:20262:20272:participant;127.0.0.1:20252\n\
         server.4=127.0.0.1:20264:20274:observer;127.0.0.1:20254\nversion=100000007",
        "server.1=a:1:2|b:1:2:participant;;[::]:3\ngroup.7=1\nweight.1=2\nversion=7fffffffffffffff",
    ] {
        assert_eq!(Membership::parse(text).unwrap().to_string(), text);
    }
}

proptest! {
    #[test]
    fn arbitrary_text_is_parsed_or_refused(text in "[servgoupwightn.=:;|\\[\\]0-9a-c\n -]{0,60}|.{0,60}") {
        if let Ok(membership) = Membership::parse(&text) {
            prop_assert_eq!(Membership::parse(&membership.to_string()), Ok(membership));
        }
    }

    /// Each server is put into one of three groups, each with a weight; two sets are drawn.
    #[test]
    fn any_two_quorums_intersect_in_a_participant(
        servers in prop::collection::vec((0..3_u64, 0..4_u32, any::<[bool; 2]>()), 1..9),
        with_groups in any::<bool>(),
    ) {
        let mut lines = String::new();
        for group in 0..3 {
            let members: Vec<_> = (1..).zip(&servers).filter(|(_, (of, ..))| *of == group).map(|(id, _)| format!("{id}")).collect();
            if !members.is_empty() && with_groups {
                lines += &format!("group.{group}={}\n", members.join(":"));
            }
        }
        let weighted = servers.iter().any(|(_, weight, _)| *weight > 0);
        for (id, (_, weight, _)) in (1..).zip(&servers).filter(|_| with_groups && weighted) {
            lines += &format!("weight.{id}={weight}\n");
        }
        let membership = membership(servers.len() as u64, &lines);
        let drawn = |which: usize| (1..).zip(&servers).filter(|(_, (.., sets))| sets[which]).map(|(id, _)| ServerId(id)).collect::<BTreeSet<_>>();
        let (one, other) = (drawn(0), drawn(1));
        if membership.is_quorum(&one) && membership.is_quorum(&other) {
            let mut both = one.intersection(&other);
            prop_assert!(both.any(|server| membership.weight(*server) > 0));
        }
        let everybody: BTreeSet<_> = membership.participants().map(|member| member.id).collect();
        prop_assert!(membership.is_quorum(&everybody));
    }
}

/// Three servers, and what becomes of them.
fn after(leaving: &str, joining: &str) -> String {
    let members = "server.1=a:1:2;3\nserver.2=b:1:2;3\nserver.3=127.0.0.1:1:2;3";
    let members = Membership::parse(members).unwrap();
    match members.changed(Some(leaving), Some(joining), false, Zxid(0xab)) {
        Ok(next) => next.to_string().replace(":participant;", ";").replace('\n', " "),
        Err(error) => format!("error: {error}"),
    }
}

#[test]
fn servers_leave_then_join() {
    for (leaving, joining, next) in [
        ("2", "", "server.1=a:1:2;0.0.0.0:3 server.3=127.0.0.1:1:2;0.0.0.0:3 version=ab"),
        (" 1 ,, 2 ,", " ", "server.3=127.0.0.1:1:2;0.0.0.0:3 version=ab"),
        ("9,1,3", "", "server.2=b:1:2;0.0.0.0:3 version=ab"),
        ("1,3", "server.2 = d:4:5:observer;e:6", "server.2=d:4:5:observer;e:6 version=ab"),
        (
            "1,2,3",
            "server.4=a:1:2;3,x.5=c:1:2;3,",
            "server.4=a:1:2;0.0.0.0:3 server.5=c:1:2;0.0.0.0:3 version=ab",
        ),
        (
            "1,2",
            "server.4=127.0.0.1:1:2;3",
            "server.3=127.0.0.1:1:2;0.0.0.0:3 server.4=127.0.0.1:1:2;0.0.0.0:3 version=ab",
        ),
    ] {
        assert_eq!(after(leaving, joining), next, "without {leaving:?} with {joining:?}");
    }
    for (leaving, joining, error) in [
        ("x", "", "\"x\" is no server id; allowed: 0 to 9223372036854775807"),
        ("", "server.x=c:1:2;3", "\"x\" is no server id; allowed: 0 to 9223372036854775807"),
        ("", "server.4", "\"server.4\" does not have the form key=value"),
        ("", "server.4=c:1:2", "server 4 has no client port"),
        ("", "server.4=b:9:2;3", "servers 4 and 2 are both at b:2"),
        ("", "server.4=c:9:8;3,server.5=d:1:2;c:8", "servers 5 and 4 are both at c:8"),
        (
            "",
            "server.4=c:1:2|d:1:2;3",
            "server 4 has several addresses, which need multiAddress.enabled=true",
        ),
    ] {
        assert_eq!(after(leaving, joining), format!("error: {error}"));
    }
}

#[test]
fn members_are_replaced_by_lines_with_commas_or_line_ends() {
    let replaced = |text: &str| Membership::replaced(text, false, Zxid(7)).unwrap().to_string();
    let next = "server.1=a:1:2:participant\nserver.2=b:1:2:participant\nversion=7";
    assert_eq!(replaced("server.2=b:1:2, server.1 = a:1:2 ,\n version=3"), next);
    assert!(Membership::replaced("server.1=a:1:2,group.1=2", false, Zxid(7)).is_err());
    let hierarchical = Membership::replaced("server.1=a:1:2,group.1=1", false, Zxid(7)).unwrap();
    let refused = hierarchical.changed(Some("1"), None, false, Zxid(8));
    assert_eq!(refused, Err(ChangeError::NotAMajority));
}
