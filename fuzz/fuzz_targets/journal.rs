//! Journals: whatever the octets, reading and replaying them neither panics nor takes more memory than they
//! deserve; and a journal that is written reads back.
#![no_main]

use libfuzzer_sys::fuzz_target;
use proxy_core::{Instant, JournalReader, JournalWriter, Record, replay};
use weir_fuzz::alloc_count::{Counting, peak_of};
use weir_fuzz::split::Random;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// A claimed length makes serde reserve at most 1 MiB for a list before its elements are seen; a few lists
/// lie in one another.
const RESERVED_MAX: usize = 8 * 1024 * 1024;

/// What one octet of journal may buy: an accepted connection costs some ten of them and about 1 KiB of state.
const PER_OCTET_MAX: usize = 1024;

fuzz_target!(|octets: &[u8]| {
    if octets.starts_with(b"weirjnl") {
        return endures(octets);
    }
    // Anything else is a script, whose journal is whole at first and then damaged here and there. Whether the laws hold
    // in it is another target's to say.
    let Ok(played) = sim_tests::run(&weir_fuzz::script(octets)) else { return };
    let journal = played.journal;
    let mut random = Random::of(octets);
    for damages in 0..4 {
        let mut journal = journal.clone();
        for _ in 0..damages {
            let at = random.below(journal.len());
            journal[at] = u8::try_from(random.below(256)).unwrap_or_default();
        }
        endures(&journal);
    }
});

fn endures(journal: &[u8]) {
    let mut outcome = None;
    let peak = peak_of(|| outcome = Some(replay(journal)));
    assert!(
        peak <= RESERVED_MAX + PER_OCTET_MAX * journal.len(),
        "{peak} octets for {} of journal",
        journal.len()
    );
    assert_eq!(outcome, Some(replay(journal)), "a second replay differs");
    reads_back(journal);
}

/// Writes what was read, and reads that.
fn reads_back(journal: &[u8]) {
    let Ok(reader) = JournalReader::new(journal) else { return };
    let mut writer = JournalWriter::new(&reader.config, reader.seed);
    let mut now = Instant::ZERO;
    let mut records = Vec::new();
    for record in reader.clone().map_while(Result::ok) {
        match &record {
            Record::Input { after, input } => {
                // Time stops at its end: what would come later is not representable in a journal.
                if now.after(*after).since(now) != *after {
                    break;
                }
                now = now.after(*after);
                writer.input(now, input);
            }
            Record::Digest(digest) => writer.digest(*digest),
            Record::End(digest) => writer.end(*digest),
        }
        records.push(record);
    }
    let written = writer.take();
    let again = JournalReader::new(&written).expect("a written journal has a header");
    assert_eq!((&again.config, again.seed), (&reader.config, reader.seed));
    assert_eq!(again.collect::<Result<Vec<_>, _>>().as_ref(), Ok(&records));
    survives_being_cut(&written, &records);
}

/// Whoever was killed in the middle of a record leaves all records before it.
fn survives_being_cut(written: &[u8], records: &[Record]) {
    let left = |len: usize| Some(JournalReader::new(&written[..len]).ok()?.map_while(Result::ok).collect());
    let mut random = Random::of(written);
    for _ in 0..3 {
        let found: Vec<_> = left(random.below(written.len())).unwrap_or_default();
        assert!(records.starts_with(&found), "a cut journal says {found:?}");
    }
    if let Some((_, all_but_last)) = records.split_last() {
        assert_eq!(left(written.len() - 1).as_deref(), Some(all_but_last));
    }
}
