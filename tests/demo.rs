//! The demonstration from end to end, small: as a user starts it, and what it leaves behind.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output};

use serde_json::Value;

/// Runs a demonstration of two seconds in a directory of its own.
fn demo(name: &str, arguments: &[&str]) -> (Output, PathBuf) {
    let directory = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::create_dir_all(&directory).expect("tests may write to their directory");
    let output = Command::new(env!("CARGO_BIN_EXE_gomera"))
        .args(["demo", "--seconds", "2", "--rate", "400"])
        .args([
            "--publishers",
            "2",
            "--subscribers",
            "6",
            "--filters",
            "900",
        ])
        .args(arguments)
        .env("TMPDIR", &directory)
        .current_dir(&directory)
        .output()
        .expect("the program is built for its tests");
    (output, directory)
}

#[test]
fn it_scales_out_and_in_and_loses_nothing() {
    let (output, directory) = demo("demo-json", &["--json", "--check", "all"]);
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(0), "{error}");
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let number = |path: &str| report.pointer(path).and_then(Value::as_u64);
    assert_eq!(number("/notifications"), Some(800));
    assert!(number("/deliveries") > Some(100), "{report}");
    assert_eq!(number("/checker/checked"), Some(800 * 900));
    for fault in ["lost", "doubled", "false", "out_of_order"] {
        assert_eq!(number(&format!("/checker/{fault}")), Some(0), "{report}");
    }
    assert_eq!(number("/operations/0/layers/matchers/to"), Some(3));
    assert_eq!(number("/operations/1/layers/matchers/to"), Some(1));
    assert!(
        number("/operations/0/slots_moved") > Some(2_000),
        "{report}"
    );

    let left: Vec<String> = fs::read_dir(&directory)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    assert_eq!(
        left,
        ["gomera-demo.html"],
        "certificates are removed, the page stays"
    );
    let page = fs::read_to_string(directory.join("gomera-demo.html")).unwrap();
    assert!(page.contains("matchers 1 → 3"));
}

#[test]
fn its_report_is_for_people_unless_asked_otherwise() {
    let (output, _) = demo("demo-text", &["--html", "page.html"]);
    let text = String::from_utf8(output.stdout).unwrap();
    for part in [
        "notifications",
        "latency",
        "scaled",
        "gap",
        "checker",
        "page.html",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let progress = String::from_utf8(output.stderr).unwrap();
    assert!(progress.contains("matchers"), "{progress}");
}
