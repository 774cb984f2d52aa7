//! Model checking: the operators and the coordinator themselves, in small clusters, in every order in which things can
//! happen, instead of in those that chance chooses.
//!
//! `cargo run --release -p gomera-sim --example model_checking -- --help`

mod checked;
mod clients;
mod coordination;
mod shape;
#[cfg(test)]
mod tests;
mod trace;
mod world;

use std::io::{self, Write};
use std::process::ExitCode;
use std::time::Duration;

use gomera_operators::{Rule, Rules};

use checked::{Checked, Finding};
use shape::{Publications, Shape};

const USAGE: &str = "\
model_checking: small clusters, every order of events

  [SHAPE]            shapes whose name begins so; all unless told otherwise
  --notifications N  beside the session's request: 0, 1 or 2 (2 unless told otherwise)
  --together         both from one publisher, instead of from two through two access points
  --depth N          no further than so many events from the beginning
  --seconds N        give up a shape after so long (300 unless told otherwise)
  --mutant RULE      one rule of the protocol is taken away

Exit codes: 0 all is well, 2 wrong usage, 3 there is a counterexample.";

/// What is asked for.
#[derive(Debug)]
struct Wanted {
    name: String,
    notifications: usize,
    publications: Publications,
    depth: Option<usize>,
    patience: Duration,
    rules: Rules,
}

fn main() -> io::Result<ExitCode> {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let mut out = io::stdout();
    let wanted = match parse(&arguments) {
        Ok(Some(wanted)) => wanted,
        Ok(None) => {
            writeln!(out, "{USAGE}")?;
            return Ok(ExitCode::SUCCESS);
        }
        Err(fault) => {
            writeln!(io::stderr(), "error: {fault}\n\n{USAGE}")?;
            return Ok(ExitCode::from(2));
        }
    };
    let mut is_well = true;
    writeln!(
        out,
        "{:<34} {:>11} {:>11} {:>9} {:>5} {:>8}",
        "shape", "states", "different", "ends", "depth", "seconds"
    )?;
    for (name, shape) in Shape::all().filter(|(name, _)| name.starts_with(&wanted.name)) {
        let shape = Shape {
            notifications: wanted.notifications,
            publications: wanted.publications,
            rules: wanted.rules,
            ..shape
        };
        let finding = Checked::new(shape).walk(wanted.depth, wanted.patience);
        tell(&mut out, &name, &finding)?;
        is_well &= finding.counterexample.is_none();
    }
    Ok(if is_well {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(3)
    })
}

fn tell(out: &mut impl Write, name: &str, finding: &Finding) -> io::Result<()> {
    let Finding {
        states,
        unique,
        ends,
        depth,
        ..
    } = finding;
    let word = match (&finding.counterexample, finding.is_exhaustive) {
        (Some(_), _) => "COUNTEREXAMPLE",
        (None, true) => "exhaustive",
        (None, false) => "not exhaustive",
    };
    let seconds = finding.took.as_secs_f64();
    writeln!(
        out,
        "{name:<34} {states:>11} {unique:>11} {ends:>9} {depth:>5} {seconds:>8.1} {word}"
    )?;
    match &finding.counterexample {
        Some(story) => writeln!(out, "{story}"),
        None => Ok(()),
    }
}

fn parse(arguments: &[String]) -> Result<Option<Wanted>, String> {
    let mut wanted = Wanted {
        name: String::new(),
        notifications: 2,
        publications: Publications::Apart,
        depth: None,
        patience: Duration::from_secs(300),
        rules: Rules::default(),
    };
    let mut words = arguments.iter().map(String::as_str);
    while let Some(word) = words.next() {
        match word {
            "--notifications" => wanted.notifications = number(word, words.next())?,
            "--together" => wanted.publications = Publications::Together,
            "--depth" => wanted.depth = Some(number(word, words.next())?),
            "--seconds" => wanted.patience = Duration::from_secs(number(word, words.next())?),
            "--mutant" => wanted.rules = Rules::without(rule(words.next())?),
            "--help" | "-h" => return Ok(None),
            option if option.starts_with('-') => {
                return Err(format!("there is no option {option}"));
            }
            name => name.clone_into(&mut wanted.name),
        }
    }
    if !Shape::all().any(|(name, _)| name.starts_with(&wanted.name)) {
        let names: Vec<_> = Shape::all().map(|(name, _)| name).collect();
        return Err(format!(
            "there is no such shape; there are {}",
            names.join(", ")
        ));
    }
    Ok(Some(wanted))
}

fn number<N: std::str::FromStr>(option: &str, value: Option<&str>) -> Result<N, String> {
    let value = value.and_then(|value| value.parse().ok());
    value.ok_or(format!("{option} needs a number"))
}

fn rule(name: Option<&str>) -> Result<Rule, String> {
    let name = name.ok_or("--mutant needs a rule")?;
    let mut all = Rule::ALL.into_iter();
    all.find(|rule| format!("{rule:?}") == name)
        .ok_or_else(|| format!("there is no rule {name}; there are {:?}", Rule::ALL))
}
