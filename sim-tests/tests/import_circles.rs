//! No file imports, by whatever detour, one that imports it: each can be read, and moved, with what it stands on alone.
//!
//! A file and those in the folder of its name are one thing to this: a module may use its parent's types, and the parent
//! its own parts.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

#[test]
fn no_file_imports_itself_by_a_detour() {
    for name in CRATES {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(name).join("src");
        let circles = circles(&imports(&modules(&source)));
        assert!(circles.is_empty(), "circles of imports in {name}: {circles:#?}");
    }
}

#[test]
fn a_planted_circle_is_seen() {
    let circle_of = |files: &[(&str, &str)]| {
        let modules = files.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect();
        circles(&imports(&modules)).into_keys().collect::<Vec<_>>()
    };
    let (a, b, c) =
        ("use crate::b::{self, B};", "fn b() { crate::c::d::call() }", "use crate::{\n  a::A,\n};");
    assert_eq!(
        circle_of(&[("a", a), ("b", b), ("c", ""), ("c::d", "use super::super::a;")]),
        ["a", "b", "c::d"]
    );
    assert_eq!(circle_of(&[("a", a), ("b", b), ("c", c)]), ["a", "b", "c"]);
    assert_eq!(circle_of(&[("a", a), ("b", b), ("c", "// crate::a\nuse crate::d;")]), [""; 0]);
    assert_eq!(
        circle_of(&[("a", "mod b; use b::B; use crate::c;"), ("a::b", "use super::A;"), ("c", "")]),
        [""; 0]
    );
    assert_eq!(
        circle_of(&[("a", "#[cfg(test)]\nmod tests { use crate::b; }"), ("b", "use crate::a;")]),
        [""; 0]
    );
}

/// The modules of a crate by their paths, with their texts. Those of tests may import what they like.
fn modules(source: &Path) -> BTreeMap<String, String> {
    fn add(folder: &Path, path: &str, modules: &mut BTreeMap<String, String>) {
        for entry in fs::read_dir(folder).expect("a folder of sources") {
            let entry = entry.expect("an entry of it").path();
            let stem = entry.file_stem().expect("a name").to_string_lossy().into_owned();
            let is_root = path.is_empty() && matches!(stem.as_str(), "lib" | "main" | "bin");
            let name = if path.is_empty() { stem.clone() } else { format!("{path}::{stem}") };
            match entry.is_dir() {
                _ if stem == "tests" || is_root => {}
                true => add(&entry, &name, modules),
                false => {
                    modules.insert(name, fs::read_to_string(&entry).expect("a source"));
                }
            }
        }
    }
    let mut modules = BTreeMap::new();
    add(source, "", &mut modules);
    modules
}

type Imports = BTreeMap<String, BTreeSet<String>>;

/// Which modules each imports, or names in its code.
fn imports(modules: &BTreeMap<String, String>) -> Imports {
    let imported = |(module, text): (&String, &String)| {
        let is_other = |other: &String| !is_within(other, module) && !is_within(module, other);
        let named =
            named(module, text).into_iter().filter_map(|path| nearest(modules, &path)).filter(is_other);
        (module.clone(), named.collect())
    };
    modules.iter().map(imported).collect()
}

fn is_within(module: &str, other: &str) -> bool {
    module.strip_prefix(other).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

/// The module in which a path ends, or that has what it names.
fn nearest(modules: &BTreeMap<String, String>, path: &[String]) -> Option<String> {
    (1..=path.len()).rev().map(|length| path[..length].join("::")).find(|name| modules.contains_key(name))
}

/// All paths in a text that begin in its own crate, from the root on.
fn named(module: &str, text: &str) -> Vec<Vec<String>> {
    let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    let text =
        text.lines().map(|line| line.split("//").next().unwrap_or_default()).collect::<Vec<_>>().join("\n");
    let mut words = words(&text).into_iter().peekable();
    let mut paths = Vec::new();
    let mut module = module.split("::").map(str::to_owned).collect::<Vec<_>>();
    module.insert(0, "crate".to_owned());
    while let Some(word) = words.next() {
        let from = match word.as_str() {
            "crate" => &module[..1],
            "super" => &module[..module.len() - 1],
            "self" => &module[..],
            _ => continue,
        };
        follow(from.to_vec(), &mut words, &mut paths);
    }
    paths.into_iter().map(|path| path[1..].to_vec()).collect()
}

/// Reads on behind the beginning of a path, which may branch in braces.
fn follow(
    mut path: Vec<String>,
    words: &mut std::iter::Peekable<std::vec::IntoIter<String>>,
    paths: &mut Vec<Vec<String>>,
) {
    while words.next_if_eq("::").is_some() {
        match words.next().as_deref() {
            Some("super") if path.len() > 1 => drop(path.pop()),
            Some("{") => {
                while let Some(word) = words.next().filter(|word| word != "}") {
                    if word != "," {
                        let mut branch = path.clone();
                        branch.extend(Some(word).filter(|word| word != "self"));
                        follow(branch, words, paths);
                    }
                }
                return;
            }
            Some(word) => path.push(word.to_owned()),
            None => {}
        }
    }
    paths.push(path);
}

/// Names, `::`, and single signs.
fn words(text: &str) -> Vec<String> {
    let is_name = |letter: char| letter.is_alphanumeric() || letter == '_';
    let mut words = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let length = match first {
            ':' if rest.starts_with("::") => 2,
            _ if is_name(first) => rest.find(|letter| !is_name(letter)).unwrap_or(rest.len()),
            _ => first.len_utf8(),
        };
        let (word, behind) = rest.split_at(length);
        words.extend(Some(word.to_owned()).filter(|word| !word.trim().is_empty()));
        rest = behind;
    }
    words
}

/// The modules that come back to themselves, each with the imports by which it may.
fn circles(imports: &Imports) -> Imports {
    let comes_back = |module: &String| reached_from(module, imports).contains(module);
    let circular = imports.keys().filter(|module| comes_back(module)).cloned().collect::<BTreeSet<_>>();
    let by = |module: &String| imports[module].intersection(&circular).cloned().collect();
    circular.iter().map(|module| (module.clone(), by(module))).collect()
}

fn reached_from(module: &str, imports: &Imports) -> BTreeSet<String> {
    let mut reached = BTreeSet::new();
    let mut next = vec![module];
    while let Some(module) = next.pop() {
        let new = imports.get(module).into_iter().flatten().filter(|other| reached.insert((*other).clone()));
        next.extend(new.map(String::as_str));
    }
    reached
}

/// The crates that are looked at.
const CRATES: [&str; 3] = ["proxy-core", "proxy-tokio", "sim-tests"];
