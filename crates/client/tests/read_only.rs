//! A server that has lost its ensemble and answers reads.

use crate::world::{ReadOnlyPair, soon};
use zoarium_client::{ErrorCode, Generation, State, States, Verdict};

async fn next_connected(states: &mut States) -> zoarium_client::Connected {
    loop {
        if let State::Connected(connected) = soon(states.next()).await.unwrap() {
            return connected;
        }
    }
}

#[tokio::test]
async fn client_reads_alone_and_writes_again_when_there_is_an_ensemble() {
    let mut pair = ReadOnlyPair::start().await;
    let client = pair.builder().read_only_allowed().start().unwrap();
    let mut states = client.states();
    let alone = next_connected(&mut states).await;
    assert!(alone.read_only);
    assert!(client.exists("/").await.unwrap().is_some());
    let refused = client.create("/a").await.unwrap_err();
    assert_eq!(refused.code(), Some(ErrorCode::NotReadOnly));
    assert_eq!(refused.verdict(), Verdict::Never);
    pair.complete().await;
    // The session that a server gave on its own is not known to the ensemble.
    let together = next_connected(&mut states).await;
    assert_eq!((together.read_only, together.generation), (false, Generation(2)));
    soon(client.create("/a")).await.unwrap();
}
