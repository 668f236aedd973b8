//! The election port: a handshake, then messages; and the membership in each.
#![no_main]

use libfuzzer_sys::fuzz_target;
use zoarium_proto::election::{self, Handshake, Notification, NotificationVersion};
use zoarium_proto::{Membership, Reader};

fuzz_target!(|bytes: &[u8]| {
    let mut reader = Reader::new(bytes);
    if let Ok(Some(handshake)) = Handshake::next(&mut reader) {
        let mut again = Vec::new();
        handshake.encode(&mut again);
        assert_eq!(Handshake::next(&mut Reader::new(&again)), Ok(Some(handshake)));
    }
    while let Ok(Some(body)) = election::next_message(&mut reader) {
        check(body);
    }
    check(bytes);
});

fn check(body: &[u8]) {
    let Ok(notification) = Notification::decode(body) else { return };
    if let Some(Ok(membership)) = notification.config.as_deref().map(Membership::parse) {
        assert_eq!(Membership::parse(&membership.to_string()), Ok(membership.clone()));
        // In any order, it is the same membership.
        assert_eq!(Membership::parse(&membership.dynamic_file(true)), Ok(membership.clone()));
        let everybody = membership.participants().map(|member| member.id).collect();
        assert_eq!(membership.is_quorum(&everybody), membership.participants().next().is_some());
    }
    let mut again = Vec::new();
    notification.encode(&mut again);
    // Replacing invalid UTF-8 makes it longer.
    if again.len() > election::MESSAGE_BYTES_MAX {
        return;
    }
    let body = election::next_message(&mut Reader::new(&again)).unwrap().unwrap();
    // Only the current form is written.
    let config = Some(notification.config.clone().unwrap_or_default());
    let expected = Notification { version: NotificationVersion::V2, config, ..notification };
    assert_eq!(Notification::decode(body), Ok(expected));
}
