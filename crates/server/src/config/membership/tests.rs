use super::*;
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
        addresses.sort_by(|a, b| a.host.cmp(&b.host));
        let client = client.map(|(host, port)| HostPort { host, port });
        let id = ServerId(7);
        let member = Member { id, addresses, role, client, secure_client: None };
        prop_assert_eq!(Member::parse(id, &member.to_string()), Ok(member));
    }
}
