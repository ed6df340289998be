//! A copy of the workspace in which bugs are planted, built and played: built one after the other in one target
//! directory, in which the second build takes seconds, while those built before are played.

use crate::bug::Bug;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// The copy. What was built of it stays for the next run.
#[derive(Debug)]
pub(crate) struct Workshop {
    tree: PathBuf,
    target: PathBuf,
}

/// What came of playing.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Clean,
    /// What the complaints said.
    Broken(String),
    /// It does not compile, or says nothing of laws.
    Unusable(String),
    /// It did not end.
    Hung,
}

impl Workshop {
    /// Copies the workspace anew.
    pub(crate) fn new(workspace: &Path) -> Self {
        let root = Path::new(env!("CARGO_TARGET_TMPDIR")).join("planted");
        let (tree, target) = (root.join("tree"), root.join("target"));
        if tree.exists() {
            fs::remove_dir_all(&tree).expect("the last run's copy goes");
        }
        copy(workspace, &tree);
        Self { tree, target }
    }

    /// Builds with a bug planted, and takes it out again. What it begins to play ends as soon as the bug's laws have
    /// spoken.
    pub(crate) fn begin(&mut self, bug: Option<&Bug>) -> Result<Game, Verdict> {
        let changed = bug.map(|bug| bug.apply(&self.tree).expect("a bug that fits")).unwrap_or_default();
        let original = changed.keys().map(|file| (self.tree.join(file), self.read(file))).collect::<Vec<_>>();
        for (file, text) in changed {
            fs::write(self.tree.join(file), text).expect("the bug is planted");
        }
        let built = self.build();
        for (path, text) in original {
            fs::write(path, text).expect("the bug is taken out");
        }
        built.map_err(Verdict::Unusable)?;
        Ok(self.play(bug.map_or("no-bug", |bug| bug.name.as_str()), bug.map_or(&[], |bug| &bug.laws)))
    }

    fn read(&self, file: &Path) -> String {
        fs::read_to_string(self.tree.join(file)).expect("a file of the copy")
    }

    /// Only the program that plays: nothing that it depends on is fetched or, the second time, built.
    fn build(&self) -> Result<(), String> {
        let output = Command::new(env!("CARGO"))
            .args(["build", "--locked", "--offline", "--quiet", "--package", "sim-tests", "--bin", "laws"])
            .args(["--config", "profile.dev.debug=false"])
            .args(["--config", "profile.dev.package.proxy-core.opt-level=1"])
            .args(["--config", "profile.dev.package.sim-tests.opt-level=1"])
            .arg("--target-dir")
            .arg(&self.target)
            .env("CARGO_INCREMENTAL", "1")
            .current_dir(&self.tree)
            .output()
            .expect("cargo runs");
        let errors = String::from_utf8_lossy(&output.stderr);
        if output.status.success() { Ok(()) } else { Err(errors.into_owned()) }
    }

    /// The next bug is built under the same name: what plays is a copy.
    fn play(&self, name: &str, laws: &[String]) -> Game {
        let (program, said) = (self.target.join(name), self.target.join(format!("{name}.said")));
        fs::copy(self.target.join("debug").join("laws"), &program).expect("a copy of the program");
        let child = Command::new(&program)
            .args(laws)
            .env("WEIR_SIM_SEED", SEED)
            .env("WEIR_SIM_CASES", CASES)
            .stdout(File::create(&said).expect("a file for what it says"))
            .stderr(Stdio::null())
            .spawn()
            .expect("the simulation runs");
        Game { child, program, said, began: Instant::now() }
    }
}

/// A simulation that runs.
#[derive(Debug)]
pub(crate) struct Game {
    child: Child,
    program: PathBuf,
    said: PathBuf,
    began: Instant,
}

impl Game {
    /// Waits for its end.
    pub(crate) fn verdict(mut self) -> Verdict {
        let code = self.wait();
        fs::remove_file(&self.program).expect("the copy goes");
        let Some(code) = code else { return Verdict::Hung };
        let said = fs::read_to_string(&self.said).expect("what it said");
        match code {
            Some(0) => Verdict::Clean,
            Some(1) if said.contains("laws were broken") => Verdict::Broken(said),
            _ => Verdict::Unusable(said),
        }
    }

    /// Its exit code, or `None` if it had to be ended.
    fn wait(&mut self) -> Option<Option<i32>> {
        while self.began.elapsed() < PATIENCE {
            if let Some(status) = self.child.try_wait().expect("a child of ours") {
                return Some(status.code());
            }
            sleep(Duration::from_millis(20));
        }
        self.child.kill().expect("it can be ended");
        self.child.wait().expect("it ended");
        None
    }
}

/// Copies a folder, but for what is hidden and what was built.
fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder for the copy");
    for entry in fs::read_dir(from).expect("a folder of the workspace") {
        let entry = entry.expect("an entry of a folder");
        let (path, name) = (entry.path(), entry.file_name());
        if name.to_string_lossy().starts_with('.') || name == "target" || name == "fuzz" {
            continue;
        }
        if path.is_dir() {
            copy(&path, &to.join(name));
        } else {
            fs::copy(path, to.join(name)).expect("a file is copied");
        }
    }
}

/// Which scripts are played, and how many.
const SEED: &str = "1";
const CASES: &str = "20000";

/// Far longer than these scripts take, on a busy machine too.
const PATIENCE: Duration = Duration::from_secs(180);
