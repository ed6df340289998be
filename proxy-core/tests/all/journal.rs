//! The journal: what was recorded replays, what was cut off replays as far as it goes, and nothing makes it panic.

use crate::script::{SEED, Script, seconds};
use proptest::prelude::*;
use proxy_core::{
    EndpointId, Input, Instant, JournalError, JournalReader, JournalWriter, ListenerId, Permit, Record,
    replay,
};

/// A journal with a bit of everything in it.
fn recorded() -> Vec<u8> {
    let mut t = Script::with(|config| config.clusters[0].endpoints[1].max_connections = Some(1));
    let (a, b) = (t.client(), t.client());
    t.says(a, "POST / HTTP/1.1|Host: a|Content-Length: 4||ab");
    let server = t.connects("A");
    t.says(b, "GET / HTTP/1.1|Host: a||");
    t.refuses("B");
    t.says(a, "cd");
    t.says(server, "HTTP/1.1 200 OK|Content-Length: 2||hi");
    t.passes(seconds(5));
    t.wants(Permit::Endpoint(EndpointId(1)));
    t.says(a, "GET / HTTP/1.1|Host: a||");
    t.half_closes(b);
    t.drains();
    t.journal()
}

#[test]
fn what_was_recorded_replays_to_the_same_digest() {
    let journal = recorded();
    let first = replay(&journal).unwrap();
    assert!(first.inputs > 10 && first.checkpoints > 0);
    assert_eq!(replay(&journal), Ok(first));
}

#[test]
fn a_journal_that_was_cut_off_replays_as_far_as_it_goes() {
    let journal = recorded();
    let whole = replay(&journal).unwrap().inputs;
    let mut last = 0;
    for len in 0..journal.len() {
        match replay(&journal[..len]) {
            Ok(replayed) => {
                assert!(replayed.inputs >= last && replayed.inputs <= whole);
                last = replayed.inputs;
            }
            Err(error) => assert_eq!((error, last), (JournalError::NotAJournal, 0)),
        }
    }
    assert_eq!(last, whole);
}

#[test]
fn only_a_journal_that_was_ended_is_whole() {
    let mut journal = recorded();
    let replayed = replay(&journal).unwrap();
    assert!(!replayed.is_whole, "nobody ended it");
    let mut writer = JournalWriter::new(&JournalReader::new(&journal).unwrap().config, SEED);
    writer.take();
    writer.end(replayed.digest);
    let end = writer.take();
    journal.extend_from_slice(&end);
    assert!(replay(&journal).unwrap().is_whole);
    for lost in 1..=end.len() {
        assert!(!replay(&journal[..journal.len() - lost]).unwrap().is_whole, "{lost} octets are lost");
    }
}

#[test]
fn a_different_seed_diverges() {
    let journal = recorded();
    let reader = JournalReader::new(&journal).unwrap();
    let mut other = JournalWriter::new(&reader.config, SEED + 1);
    let mut now = Instant::ZERO;
    for record in reader {
        match record.unwrap() {
            Record::Input { after, input } => {
                now = now.after(after);
                other.input(now, &input);
            }
            Record::Digest(digest) => other.digest(digest),
            Record::End(digest) => other.end(digest),
        }
    }
    assert!(matches!(replay(&other.take()), Err(JournalError::Diverged { .. })));
}

#[test]
fn a_journal_of_another_version_is_told_so() {
    let mut journal = recorded();
    let behind_the_magic = &mut journal[8..11];
    behind_the_magic.copy_from_slice(&[9, 8, 7]);
    let error = replay(&journal).unwrap_err();
    let JournalError::OtherVersion(wrote) = error else { panic!("{error}") };
    assert_eq!(wrote.to_string(), "9.8.7");
    let this = env!("CARGO_PKG_VERSION");
    let text = format!("weir 9.8.7 wrote this journal, and only that version can replay it: this is {this}");
    assert_eq!(error.to_string(), text);
}

#[test]
fn an_input_that_no_driver_would_hand_in_is_survived() {
    let mut t = Script::new();
    let client = t.client();
    t.says(client, "GET / HTTP/1.1|Host: a||");
    let server = t.connects("A");
    let conn = server;
    t.stalls(server);
    for input in [
        Input::Wrote { conn, n: 1_000_000 },
        Input::Connected { conn },
        Input::Connected { conn: client },
        Input::ConnectFailed { conn: client, error: proxy_core::NetError::Other },
        Input::Accepted { conn: client, listener: ListenerId(0), peer: "127.0.0.1:1".parse().unwrap() },
        Input::Granted { permit: Permit::Endpoint(EndpointId(7)) },
        Input::Denied { permit: Permit::Endpoint(EndpointId(7)) },
        Input::Wanted { permit: Permit::Endpoint(EndpointId(7)) },
    ] {
        t.input(input);
    }
    t.says(server, "HTTP/1.1 200 OK|Content-Length: 2||hi");
    assert_eq!(t.hears(client), "HTTP/1.1 200 OK|Content-Length: 2||hi");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn garbage_is_never_a_panic(octets in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = replay(&octets);
        let _ = replay(&[b"weirjnl\x02", octets.as_slice()].concat());
    }

    #[test]
    fn a_damaged_journal_is_never_a_panic(
        damage in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let mut journal = recorded();
        for (at, octet) in damage {
            let at = at.index(journal.len());
            journal[at] = octet;
        }
        let _ = replay(&journal);
    }
}
