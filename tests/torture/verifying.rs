//! `gomera verify` beside the load: publishers and subscribers that change their minds, judged by their records. One
//! verification after the other, each over some faults.

use std::fs::{self, File};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::fleet::Fleet;

/// How long one of them publishes.
const SECONDS: u64 = 30;
/// What is missing is waited for so long: longer than everything takes to settle.
const PATIENCE_SECONDS: u64 = 30;
/// It writes, waits and judges within this.
const WITHIN: Duration = Duration::from_secs(SECONDS + 2 * PATIENCE_SECONDS + 60);
/// Lines of a story that are told.
const STORY_LINES: usize = 40;

/// One that runs.
#[derive(Debug)]
pub(crate) struct Verifying {
    process: Child,
    files: PathBuf,
    began: Instant,
}

/// What one has found.
#[derive(Debug, Default)]
pub(crate) struct Found {
    pub(crate) pairs: u64,
    pub(crate) violations: Vec<String>,
}

impl Verifying {
    /// Starts one; what it writes is in `files`.
    pub(crate) fn start(fleet: &Fleet, seed: u64, files: PathBuf) -> Self {
        fs::create_dir_all(&files).expect("a directory of its own");
        let open = |name| File::create(files.join(name)).expect("a file of its own");
        let mut command = Command::new(env!("CARGO_BIN_EXE_gomera"));
        command.env_clear().args(["verify", "--json", "--server"]);
        command
            .arg(fleet.servers().join(","))
            .arg("--ca")
            .arg(fleet.authority());
        command.arg("--admin").arg(fleet.admins().join(","));
        command.args([
            "--rate",
            "100",
            "--publishers",
            "3",
            "--subscribers",
            "6",
            "--filters",
            "60",
        ]);
        command.args(["--changes", "20", "--silence-max", "1.5"]);
        command.args([
            "--seconds",
            &SECONDS.to_string(),
            "--patience",
            &PATIENCE_SECONDS.to_string(),
        ]);
        command
            .arg("--seed")
            .arg(seed.to_string())
            .arg("--records")
            .arg(files.join("records"));
        let process = command
            .stdin(Stdio::null())
            .stdout(open("found"))
            .stderr(open("said"))
            .spawn();
        Self {
            process: process.expect("it is started"),
            files,
            began: Instant::now(),
        }
    }

    /// What it found, once it has; nothing while it runs.
    pub(crate) fn found(&mut self) -> Option<Found> {
        let status = match self.process.try_wait() {
            Ok(Some(status)) => status,
            Ok(None) if self.began.elapsed() < WITHIN => return None,
            Ok(None) | Err(_) => {
                let violations = vec![format!(
                    "gomera verify does not end: {}",
                    self.files.display()
                )];
                return Some(Found {
                    pairs: 0,
                    violations,
                });
            }
        };
        let text = fs::read_to_string(self.files.join("found")).unwrap_or_default();
        let report: Value = text
            .lines()
            .last()
            .and_then(|line| serde_json::from_str(line).ok())
            .unwrap_or_default();
        let pairs = report["pairs_checked"].as_u64().unwrap_or(0);
        let mut violations = Vec::new();
        if !status.success() {
            let said = fs::read_to_string(self.files.join("said")).unwrap_or_default();
            let told = report["violations"].as_array().into_iter().flatten();
            let told = told.filter_map(Value::as_str).flat_map(str::lines);
            let stories: Vec<_> = told.chain(said.lines()).take(STORY_LINES).collect();
            let files = self.files.display();
            violations.push(format!(
                "gomera verify, {status}: {}; records in {files}\n       {}",
                report["verdict"],
                stories.join("\n       ")
            ));
        } else {
            let _ = fs::remove_dir_all(&self.files);
        }
        Some(Found { pairs, violations })
    }

    /// Waits for the end.
    pub(crate) fn wait(mut self) -> Found {
        loop {
            if let Some(found) = self.found() {
                return found;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

impl Drop for Verifying {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
