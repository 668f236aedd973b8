//! An ACL list, what a create makes of it, and what it allows.
#![no_main]

use libfuzzer_sys::fuzz_target;
use zoarium_proto::{AclList, Id, Perms, Reader};
use zoarium_tree::access::{AccessRules, Identities, put_masked};

fuzz_target!(|bytes: &[u8]| {
    let Ok(Some(list)) = AclList::decode(&mut Reader::new(bytes)) else { return };
    let rules = AccessRules { x509_enabled: true, sasl_enabled: true, ..AccessRules::default() };
    let ids = Identities::new([
        Id::new("ip", "10.0.0.1"),
        Id::new("digest", "u:hash"),
        Id::new("x509", "CN=u"),
        Id::new("sasl", "u"),
    ]);
    rules.allows(list, Perms::READ, &ids);
    let mut buffer = Vec::new();
    if let Ok(fixed) = rules.fixup(Some(list), &ids, &mut buffer) {
        assert_eq!(AclList::from_encoded(fixed.encoded()), Ok(fixed));
        // What was stored once can be set again.
        assert!(rules.fixup(Some(fixed), &ids, &mut Vec::new()).is_ok());
    }
    let mut masked = Vec::new();
    put_masked(&mut masked, list);
    assert!(AclList::from_encoded(&masked).is_ok());
});
