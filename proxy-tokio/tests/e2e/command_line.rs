//! The command as a user types it: flags, files, exit codes, the demo, the log.

use crate::harness::origin::Origin;
use crate::harness::programs::{curl, requires};
use crate::harness::weir::{Weir, weir};
use std::fs;

#[test]
fn a_flag_that_does_not_exist_is_exit_2() {
    let output = weir(&["--no-such-flag"]);
    assert_eq!(output.code, Some(2), "{output:?}");
    assert!(output.stderr.contains("--no-such-flag"), "{}", output.stderr);
}
