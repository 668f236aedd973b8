//! All metrics that are counted where things happen, by Apache's names and in the order in which
//! Apache 3.9.5 prints them (its hash order, which scripts have come to see as given).

use super::{Counter, Distribution, Keyed, Reading, Summary, Timing, Unit};

/// How much of a summary Apache shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Detail {
    /// Average, extremes, count and sum.
    Basic,
    /// Percentiles too.
    Advanced,
}

/// A summary with what is needed to show it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SummaryMetric<'a> {
    pub(crate) name: &'static str,
    pub(crate) help: &'static str,
    pub(crate) detail: Detail,
    pub(crate) unit: Unit,
    pub(crate) distribution: &'a Distribution,
}

/// A summary that exists for each key, with what was recorded.
#[derive(Clone, Debug)]
pub(crate) struct KeyedMetric {
    pub(crate) name: &'static str,
    pub(crate) help: &'static str,
    pub(crate) detail: Detail,
    pub(crate) unit: Unit,
    pub(crate) readings: Vec<(String, Reading)>,
}

macro_rules! registry {
    (
        counters { $(#[doc = $counter_help:literal] $counter:ident,)* }
        basic { $(#[doc = $basic_help:literal] $basic:ident: $basic_kind:ident,)* }
        advanced { $(#[doc = $advanced_help:literal] $advanced:ident: $advanced_kind:ident,)* }
    ) => {
        /// Every metric of a server that is not read from its state at the moment of asking.
        /// Times are recorded as durations and shown in milliseconds.
        ///
        /// Shared between all threads behind an `Arc`. Recording takes no lock, except for finding
        /// the key of a [`Keyed`] metric.
        #[derive(Debug, Default)]
        pub struct Metrics {
            $(#[doc = $counter_help] pub $counter: Counter,)*
            $(#[doc = $basic_help] pub $basic: $basic_kind,)*
            $(#[doc = $advanced_help] pub $advanced: $advanced_kind,)*
            /// Errors of exceeded quotas by namespace, the first element of the path.
            pub quota_exceeded_error_per_namespace: Keyed<Counter>,
            /// Bytes of one read by namespace: length of path and data, plus 68 for the stat.
            pub read_per_namespace: Keyed<Summary>,
            /// Bytes of one write by namespace: length of path and data.
            pub write_per_namespace: Keyed<Summary>,
            /// Packets waiting to be sent to a learner, by server id.
            pub learner_handler_qp_size: Keyed<Summary>,
            /// A packet waiting to be sent to a learner, by server id.
            pub learner_handler_qp_time_ms: Keyed<Timing>,
            /// A proposal, from sending to one follower's acknowledgement, by server id.
            pub ack_latency: Keyed<Timing>,
        }

        impl Metrics {
            /// Name, help and counter of each.
            pub(crate) fn counters(&self) -> Vec<(&'static str, &'static str, &Counter)> {
                vec![$((stringify!($counter), $counter_help.trim_ascii(), &self.$counter),)*]
            }

            /// The summaries without keys, basic ones first.
            pub(crate) fn summaries(&self) -> Vec<SummaryMetric<'_>> {
                vec![
                    $(SummaryMetric {
                        name: stringify!($basic),
                        help: $basic_help.trim_ascii(),
                        detail: Detail::Basic,
                        unit: $basic_kind::UNIT,
                        distribution: &self.$basic.0,
                    },)*
                    $(SummaryMetric {
                        name: stringify!($advanced),
                        help: $advanced_help.trim_ascii(),
                        detail: Detail::Advanced,
                        unit: $advanced_kind::UNIT,
                        distribution: &self.$advanced.0,
                    },)*
                ]
            }
        }
    };
}

registry! {
    counters {
        /// Bytes of watch events sent to clients.
        watch_bytes,
        /// Requests dropped because their connection had gone.
        stale_requests_dropped,
        /// Requests refused as throttled after waiting too long.
        throttled_ops,
        /// Always 0, as nothing here corresponds to it.
        insecure_admin_count,
        /// Connections refused by the connection throttle or a connection limit.
        connection_rejected,
        /// Connections closed because they opened no session in time.
        sessionless_connections_expired,
        /// Always 0, as nothing here corresponds to it.
        dead_watchers_queued,
        /// Requests whose connection had gone when their turn came.
        stale_requests,
        /// Client connections that ended.
        connection_drop_count,
        /// Always 0, as nothing here corresponds to it.
        response_packet_cache_hits,
        /// Bytes of requests received from clients.
        bytes_received_count,
        /// Always 0, as nothing here corresponds to it.
        add_dead_watcher_stall_time,
        /// Times a request waited for the request throttle.
        request_throttle_wait_count,
        /// Always 0, as nothing here corresponds to it.
        requests_not_forwarded_to_commit_processor,
        /// Always 0, as nothing here corresponds to it.
        response_packet_cache_misses,
        /// Requests handed to the preparation of transactions.
        prep_processor_request_queued,
        /// Replies dropped because their connection had gone.
        stale_replies,
        /// Bytes of replies sent to clients.
        response_bytes,
        /// Ensemble names offered that were wrong.
        ensemble_auth_fail,
        /// Learners brought up to date by a DIFF.
        diff_count,
        /// Sessions that came from another server and were validated.
        connection_revalidate_count,
        /// Times this leader stepped down because a voter left it.
        quit_leading_due_to_disloyal_voter,
        /// Errors that end the process.
        unrecoverable_error_count,
        /// TLS handshakes that failed.
        unsuccessful_handshake,
        /// Transactions committed as leader.
        commit_count,
        /// Changes prepared and not yet applied: added.
        outstanding_changes_queued,
        /// Commits handed to this server for delivery.
        request_commit_queued,
        /// Connections that offered no ensemble name.
        ensemble_auth_skip,
        /// Always 0, as nothing here corresponds to it.
        skip_learner_request_to_next_processor_count,
        /// Transactions proposed as leader.
        proposal_count,
        /// Requests refused because too many bytes of large requests were in flight.
        large_requests_rejected,
        /// Changes prepared and not yet applied: removed.
        outstanding_changes_removed,
        /// Restores from a snapshot that failed.
        restore_error_count,
        /// Connections closed because this server had no quorum.
        cnxn_closed_without_zk_server_running,
        /// Times this server started looking for a leader.
        looking_count,
        /// Snapshots refused by the rate limit.
        snapshot_rate_limited_count,
        /// Proposals received from the leader.
        learner_proposal_received_count,
        /// Transactions after which the tree digest was not the expected one.
        digest_mismatches_count,
        /// Always 0, as nothing here corresponds to it.
        dead_watchers_cleared,
        /// Ensemble names offered that were right.
        ensemble_auth_success,
        /// Commits received from the leader.
        learner_commit_received_count,
        /// Snapshots asked for that failed.
        snapshot_error_count,
        /// Requests to open or resume a session.
        connection_request_count,
        /// Always 0, as nothing here corresponds to it.
        response_packet_get_children_cache_misses,
        /// Learners brought up to date by a snapshot.
        snap_count,
        /// Sessions expired.
        stale_sessions_expired,
        /// Restores refused by the rate limit.
        restore_rate_limited_count,
        /// Always 0, as nothing here corresponds to it.
        response_packet_get_children_cache_hits,
        /// Transactions handed to the log.
        sync_processor_request_queued,
        /// Connections closed because too many TLS handshakes were going on.
        tls_handshake_exceeded,
        /// Sessions that learners asked this leader to validate.
        revalidate_count,
    }
    basic {
        /// Closing a client socket.
        socket_closing_time: Timing,
        /// Making a proposal of a prepared transaction.
        proposal_process_time: Timing,
        /// From losing the leadership or leader to serving again, as leader.
        leader_unavailable_time: Timing,
        /// Watches fired by one creation.
        node_created_watch_count: Summary,
        /// Always 0, as nothing here corresponds to it.
        session_queues_drained: Summary,
        /// Always 0, as nothing here corresponds to it.
        write_commit_proc_req_queued: Summary,
        /// Tokens missing in the connection throttle at a new connection.
        connection_token_deficit: Summary,
        /// Always 0, as nothing here corresponds to it.
        read_commit_proc_req_queued: Summary,
        /// Watches fired by one deletion.
        node_deleted_watch_count: Summary,
        /// Replaying the log at start.
        startup_txns_load_time: Timing,
        /// Transactions waiting for the log.
        sync_processor_queue_size: Summary,
        /// Bringing this follower up to date with its leader.
        follower_sync_time: Timing,
        /// Requests waiting to become transactions.
        prep_processor_queue_size: Summary,
        /// One fsync of the log.
        fsynctime: Timing,
        /// Learners being sent a snapshot when another one starts.
        inflight_snap_count: Summary,
        /// Always 0, as nothing here corresponds to it.
        reads_issued_from_session_queue: Summary,
        /// Restoring from a snapshot.
        restore_time: Timing,
        /// Always 0, as nothing here corresponds to it.
        learner_request_processor_queue_size: Summary,
        /// Writing a snapshot.
        snapshottime: Timing,
        /// From losing the quorum to serving again.
        unavailable_time: Timing,
        /// Transactions replayed at start.
        startup_txns_loaded: Summary,
        /// Always 0, as nothing here corresponds to it.
        reads_after_write_in_session_queue: Summary,
        /// Always 0, as nothing here corresponds to it.
        requests_in_session_queue: Summary,
        /// Always 0, as nothing here corresponds to it.
        write_commit_proc_issued: Summary,
        /// Making a transaction of a request.
        prep_process_time: Timing,
        /// Always 0, as nothing here corresponds to it.
        pending_session_queue_size: Summary,
        /// Always 0, as nothing here corresponds to it.
        time_waiting_empty_pool_in_commit_processor_read_ms: Timing,
        /// Handling a commit from the leader.
        commit_process_time: Timing,
        /// Loading snapshot and log at start.
        dbinittime: Timing,
        /// Learners being sent a DIFF when another one starts.
        inflight_diff_count: Summary,
        /// Always 0, as nothing here corresponds to it.
        netty_queued_buffer_capacity: Summary,
        /// From looking for a leader to finding one.
        election_time: Timing,
        /// Always 0, as nothing here corresponds to it.
        commit_commit_proc_req_queued: Summary,
        /// Transactions made durable by one fsync.
        sync_processor_batch_size: Summary,
        /// Child watches fired by one change.
        node_children_watch_count: Summary,
        /// Always 0, as nothing here corresponds to it.
        write_batch_time_in_commit_processor: Timing,
        /// Always 0, as nothing here corresponds to it.
        read_commit_proc_issued: Summary,
        /// Always 0, as nothing here corresponds to it.
        concurrent_request_processing_in_commit_processor: Summary,
        /// Bringing this observer up to date with its leader.
        observer_sync_time: Timing,
        /// Watches fired by one change of data.
        node_changed_watch_count: Summary,
        /// Handing one transaction to the log.
        sync_process_time: Timing,
        /// Loading the snapshot at start.
        startup_snap_load_time: Timing,
    }
    advanced {
        /// A request waiting to become a transaction.
        prep_processor_queue_time_ms: Timing,
        /// Always 0, as nothing here corresponds to it.
        jvm_pause_time_ms: Timing,
        /// Making the transaction that closes a session.
        close_session_prep_time: Timing,
        /// Always 0, as nothing here corresponds to it.
        read_commitproc_time_ms: Timing,
        /// A write, from arrival to reply.
        updatelatency: Timing,
        /// Always 0, as nothing here corresponds to it.
        local_write_committed_time_ms: Timing,
        /// A request waiting for the request throttle.
        request_throttle_queue_time_ms: Timing,
        /// A read, from arrival to reply.
        readlatency: Timing,
        /// A proposal, from sending to the quorum's acknowledgement.
        quorum_ack_latency: Timing,
        /// Always 0, as nothing here corresponds to it.
        om_commit_process_time_ms: Timing,
        /// Carrying out a read.
        read_final_proc_time_ms: Timing,
        /// A commit, from the leader's sending to its arrival here.
        commit_propagation_latency: Timing,
        /// Always 0, as nothing here corresponds to it.
        dead_watchers_cleaner_latency: Timing,
        /// Applying a transaction and answering it.
        write_final_proc_time_ms: Timing,
        /// A proposal, from its arrival to the acknowledgement's sending.
        proposal_ack_creation_latency: Timing,
        /// A proposal, from the leader's making it to its arrival here.
        proposal_latency: Timing,
        /// Always 0, as nothing here corresponds to it.
        om_proposal_process_time_ms: Timing,
        /// A transaction, from being handed to the log to being durable.
        sync_processor_queue_and_flush_time_ms: Timing,
        /// A write, from its transaction's making to its being applied here.
        propagation_latency: Timing,
        /// Always 0, as nothing here corresponds to it.
        server_write_committed_time_ms: Timing,
        /// A transaction waiting for the log.
        sync_processor_queue_time_ms: Timing,
        /// Writing and syncing one batch of transactions.
        sync_processor_queue_flush_time_ms: Timing,
        /// Always 0, as nothing here corresponds to it.
        write_commitproc_time_ms: Timing,
    }
}

impl Metrics {
    /// The summaries with keys, in Apache's order.
    pub(crate) fn keyed_summaries(&self) -> [KeyedMetric; 5] {
        [
            plain(
                "learner_handler_qp_size",
                "Packets waiting to be sent to a learner, by server id.",
                &self.learner_handler_qp_size,
            ),
            plain(
                "read_per_namespace",
                "Bytes of one read by namespace.",
                &self.read_per_namespace,
            ),
            plain(
                "write_per_namespace",
                "Bytes of one write by namespace.",
                &self.write_per_namespace,
            ),
            time(
                "learner_handler_qp_time_ms",
                "A packet waiting to be sent to a learner, by server id.",
                &self.learner_handler_qp_time_ms,
            ),
            time(
                "ack_latency",
                "A proposal, from sending to one follower's acknowledgement, by server id.",
                &self.ack_latency,
            ),
        ]
    }

    /// Forgets everything that was counted, as `srst` does. Keys stay.
    pub fn reset(&self) {
        for (_, _, counter) in self.counters() {
            counter.reset();
        }
        for summary in self.summaries() {
            summary.distribution.reset();
        }
        self.quota_exceeded_error_per_namespace.for_each(|_, counter| counter.reset());
        self.learner_handler_qp_size.for_each(|_, summary| summary.0.reset());
        self.read_per_namespace.for_each(|_, summary| summary.0.reset());
        self.write_per_namespace.for_each(|_, summary| summary.0.reset());
        self.learner_handler_qp_time_ms.for_each(|_, timing| timing.0.reset());
        self.ack_latency.for_each(|_, timing| timing.0.reset());
    }
}

fn plain(name: &'static str, help: &'static str, set: &Keyed<Summary>) -> KeyedMetric {
    let mut readings = Vec::new();
    set.for_each(|key, summary| readings.push((key.to_owned(), summary.read())));
    KeyedMetric { name, help, detail: Detail::Basic, unit: Unit::Plain, readings }
}

fn time(name: &'static str, help: &'static str, set: &Keyed<Timing>) -> KeyedMetric {
    let mut readings = Vec::new();
    set.for_each(|key, timing| readings.push((key.to_owned(), timing.read())));
    KeyedMetric { name, help, detail: Detail::Advanced, unit: Unit::Micros, readings }
}
