use super::*;
use alloc::string::ToString;
use alloc::{format, vec};
use core::net::IpAddr;
use proptest::prelude::*;
use zoarium_proto::ErrorCode;
use zoarium_proto::acl::encode_list;

fn ids(list: &[(&str, &str)]) -> Identities {
    Identities::new(list.iter().map(|(scheme, id)| Id::new(*scheme, *id)))
}

fn list(entries: &[(i32, &str, &str)]) -> Vec<u8> {
    let entries: Vec<_> =
        entries.iter().map(|(perms, scheme, id)| Acl::new(Perms(*perms), scheme, id)).collect();
    encode_list(&entries)
}

/// Every scheme switched on.
fn all_schemes() -> AccessRules {
    AccessRules {
        x509_enabled: true,
        x509_super_user: Some("CN=root".into()),
        sasl_enabled: true,
        sasl_super_users: ["hdfs".to_string()].into(),
        any_sasl_user: Some("anyone".into()),
        super_digest: Some("super:0bX78nEegDzJM3ju0iLBEJdWzjg=".into()),
        ..AccessRules::default()
    }
}

const READ: i32 = 1;
const ADMIN: i32 = 16;

#[test]
fn entries_allow_those_they_name() {
    let rules = all_schemes();
    let ip = ("ip", "10.1.2.3");
    for (entry, held, expected) in [
        (("world", "anyone"), ip, true),
        (("world", "someone"), ("world", "someone"), false),
        (("ip", "10.1.2.3"), ip, true),
        (("ip", "10.1.2.3/32"), ip, true),
        (("ip", "10.0.0.0/8"), ip, true),
        (("ip", "10.1.2.2/31"), ip, true),
        (("ip", "10.1.2.4/30"), ip, false),
        (("ip", "11.1.2.3/0"), ip, true),
        (("ip", "::/0"), ip, false),
        (("ip", "10.1.2.3/33"), ip, false),
        (("ip", "2001:db8::/32"), ("ip", "2001:db8:0:0:0:0:0:1"), true),
        (("ip", "2001:db8::/33"), ("ip", "2001:db8:8000:0:0:0:0:1"), false),
        (("ip", "0:0:0:0:0:0:0:1"), ("ip", "0:0:0:0:0:0:0:1"), true),
        (("digest", "u:h"), ("digest", "u:h"), true),
        (("digest", "u:h"), ("digest", "u:g"), false),
        (("x509", "CN=a"), ("x509", "CN=a"), true),
        (("x509", "CN=a"), ("x509", "CN=root"), true),
        (("sasl", "a"), ("sasl", "a"), true),
        (("sasl", "a"), ("sasl", "b"), false),
        (("sasl", "a"), ("sasl", "super"), true),
        (("sasl", "anyone"), ("sasl", "b"), true),
        (("other", "a"), ("other", "a"), false),
        (("digest", "u:h"), ("super", ""), true),
    ] {
        let acl = list(&[(READ, entry.0, entry.1)]);
        let acl = AclList::from_encoded(&acl).unwrap();
        let ids = ids(&[held]);
        assert_eq!(rules.allows(acl, Perms::READ, &ids), expected, "{entry:?} for {held:?}");
        assert_eq!(rules.allows(acl, Perms::WRITE, &ids), held.0 == "super", "{entry:?}");
    }
}

#[test]
fn permissions_and_entries_are_alternatives() {
    let rules = AccessRules::default();
    let acl = list(&[(READ, "digest", "u:h"), (ADMIN, "world", "anyone")]);
    let acl = AclList::from_encoded(&acl).unwrap();
    let stranger = ids(&[("ip", "10.1.2.3")]);
    assert!(!rules.allows(acl, Perms::READ, &stranger));
    assert!(rules.allows(acl, Perms::READ.union(Perms::ADMIN), &stranger));
    assert!(rules.allows(acl, Perms::READ, &ids(&[("digest", "u:h")])));
    let none = list(&[]);
    assert!(rules.allows(AclList::from_encoded(&none).unwrap(), Perms::ADMIN, &stranger));
    let skipping = AccessRules { skip_acl: true, ..AccessRules::default() };
    assert!(skipping.allows(acl, Perms::WRITE, &stranger));
}

#[test]
fn a_disabled_scheme_matches_nobody() {
    let acl = list(&[(READ, "digest", "u:h")]);
    let acl = AclList::from_encoded(&acl).unwrap();
    let rules = AccessRules { digest_enabled: false, ..AccessRules::default() };
    assert!(!rules.allows(acl, Perms::READ, &ids(&[("digest", "u:h")])));
}

#[test]
fn fixup_keeps_what_is_valid_and_refuses_the_rest() {
    let rules = all_schemes();
    for (scheme, id, valid) in [
        ("world", "anyone", true),
        ("world", "else", false),
        ("digest", "u:h", true),
        ("digest", ":h", true),
        ("digest", "u:h:", true),
        ("digest", "u", false),
        ("digest", "u:", false),
        ("digest", ":", false),
        ("digest", "a:b:c", false),
        ("ip", "10.0.0.1", true),
        ("ip", "10.0.0.010/24", true),
        ("ip", "10.0.0.1/33", false),
        ("ip", "10.0.0.1/", false),
        ("ip", "10.0.0", false),
        ("ip", "10.0.0.256", false),
        ("ip", "localhost", false),
        ("ip", "::", true),
        ("ip", "fe80::1/64", true),
        ("ip", "fe80::1%eth0", false),
        ("ip", "::ffff:10.0.0.1", false),
        ("ip", "::/129", false),
        ("x509", "CN=a, OU=\"b,c\"+UID=d\\,e", true),
        ("x509", "nonsense", false),
        ("x509", "CN=\"a", false),
        ("sasl", "zk/host@REALM", true),
        ("sasl", "a/b/c", true),
        ("sasl", "a/b/c@R", false),
        ("sasl", "a@b@c", false),
        ("super", "", false),
        ("key", "a", false),
    ] {
        let asked = list(&[(-1, scheme, id)]);
        let mut buffer = Vec::new();
        let fixed = rules.fixup(AclList::from_encoded(&asked).ok(), &ids(&[]), &mut buffer);
        let fixed = fixed.map(|list| list.encoded().to_vec());
        assert_eq!(fixed, if valid { Ok(asked) } else { Err(ErrorCode::InvalidAcl) }, "{id}");
    }
}

#[track_caller]
fn check_fixup(held: &[(&str, &str)], asked: &[u8], expected: Result<Vec<u8>, ErrorCode>) {
    let mut buffer = vec![0xAA];
    let fixed = all_schemes().fixup(AclList::from_encoded(asked).ok(), &ids(held), &mut buffer);
    assert_eq!(fixed.map(|list| list.encoded().to_vec()), expected);
}

#[test]
fn fixup_drops_repetitions_and_expands_auth() {
    check_fixup(
        &[],
        &list(&[(1, "world", "anyone"), (1, "world", "anyone"), (3, "world", "anyone")]),
        Ok(list(&[(1, "world", "anyone"), (3, "world", "anyone")])),
    );
    check_fixup(
        &[("ip", "10.0.0.1"), ("digest", "u:h"), ("super", ""), ("sasl", "bob")],
        &list(&[(READ, "ip", "10.0.0.1"), (ADMIN, "auth", ""), (READ, "auth", "x")]),
        Ok(list(&[
            (READ, "ip", "10.0.0.1"),
            (ADMIN, "digest", "u:h"),
            (ADMIN, "sasl", "bob"),
            (READ, "digest", "u:h"),
            (READ, "sasl", "bob"),
        ])),
    );
    let refused = Err(ErrorCode::InvalidAcl);
    check_fixup(&[("ip", "10.0.0.1")], &list(&[(READ, "auth", "")]), refused.clone());
    check_fixup(&[], &list(&[]), refused.clone());
    check_fixup(&[], &[0, 0, 0, 1, 0, 0, 0, 1, 255, 255, 255, 255, 255, 255, 255, 255], refused);
    assert_eq!(all_schemes().fixup(None, &ids(&[]), &mut Vec::new()), Err(ErrorCode::InvalidAcl));
}

#[test]
fn fixup_takes_a_null_id_in_auth_alone() {
    let null_id = |scheme: &'static str| {
        let entry = Acl { perms: Perms(READ), scheme: Some(scheme.into()), id: None };
        encode_list(&[entry])
    };
    check_fixup(&[("digest", "u:h")], &null_id("auth"), Ok(list(&[(READ, "digest", "u:h")])));
    for scheme in ["world", "digest", "ip"] {
        check_fixup(&[], &null_id(scheme), Err(ErrorCode::MarshallingError));
    }
    check_fixup(&[], &null_id("none"), Err(ErrorCode::InvalidAcl));
}

#[test]
fn fixup_does_not_let_auth_grow_a_list_without_bound() {
    let many: Vec<_> = (0..6000).map(|perms| (perms, "auth", "")).collect();
    let held: Vec<_> = (0..200).map(|n| Id::new("digest", format!("user{n}:h"))).collect();
    let asked = list(&many);
    let mut buffer = Vec::new();
    let fixed = all_schemes().fixup(
        AclList::from_encoded(&asked).ok(),
        &Identities::new(held),
        &mut buffer,
    );
    assert_eq!(fixed, Err(ErrorCode::InvalidAcl));
}

fn remote(address: &str) -> Remote<'static> {
    Remote { address: address.parse::<IpAddr>().unwrap(), certificate: None }
}

#[test]
fn addresses_are_written_as_java_does() {
    let rules = AccessRules::default();
    for (address, expected) in [
        ("10.0.0.1", "10.0.0.1"),
        ("::1", "0:0:0:0:0:0:0:1"),
        ("2001:DB8::a", "2001:db8:0:0:0:0:0:a"),
        ("::ffff:10.0.0.1", "10.0.0.1"),
    ] {
        assert_eq!(rules.identities_of(&remote(address)), ids(&[("ip", expected)]));
    }
}

#[test]
fn digests_are_those_of_apache() {
    for (name, credentials, identity) in [
        ("SHA1", "u:p", "u:Jq7wMyA/w2Vd5WIDAKdu4OIIFEQ="),
        ("sha-1", "super:pw", "super:0bX78nEegDzJM3ju0iLBEJdWzjg="),
        ("SHA1", "", ":2jmj7l5rSw0yVb/vlWAYkK/YBwk="),
        ("MD5", "", ":1B2M2Y8AsgTpgAmY7PhCfg=="),
        ("SHA-256", "", ":47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="),
    ] {
        let algorithm = DigestAlgorithm::from_name(name).unwrap();
        assert_eq!(algorithm.identity(credentials), identity);
    }
    assert_eq!(DigestAlgorithm::from_name("CRC32"), None);
}

#[track_caller]
fn check_auth(scheme: Option<&str>, auth: Option<&[u8]>, added: Option<&[(&str, &str)]>) {
    let start = remote("10.0.0.1");
    let rules = all_schemes();
    let held = rules.identities_of(&start);
    let outcome = rules.authenticate(scheme, auth, &start, &held);
    let expected = added.map_or(AuthOutcome::Refused, |added| {
        AuthOutcome::Accepted(ids(&[&[("ip", "10.0.0.1")], added].concat()))
    });
    assert_eq!(outcome, expected);
}

#[test]
fn auth_packets_add_identities_or_are_refused() {
    check_auth(Some("digest"), Some(b"u:p"), Some(&[("digest", "u:Jq7wMyA/w2Vd5WIDAKdu4OIIFEQ=")]));
    check_auth(
        Some("digest"),
        Some(b"super:pw"),
        Some(&[("super", ""), ("digest", "super:0bX78nEegDzJM3ju0iLBEJdWzjg=")]),
    );
    check_auth(Some("digest"), Some(b""), Some(&[("digest", ":2jmj7l5rSw0yVb/vlWAYkK/YBwk=")]));
    check_auth(Some("digest"), None, None);
    check_auth(Some("ip"), None, Some(&[]));
    for scheme in [None, Some("world"), Some("auth"), Some("super"), Some("sasl"), Some("x509")] {
        check_auth(scheme, Some(b"u:p"), None);
    }
}

#[test]
fn certificates_are_identities_and_may_be_super() {
    let rules = all_schemes();
    let remote = Remote { certificate: Some("CN=root"), ..remote("10.0.0.1") };
    let held = rules.identities_of(&remote);
    assert_eq!(held, ids(&[("ip", "10.0.0.1"), ("super", "CN=root"), ("x509", "CN=root")]));
    assert!(held.is_super());
    assert_eq!(
        rules.authenticate(Some("x509"), None, &remote, &held),
        AuthOutcome::Accepted(held.clone())
    );
    assert_eq!(AccessRules::default().identities_of(&remote), ids(&[("ip", "10.0.0.1")]));
}

#[test]
fn sasl_names_are_identities_and_may_be_super() {
    let held = ids(&[]);
    let rules = all_schemes();
    assert_eq!(rules.accept_sasl("bob", &held), Some(ids(&[("sasl", "bob")])));
    assert_eq!(rules.accept_sasl("hdfs", &held), Some(ids(&[("sasl", "hdfs"), ("super", "")])));
}

#[test]
fn a_client_of_another_ensemble_is_disconnected() {
    let (remote, held) = (remote("10.0.0.1"), ids(&[]));
    let names = EnsembleCheck::Names(["prod".to_string()].into());
    for (ensemble, name, expected) in [
        (EnsembleCheck::Unknown, "prod", AuthOutcome::Refused),
        (EnsembleCheck::AnyName, "prod", AuthOutcome::Accepted(held.clone())),
        (names.clone(), "prod", AuthOutcome::Accepted(held.clone())),
        (names.clone(), "", AuthOutcome::Accepted(held.clone())),
        (names, "test", AuthOutcome::Disconnect),
    ] {
        let rules = AccessRules { ensemble, ..AccessRules::default() };
        let auth = Some(name.as_bytes());
        assert_eq!(rules.authenticate(Some("ensemble"), auth, &remote, &held), expected);
    }
}

#[test]
fn a_connection_collects_a_bounded_number_of_identities() {
    let rules = AccessRules::default();
    let remote = remote("10.0.0.1");
    let mut held = rules.identities_of(&remote);
    for n in 1..Identities::COUNT_MAX {
        let auth = format!("user{n}:p");
        let outcome = rules.authenticate(Some("digest"), Some(auth.as_bytes()), &remote, &held);
        let AuthOutcome::Accepted(more) = outcome else { panic!("{outcome:?} at {n}") };
        held = more;
    }
    assert_eq!(
        rules.authenticate(Some("digest"), Some(b"one:more"), &remote, &held),
        AuthOutcome::Refused
    );
}

#[test]
fn user_names_are_what_who_am_i_tells() {
    let rules = AccessRules::default();
    for (scheme, id, name) in
        [("digest", "u:h", "u"), ("ip", "::1", "::1"), ("super", "", ""), ("x509", "CN=a", "")]
    {
        assert_eq!(rules.user_name(&Id::new(scheme, id)), name);
    }
}

#[test]
fn masked_lists_hide_digests_only() {
    let acl = list(&[(31, "digest", "u:secret:x"), (1, "digest", "odd"), (1, "ip", "::1")]);
    let mut out = Vec::new();
    put_masked(&mut out, AclList::from_encoded(&acl).unwrap());
    assert_eq!(out, list(&[(31, "digest", "u:x"), (1, "digest", "odd"), (1, "ip", "::1")]));
}

proptest! {
    #[test]
    fn no_entry_or_packet_can_panic(
        scheme in prop::sample::select(vec!["ip", "digest", "x509", "sasl", "auth", "world"]),
        id in r"[:/.@=,+\\a-z0-9 üß%-]{0,24}",
        auth: Vec<u8>,
    ) {
        let rules = all_schemes();
        let remote = remote("10.0.0.1");
        let mut held = rules.identities_of(&remote);
        if let AuthOutcome::Accepted(more) =
            rules.authenticate(Some(scheme), Some(&auth), &remote, &held)
        {
            held = more;
        }
        let acl = list(&[(READ, scheme, &id)]);
        let acl = AclList::from_encoded(&acl).unwrap();
        let mut buffer = Vec::new();
        if let Ok(fixed) = rules.fixup(Some(acl), &held, &mut buffer) {
            prop_assert_eq!(AclList::from_encoded(fixed.encoded()), Ok(fixed));
        }
        rules.allows(acl, Perms::READ, &held);
    }
}
