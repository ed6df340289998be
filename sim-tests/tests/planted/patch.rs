//! A planted bug: what it is, who must see it, and how the code changes.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// One file of `planted/`.
#[derive(Debug)]
pub(crate) struct Patch {
    /// What the bug does.
    pub(crate) name: String,
    /// What complaints about it must say, each at least once.
    pub(crate) laws: Vec<String>,
    hunks: Vec<Hunk>,
}

/// Whole lines that take the place of others. Line numbers are ignored: the lines must be there exactly once, wherever.
#[derive(Debug, Default)]
struct Hunk {
    file: String,
    before: String,
    after: String,
}

impl Patch {
    /// All of them, by name.
    pub(crate) fn all() -> Vec<Self> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("planted");
        let mut paths = fs::read_dir(folder)
            .expect("the folder of planted bugs")
            .map(|entry| entry.expect("a planted bug").path())
            .filter(|path| path.extension().is_some_and(|extension| extension == "patch"))
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
        Self { name, laws, hunks: hunks(&text) }
    }

    /// The text of each file that it changes.
    ///
    /// # Errors
    /// Says which lines are not where they should be.
    pub(crate) fn apply(&self, workspace: &Path) -> Result<BTreeMap<&str, String>, String> {
        let mut files = BTreeMap::new();
        for hunk in &self.hunks {
            let original = || fs::read_to_string(workspace.join(&hunk.file)).unwrap_or_default();
            let text = files.entry(hunk.file.as_str()).or_insert_with(original);
            *text = hunk.apply(text).map_err(|times| {
                let (name, file, before) = (&self.name, &hunk.file, &hunk.before);
                format!("{name}: {file} has these lines {times} times instead of once:\n{before}")
            })?;
        }
        if files.is_empty() { Err(format!("{}: it changes nothing", self.name)) } else { Ok(files) }
    }
}

impl Hunk {
    /// Returns how often the lines are there if that is not once.
    fn apply(&self, text: &str) -> Result<String, usize> {
        let places = text
            .match_indices(&self.before)
            .map(|(at, _)| at)
            .filter(|at| *at == 0 || text[..*at].ends_with('\n'))
            .collect::<Vec<_>>();
        let [at] = places[..] else { return Err(places.len()) };
        Ok([&text[..at], &self.after, &text[at + self.before.len()..]].concat())
    }
}

fn hunks(text: &str) -> Vec<Hunk> {
    let mut hunks = Vec::<Hunk>::new();
    let mut file = "";
    for line in text.lines() {
        if let Some(path) = line.strip_prefix("+++ b/") {
            file = path;
        } else if line.starts_with("@@") {
            hunks.push(Hunk { file: file.to_owned(), ..Hunk::default() });
        } else if !line.starts_with("--- a/")
            && let Some(hunk) = hunks.last_mut()
        {
            hunk.add(line);
        }
    }
    hunks
}

impl Hunk {
    fn add(&mut self, line: &str) {
        // Editors strip the space of an empty line that both texts have.
        let (mark, rest) = line.split_at_checked(1).unwrap_or((" ", ""));
        if mark != "+" {
            self.before.extend([rest, "\n"]);
        }
        if mark != "-" {
            self.after.extend([rest, "\n"]);
        }
    }
}
