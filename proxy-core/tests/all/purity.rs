//! The core stays pure: what it may not depend on, and what it may not mention.

/// Each pure as well: no I/O, no clock, no threads, no randomness. `wide` has the vectors with which heads are read: the
/// standard library's are either unstable or `unsafe`.
const DEPENDENCIES: [&str; 8] = ["bytes", "httparse", "ipnet", "itoa", "memchr", "postcard", "serde", "wide"];

#[test]
fn the_core_depends_on_nothing_that_does_input_or_output() {
    let manifest = include_str!("../../Cargo.toml");
    let dependencies = manifest.split("[dependencies]").nth(1).unwrap_or_default();
    let dependencies = dependencies.split("\n[").next().unwrap_or_default();
    let names: Vec<_> = dependencies
        .lines()
        .filter_map(|line| line.split(['.', ' ', '=']).next())
        .filter(|name| !name.is_empty())
        .collect();
    assert_eq!(names, DEPENDENCIES);
}

#[test]
fn the_core_is_no_std_and_has_no_unsafe_code() {
    let root = include_str!("../../src/lib.rs");
    for attribute in ["#![no_std]", "#![forbid(unsafe_code)]"] {
        assert!(root.lines().any(|line| line == attribute), "{attribute} is gone");
    }
    assert!(!root.contains("extern crate std"), "std is back");
}
