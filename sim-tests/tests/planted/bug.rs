//! A planted bug: what it is, who must see it, and how the code changes.
//!
//! ```text
//! Keep-Alive of a client reaches the upstream.
//! Law: does not begin with
//!
//! In: proxy-core/src/forward/request.rs, fn fate
//! Name::KeepAlive => false,
//! Instead:
//! Name::KeepAlive => true,
//! ```
//!
//! Its anchor is the snippet in its function. Spaces, comments and line breaks make no difference, and the function may
//! move to any other file of the crate.

use crate::code::{Code, Likeness};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};

/// One file of `planted/`.
#[derive(Debug)]
pub(crate) struct Bug {
    /// What the bug does.
    pub(crate) name: String,
    /// What complaints about it must say, each at least once.
    pub(crate) laws: Vec<String>,
    changes: Vec<Change>,
}

/// A snippet that takes the place of another.
#[derive(Debug, Default, PartialEq, Eq)]
struct Change {
    /// Where it is looked for first.
    file: String,
    /// Such as `fn fate`.
    item: String,
    before: String,
    after: String,
}

impl Bug {
    /// All of them, by name.
    pub(crate) fn all() -> Vec<Self> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("planted");
        let mut paths = fs::read_dir(folder)
            .expect("the folder of planted bugs")
            .map(|entry| entry.expect("a planted bug").path())
            .filter(|path| path.extension().is_some_and(|extension| extension == "bug"))
            .collect::<Vec<_>>();
        paths.sort();
        paths.iter().map(|path| Self::read(path)).collect()
    }

    fn read(path: &Path) -> Self {
        let text = fs::read_to_string(path).expect("a planted bug");
        let name = path.file_stem().expect("a name").to_string_lossy().into_owned();
        let laws =
            text.lines().filter_map(|line| line.strip_prefix("Law: ")).map(str::to_owned).collect::<Vec<_>>();
        assert!(!laws.is_empty(), "{name} names no law");
        let changes = changes(&text);
        assert!(!changes.is_empty(), "{name} changes nothing");
        Self { name, laws, changes }
    }

    /// The text of each file that it changes.
    ///
    /// # Errors
    /// Says which anchor is gone, and what looks like it.
    pub(crate) fn apply(&self, workspace: &Path) -> Result<BTreeMap<PathBuf, String>, String> {
        let mut files = BTreeMap::new();
        for change in &self.changes {
            let (file, text) =
                change.apply(workspace, &files).map_err(|why| format!("{}: {why}", self.name))?;
            files.insert(file, text);
        }
        Ok(files)
    }
}

impl Change {
    /// The file that it changes, and what is in it then. Bugs of several changes hand in what those before have made.
    fn apply(
        &self,
        workspace: &Path,
        changed: &BTreeMap<PathBuf, String>,
    ) -> Result<(PathBuf, String), String> {
        let text_of = |path: &Path| {
            changed
                .get(path)
                .cloned()
                .unwrap_or_else(|| fs::read_to_string(workspace.join(path)).unwrap_or_default())
        };
        let said = PathBuf::from(&self.file);
        let text = text_of(&said);
        let places = self.places(&text);
        if let [place] = &places[..] {
            return Ok((said, self.replaced(&text, place)));
        }
        let siblings =
            sources(workspace, &self.file).into_iter().map(|path| (text_of(&path), path)).collect::<Vec<_>>();
        let moved = siblings.iter().flat_map(|(text, path)| {
            self.places(text).into_iter().map(move |place| (path.clone(), self.replaced(text, &place)))
        });
        let mut moved = moved.collect::<Vec<_>>();
        match moved.pop() {
            Some(found) if moved.is_empty() => Ok(found),
            _ if places.is_empty() => Err(self.gone(&siblings)),
            _ => Err(format!("its anchor is there {} times: {} in {}", places.len(), self.item, self.file)),
        }
    }

    fn places(&self, text: &str) -> Vec<Range<usize>> {
        Code::new(text).places(&self.item, &Code::new(&self.before))
    }

    fn replaced(&self, text: &str, place: &Range<usize>) -> String {
        [&text[..place.start], self.after.trim(), &text[place.end..]].concat()
    }

    /// What to say when no source has the snippet in that function.
    fn gone(&self, sources: &[(String, PathBuf)]) -> String {
        let snippet = Code::new(&self.before);
        let near = sources.iter().filter_map(|(text, path)| Some((Code::new(text).nearest(&snippet)?, path)));
        let mut said = format!("its anchor is gone: {} of {} with\n{}", self.item, self.file, self.before);
        if let Some((Likeness { percent, line, text }, path)) = near.max_by_key(|(near, _)| near.percent) {
            let _ = write!(said, "Nearest ({percent} % alike), {}:{line}:\n{text}\n", path.display());
        }
        said
    }
}

/// Every source of the same crate that is no test.
fn sources(workspace: &Path, file: &str) -> Vec<PathBuf> {
    fn add(workspace: &Path, folder: &Path, sources: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(workspace.join(folder)).into_iter().flatten().flatten() {
            let path = folder.join(entry.file_name());
            let name = entry.file_name().to_string_lossy().into_owned();
            if entry.path().is_dir() && name != "tests" {
                add(workspace, &path, sources);
            } else if name != "tests.rs" && path.extension().is_some_and(|extension| extension == "rs") {
                sources.push(path);
            }
        }
    }
    let root = file.find("/src/").map_or("", |at| &file[..at + "/src".len()]);
    let mut sources = Vec::new();
    add(workspace, Path::new(root), &mut sources);
    sources.sort();
    sources
}

fn changes(text: &str) -> Vec<Change> {
    let mut changes = Vec::<Change>::new();
    let mut is_after = false;
    for line in text.lines() {
        if let Some(anchor) = line.strip_prefix("In: ") {
            let (file, item) = anchor.split_once(", ").expect("a file and an item of it");
            changes.push(Change { file: file.to_owned(), item: item.to_owned(), ..Change::default() });
            is_after = false;
        } else if line == "Instead:" {
            is_after = true;
        } else if let Some(change) = changes.last_mut() {
            let snippet = if is_after { &mut change.after } else { &mut change.before };
            snippet.extend([line, "\n"]);
        }
    }
    changes
}

#[test]
fn an_anchor_that_is_gone_is_told_with_what_is_nearest() {
    let change = |item: &str, before: &str| Change {
        file: "proxy-core/src/time.rs".to_owned(),
        item: item.to_owned(),
        before: before.to_owned(),
        after: String::new(),
    };
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let said = change("fn nanos_since", "self.0.get().saturating_minus(earlier.0.get())")
        .apply(&workspace, &BTreeMap::new())
        .unwrap_err();
    assert!(said.contains("its anchor is gone: fn nanos_since of proxy-core/src/time.rs"), "{said}");
    assert!(said.contains("self.0.get().saturating_sub(earlier.0.get())"), "{said}");
}

#[test]
fn a_function_may_move_to_another_file() {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut bug = Bug::all().into_iter().next().expect("a bug");
    let there = bug.apply(&workspace).expect("it fits");
    for change in &mut bug.changes {
        change.file = "proxy-core/src/elsewhere.rs".to_owned();
    }
    assert_eq!(bug.apply(&workspace), Ok(there));
}
