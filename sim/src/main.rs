//! Runs seeds, tells one, or proves that mutants are caught.

mod command;
mod many;

use std::io::Write as _;
use std::process::{Command, ExitCode, Stdio};
use std::thread::available_parallelism;

use gomera_sim::{Chapter, MUTANTS, Mutant, Reach, Verdict, run, tell};

use command::{How, Task, USAGE, parse};
use many::Broken;

/// A promise was broken, or a mutant was not caught.
const BROKEN: u8 = 3;
const WRONG_USAGE: u8 = 2;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match parse(&arguments) {
        Ok(Task::Help) => {
            say(USAGE);
            ExitCode::SUCCESS
        }
        Ok(Task::Seeds { from, count, how }) => seeds(from, count, how),
        Ok(Task::Count { from, count, how }) => every(from, count, how),
        Ok(Task::Tell { seed, how }) => told(seed, how),
        Ok(Task::Mutants) => mutants(),
        Err(fault) => {
            eprintln!("{fault}\n\n{USAGE}");
            ExitCode::from(WRONG_USAGE)
        }
    }
}

/// Runs seeds on all cores until one breaks a promise.
fn seeds(from: u64, count: u64, how: How) -> ExitCode {
    let threads = how
        .threads
        .map(|threads| usize::try_from(threads).unwrap_or(1));
    let cores = || available_parallelism().map_or(1, usize::from);
    let threads = threads.unwrap_or_else(cores).max(1);
    match many::run_all((from, count), &how.options(), threads, say) {
        Ok(total) => {
            say(&format!(
                "{count} seeds from {from}: no promise broken\n{total}"
            ));
            if total.void == count {
                say("void: nothing was in flight at any commit, so this proves nothing");
            }
            ExitCode::SUCCESS
        }
        Err(failure) => {
            match failure.how {
                Broken::Promise(verdict) => print_breaches(&verdict, how),
                Broken::Panic(panic) => {
                    let repeat = repeat(failure.seed, how);
                    say(&format!(
                        "seed {}: failed: {panic}\nto see it again: {repeat}",
                        failure.seed
                    ));
                }
            }
            ExitCode::from(BROKEN)
        }
    }
}

/// Runs all seeds, and names those that break a promise.
fn every(from: u64, count: u64, how: How) -> ExitCode {
    let options = how.options();
    let mut total = Reach::default();
    let mut broken = 0_u64;
    std::panic::set_hook(Box::new(|panic| say(&format!("{panic}"))));
    for seed in from..from.saturating_add(count) {
        let verdict = run(seed, &options);
        total += &verdict.reach;
        if let Some(first) = verdict.breaches.first() {
            broken += 1;
            say(&format!("seed {seed}: {first}"));
        }
    }
    say(&format!(
        "{broken} of {count} seeds from {from} broke a promise\n{total}"
    ));
    if broken == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(BROKEN)
    }
}

/// Tells a seed in words.
fn told(seed: u64, how: How) -> ExitCode {
    say_the_seed_on_panic(seed, how);
    let outcome = tell(seed, &how.options());
    let lines = outcome.story.lines();
    if !outcome.breaches.is_empty() {
        for line in lines {
            say(&format!("{line}"));
        }
        for breach in &outcome.breaches {
            say(&format!("\nbroken: {breach}"));
        }
        return ExitCode::from(BROKEN);
    }
    let chapter = |chapter, title: &str| {
        say(&format!("\n{title}\n"));
        for line in lines.iter().filter(|line| line.chapter == chapter) {
            say(&format!("{line}"));
        }
    };
    chapter(Chapter::Notification, "A NOTIFICATION'S WAY");
    chapter(
        Chapter::Operation,
        "AN OPERATION: ANOTHER NUMBER OF MATCHERS, UNDER LOAD",
    );
    say(&format!("\nWHAT THE RUN REACHED\n\n{}", outcome.reach));
    if outcome.reach.void > 0 {
        say("void: nothing was in flight at any commit, so this proves nothing");
    }
    say(&format!("seed {seed}: no promise broken"));
    ExitCode::SUCCESS
}

/// Proves that each mutant is caught; each in a process of its own, since an operator may stop at its own assertion.
fn mutants() -> ExitCode {
    let mut all_caught = true;
    for mutant in MUTANTS {
        let caught = catch(mutant);
        let verdict = match &caught {
            Some(how) => format!("caught: {how}"),
            None => "NOT CAUGHT".to_owned(),
        };
        say(&format!(
            "{:<24} within {:>5} seeds  {verdict}",
            mutant.name, mutant.seeds_max
        ));
        all_caught &= caught.is_some();
    }
    if all_caught {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(BROKEN)
    }
}

fn catch(mutant: &Mutant) -> Option<String> {
    let program = std::env::current_exe().ok()?;
    let output = Command::new(program)
        .args(["--mutant", mutant.name, "--seeds"])
        .arg(mutant.seeds_max.to_string())
        .stderr(Stdio::null())
        .output()
        .ok()?;
    let text = String::from_utf8_lossy(&output.stdout);
    let is_caught = output.status.code() == Some(i32::from(BROKEN));
    is_caught.then(|| {
        let told = text.lines().find(|line| line.starts_with("seed"));
        told.unwrap_or_default().to_owned()
    })
}

fn print_breaches(verdict: &Verdict, how: How) {
    let first = &verdict.breaches[0];
    say(&format!("seed {}: {first}", verdict.seed));
    for breach in &verdict.breaches[1..] {
        say(&format!("and {breach}"));
    }
    say(&format!("to see it again: {}", repeat(verdict.seed, how)));
}

fn repeat(seed: u64, how: How) -> String {
    let arguments = how.arguments();
    format!("cargo run --release -p gomera-sim -- --seed {seed} --trace{arguments}")
}

/// Where a panic ends the process, the seed that led to it must still be told.
fn say_the_seed_on_panic(seed: u64, how: How) {
    std::panic::set_hook(Box::new(move |panic| {
        let repeat = repeat(seed, how);
        say(&format!(
            "seed {seed}: failed: {panic}\nto see it again: {repeat}"
        ));
        std::process::exit(i32::from(BROKEN));
    }));
}

/// Prints a line. Who closes the pipe has read enough: the command ends.
fn say(line: &str) {
    if writeln!(std::io::stdout(), "{line}").is_err() {
        std::process::exit(0);
    }
}
