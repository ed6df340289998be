//! A script that breaks a law: where it is saved, and the command that plays it again.

use crate::script::Script;
use std::io;
use std::path::Path;

/// Where scripts that were found are saved.
pub const CORPUS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/corpus");

/// What plays scripts.
pub(crate) const VOPR: &str = "cargo run --release -p sim-tests --bin vopr --";

/// Saves a script in a folder, which is made if it is missing. Returns the command that plays it again.
///
/// # Errors
/// When the file can't be written.
pub fn save(script: &Script, folder: &Path) -> io::Result<String> {
    let json = script.to_json();
    let path = folder.join(format!("found-{:016x}.json", fnv(json.as_bytes())));
    std::fs::create_dir_all(folder)?;
    std::fs::write(&path, json)?;
    Ok(format!("{VOPR} --script {}", path.display()))
}

/// The digest that names a file (FNV-1a).
fn fnv(octets: &[u8]) -> u64 {
    octets.iter().fold(0xcbf2_9ce4_8422_2325, |hash, octet| {
        (hash ^ u64::from(*octet)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}
