//! Scripts that the simulation once found, each named after what must not come back.

use sim_tests::{Script, verify};

#[track_caller]
fn holds(script: &str) {
    let script: Script = serde_json::from_str(script).expect("a script");
    if let Err(violation) = verify(&script) {
        panic!("{violation}");
    }
}

#[test]
fn a_reply_of_ours_keeps_a_1_0_connection_only_if_it_says_so() {
    holds(include_str!("../corpus/pipelined_1_0_reply.json"));
}

#[test]
fn an_answer_survives_that_its_client_still_sends_when_we_close() {
    holds(include_str!("../corpus/close_while_the_client_sends.json"));
}

#[test]
fn an_empty_line_before_a_request_may_come_in_two_reads() {
    holds(include_str!("../corpus/empty_line_in_two_reads.json"));
}

#[test]
fn octets_above_ascii_go_on_in_a_head() {
    holds(include_str!("../corpus/octets_above_ascii_in_a_reason.json"));
}

#[test]
fn a_head_that_outlasts_total_is_its_clients_fault_alone() {
    holds(include_str!("../corpus/head_slower_than_total.json"));
}

#[test]
fn fin_behind_pipelined_requests_takes_none_of_them_back() {
    holds(include_str!("../corpus/fin_behind_pipelined_refusals.json"));
}

#[test]
fn a_permit_for_an_endpoint_that_failed_is_not_kept_from_other_workers() {
    holds(include_str!("../corpus/permit_of_an_endpoint_that_failed.json"));
}

#[test]
fn each_worker_that_waits_for_a_permit_gets_one() {
    holds(include_str!("../corpus/two_rivals_for_one_permit.json"));
}

#[test]
fn a_request_taken_back_from_a_stale_connection_waits_for_a_fresh_one() {
    holds(include_str!("../corpus/stale_request_that_queued.json"));
}

#[test]
fn an_answer_later_than_read_allows_is_no_plain_one() {
    holds(
        r#"{"answers":[{"delay":16000}],"clients":[{}],"faults":["SlowOrigins","Timeouts"],"timeouts":{"head":120}}"#,
    );
}

#[test]
fn a_fin_that_a_batch_puts_off_at_the_order_to_drain_is_in_time() {
    holds(r#"{"batches":true,"clients":[{"leave":"Stays"}],"drain_at":100,"faults":["Drain"]}"#);
}

#[test]
fn what_was_held_of_a_request_goes_when_the_request_is_over() {
    holds(
        r#"{"clients":[{}],"connects":["Blackhole"],"faults":["Connects"],
            "requests":[{"body":{"Length":2048},"expects":true}]}"#,
    );
}
