use super::*;
use alloc::vec;
use zoarium_proto::request::{RequestHeader, SetWatchesRequest};
use zoarium_proto::{OpCode, Reader, Zxid};

const EVENTS: [EventType; 4] = [
    EventType::NodeCreated,
    EventType::NodeDeleted,
    EventType::NodeDataChanged,
    EventType::NodeChildrenChanged,
];

fn set(watches: &mut Watches, path: &str, kind: Kind) -> WatchId {
    let setting = watches.setting(path, kind, false);
    let missing = Failure::Refused(ErrorCode::NoNode);
    let failure = (kind == Kind::Exist).then_some(&missing);
    watches.settled(&setting, failure).unwrap().expect("it is set")
}

fn fire(watches: &mut Watches, event: EventType, path: &str) -> Vec<WatchId> {
    let mut fired = vec![];
    watches.fire(event, path, |watch| fired.push(watch));
    fired
}

#[test]
fn every_kind_hears_its_events_and_no_others() {
    use EventType::*;
    for (kind, heard) in [
        (Kind::Data, &[NodeCreated, NodeDeleted, NodeDataChanged][..]),
        (Kind::Exist, &[NodeCreated, NodeDeleted, NodeDataChanged]),
        (Kind::Child, &[NodeDeleted, NodeChildrenChanged]),
        (Kind::Persistent, &EVENTS),
        (Kind::Recursive, &[NodeCreated, NodeDeleted, NodeDataChanged]),
    ] {
        for event in EVENTS {
            let mut watches = Watches::default();
            let id = set(&mut watches, "/a", kind);
            let expected = if heard.contains(&event) { vec![id] } else { vec![] };
            assert_eq!(fire(&mut watches, event, "/a"), expected, "{kind:?} {event:?}");
            let again = if kind.is_one_shot() { vec![] } else { expected };
            assert_eq!(fire(&mut watches, event, "/a"), again, "{kind:?} {event:?} again");
        }
    }
}

#[test]
fn recursive_watch_hears_of_everything_below_it() {
    for (at, event_at, heard) in [
        ("/a", "/a/b", true),
        ("/a", "/a/b/c", true),
        ("/", "/a/b/c", true),
        ("/", "/", true),
        ("/a", "/ab", false),
        ("/a", "/", false),
        ("/a/b", "/a", false),
    ] {
        let mut watches = Watches::default();
        let id = set(&mut watches, at, Kind::Recursive);
        let expected = if heard { vec![id] } else { vec![] };
        assert_eq!(
            fire(&mut watches, EventType::NodeDeleted, event_at),
            expected,
            "{at} {event_at}"
        );
        assert_eq!(fire(&mut watches, EventType::NodeChildrenChanged, event_at), []);
    }
}

#[test]
fn watches_of_one_path_share_an_event_in_their_order() {
    let mut watches = Watches::default();
    let ids = [Kind::Child, Kind::Data, Kind::Recursive, Kind::Data, Kind::Persistent]
        .map(|kind| set(&mut watches, "/a", kind));
    assert_eq!(fire(&mut watches, EventType::NodeDeleted, "/a"), ids);
    assert_eq!(fire(&mut watches, EventType::NodeDeleted, "/a"), [ids[2], ids[4]]);
    assert_eq!(watches.len(), 2);
}

#[test]
fn exists_watches_what_it_found() {
    let mut watches = Watches::default();
    let setting = watches.setting("/a", Kind::Exist, false);
    assert!(watches.settled(&setting, None).unwrap().is_some());
    let setting = watches.setting("/a", Kind::Data, false);
    let missing = Failure::Refused(ErrorCode::NoNode);
    assert_eq!(watches.settled(&setting, Some(&missing)), Ok(None));
    let mut out = vec![];
    watches.set_again(Zxid(5), &mut out);
    let mut reader = Reader::new(&out[4 + RequestHeader::WIRE_SIZE..]);
    let again = SetWatchesRequest::decode(OpCode::SetWatches, &mut reader).unwrap();
    assert_eq!((again.data.iter().count(), again.exist.iter().count()), (1, 0));
}

#[test]
fn last_watch_of_a_path_takes_the_servers_with_it() {
    let mut watches = Watches::default();
    let first = set(&mut watches, "/a", Kind::Data);
    let second = set(&mut watches, "/a", Kind::Child);
    watches.remove("/a", first);
    assert_eq!(watches.removal("/a"), None);
    watches.remove("/a", second);
    let removal = watches.removal("/a").unwrap();
    assert_eq!((&*removal.path, removal.kind), ("/a", WatcherType::Any));
    assert_eq!(watches.removal("/a"), None);
}

#[test]
fn watch_that_has_fired_leaves_nothing_to_remove() {
    let mut watches = Watches::default();
    set(&mut watches, "/a", Kind::Data);
    fire(&mut watches, EventType::NodeDataChanged, "/a");
    assert_eq!(watches.removal("/a"), None);
    assert!(watches.paths.is_empty());
}

#[test]
fn nothing_is_removed_while_a_request_may_set_it() {
    let mut watches = Watches::default();
    let first = set(&mut watches, "/a", Kind::Data);
    let setting = watches.setting("/a", Kind::Data, false);
    watches.remove("/a", first);
    assert_eq!(watches.removal("/a"), None);
    let second = watches.settled(&setting, None).unwrap().unwrap();
    assert_eq!(watches.removal("/a"), None);
    watches.remove("/a", second);
    assert!(watches.removal("/a").is_some());
}

#[test]
fn persistent_watch_serves_one_shot_watches() {
    let mut watches = Watches::default();
    let persistent = set(&mut watches, "/a", Kind::Persistent);
    let setting = watches.setting("/a", Kind::Data, false);
    assert!(setting.covered);
    let one_shot = watches.settled(&setting, None).unwrap().unwrap();
    // The persistent one has to stay on the server for as long as the other is served by it.
    watches.remove("/a", persistent);
    assert_eq!(watches.removal("/a"), None);
    assert_eq!(fire(&mut watches, EventType::NodeDataChanged, "/a"), [one_shot]);
    assert_eq!(watches.removal("/a").unwrap().kind, WatcherType::Any);
}

#[test]
fn recursive_watch_does_not_serve_watches_of_children() {
    let mut watches = Watches::default();
    set(&mut watches, "/a", Kind::Recursive);
    assert!(!watches.setting("/a", Kind::Child, false).covered);
    assert!(watches.setting("/a", Kind::Exist, false).covered);
    assert!(!watches.setting("/a/b", Kind::Data, false).covered);
}

#[test]
fn refused_persistent_watch_that_others_rely_on_is_a_fault() {
    let refused = Failure::Refused(ErrorCode::MarshallingError);
    let mut watches = Watches::default();
    let persistent = watches.setting("/a", Kind::Persistent, false);
    assert_eq!(watches.settled(&persistent, Some(&refused)), Ok(None));
    let persistent = watches.setting("/a", Kind::Persistent, false);
    assert!(watches.setting("/a", Kind::Data, false).covered);
    assert_eq!(watches.settled(&persistent, Some(&refused)), Err(()));
}

#[test]
fn persistent_watch_goes_alone_where_the_server_lets_it() {
    let mut watches = Watches::default();
    let data = set(&mut watches, "/a", Kind::Data);
    let recursive = set(&mut watches, "/a", Kind::Recursive);
    watches.remove("/a", recursive);
    let removal = watches.removal("/a").unwrap();
    assert_eq!(removal.kind, WatcherType::PersistentRecursive);
    assert_eq!(watches.removal("/a"), None);
    // A server before 3.9 refuses: it goes with the last one, and is not asked again before.
    watches.removal_refused(&removal);
    assert_eq!(watches.removal("/a"), None);
    watches.remove("/a", data);
    assert_eq!(watches.removal("/a").unwrap().kind, WatcherType::Any);
}

#[test]
fn watches_are_set_again_in_requests_that_servers_take() {
    let mut watches = Watches::default();
    let paths = 50_000;
    for number in 0..paths {
        set(&mut watches, &alloc::format!("/some/path/to/watch/{number}"), Kind::Data);
    }
    watches.disconnected();
    let mut out = vec![];
    let requests = watches.set_again(Zxid(9), &mut out);
    let (mut rest, mut seen, mut counted) = (&out[..], 0, 0);
    while let Some((length, frames)) = rest.split_first_chunk::<4>() {
        let length = usize::try_from(i32::from_be_bytes(*length)).unwrap();
        assert!(length < 140_000, "{length}");
        let mut reader = Reader::new(&frames[..length]);
        let header = RequestHeader::decode(&mut reader).unwrap();
        assert_eq!(header.op(), Some(OpCode::SetWatches));
        let read = SetWatchesRequest::decode(OpCode::SetWatches, &mut reader).unwrap();
        assert_eq!(read.relative_zxid, 9);
        (seen, counted) = (seen + read.data.iter().count(), counted + 1);
        rest = &frames[length..];
    }
    assert_eq!((seen, counted), (paths, requests));
}

#[test]
fn only_watches_that_outlive_the_session_are_kept() {
    let mut watches = Watches::default();
    let lost = [Kind::Data, Kind::Recursive].map(|kind| set(&mut watches, "/a", kind));
    let setting = watches.setting("/a", Kind::Recursive, true);
    let kept = watches.settled(&setting, None).unwrap().unwrap();
    watches.disconnected();
    let mut told = vec![];
    watches.session_lost(|watch| told.push(watch));
    assert_eq!(told, lost);
    assert_eq!(watches.persistent().collect::<Vec<_>>(), [kept]);
    let mut out = vec![];
    assert_eq!(watches.set_again(Zxid::ZERO, &mut out), 1);
    assert_eq!(fire(&mut watches, EventType::NodeCreated, "/a/b"), [kept]);
}
