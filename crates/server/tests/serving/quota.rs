//! `enforceQuota`.

use crate::running::Running;

const QUOTA_EXCEEDED: i32 = -125;

#[test]
fn hard_quota_refuses_and_counts_by_namespace() {
    let server = Running::start("enforceQuota=true");
    let mut client = server.client();
    assert_eq!(client.create(1, "/app", b""), 0);
    assert_eq!(client.create(2, "/zookeeper/quota/app", b""), 0);
    let limits = b"count=-1,bytes=-1=;byteHardLimit=-1;countHardLimit=2";
    assert_eq!(client.create(3, "/zookeeper/quota/app/zookeeper_limits", limits), 0);
    assert_eq!(client.create(4, "/zookeeper/quota/app/zookeeper_stats", b""), 0);
    assert_eq!(client.create(5, "/app/one", b""), 0);
    assert_eq!(client.create(6, "/app/two", b""), QUOTA_EXCEEDED);
    assert_eq!(client.create(7, "/app/two", b""), QUOTA_EXCEEDED);
    assert_eq!(server.metric("app_quota_exceeded_error_per_namespace"), 2.0);
}
