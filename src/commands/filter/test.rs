//! `gomera filter test`: cases in, verdicts out, by the same parser and index that the broker uses.

use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};

use clap::Args;
use gomera_filter::{Dialect, Filter};
use gomera_model::flatten::flatten;
use gomera_model::{Attributes, Body, Content};
use serde::Serialize;

use super::case::{Case, CaseError, Expect};
use super::engine::{Engine, EngineName};
use crate::commands::{Common, Console, Exit};

/// What `filter test` takes.
#[derive(Clone, Debug, Args)]
pub(super) struct Arguments {
    /// The cases, one JSON object a line; `-` for standard input.
    #[arg(value_name = "CASES.jsonl", default_value = "-")]
    cases: PathBuf,
    /// Who decides.
    #[arg(long, value_enum, default_value_t = EngineName::Index)]
    engine: EngineName,
    /// Compare with what the cases expect, print those that fail, and exit with 3 if there are any.
    #[arg(long)]
    expect: bool,
    #[command(flatten)]
    common: Common,
}

/// Runs the cases.
pub(super) fn run(arguments: &Arguments, console: &mut Console) -> Exit {
    arguments.common.start_log();
    let reader = match open(&arguments.cases) {
        Ok(reader) => reader,
        Err(error) => {
            return console.fail(&format!(
                "cannot open {}: {error}",
                arguments.cases.display()
            ));
        }
    };
    let mut runner = Runner {
        engine: Engine::new(arguments.engine),
        expect: arguments.expect,
        run: 0,
        failed: 0,
        broken: 0,
    };
    for (index, line) in reader.lines().enumerate() {
        match line {
            Ok(line) if line.trim().is_empty() => {}
            Ok(line) => runner.line(index + 1, &line, console),
            Err(error) => return console.fail(&format!("line {}: {error}", index + 1)),
        }
    }
    runner.close(console)
}

fn open(path: &Path) -> io::Result<Box<dyn BufRead>> {
    if path == Path::new("-") {
        return Ok(Box::new(io::stdin().lock()));
    }
    Ok(Box::new(BufReader::new(File::open(path)?)))
}

/// The answer to a case.
#[derive(Debug, PartialEq, Serialize)]
struct Answer<'a> {
    suite: &'a serde_json::Value,
    id: &'a serde_json::Value,
    accepted: bool,
    delivered: bool,
    delivered_negated: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expect: Option<&'static str>,
}

#[derive(Debug)]
struct Runner {
    engine: Engine,
    expect: bool,
    run: u64,
    failed: u64,
    broken: u64,
}

impl Runner {
    fn line(&mut self, number: usize, line: &str, console: &mut Console) {
        let case: Case = match serde_json::from_str(line) {
            Ok(case) => case,
            Err(error) => {
                self.broken += 1;
                console.error(&format!("line {number}: {error}"));
                return;
            }
        };
        self.run += 1;
        let mut answer = self.answer(&case);
        let is_as_expected = case.expect.is_none_or(|expect| holds(expect, &answer));
        if !self.expect {
            console.json(&answer);
        } else if !is_as_expected {
            self.failed += 1;
            answer.expect = case.expect.map(Expect::name);
            console.json(&answer);
        }
    }

    fn answer<'a>(&mut self, case: &'a Case) -> Answer<'a> {
        let mut answer = Answer {
            suite: &case.suite,
            id: &case.id,
            accepted: false,
            delivered: false,
            delivered_negated: None,
            error: None,
            expect: None,
        };
        match self.verdicts(case, &mut answer) {
            Ok(()) => {}
            Err(error) => answer.error = Some(error.to_string()),
        }
        answer
    }

    fn verdicts(&mut self, case: &Case, answer: &mut Answer<'_>) -> Result<(), CaseError> {
        let dialect = case.dialect()?;
        let filter = match Filter::parse(dialect, &case.expr) {
            Ok(filter) => filter,
            Err(error) => {
                answer.error = Some(error.to_string());
                return Ok(());
            }
        };
        answer.accepted = true;
        let flat = flat(case)?;
        answer.delivered = self.engine.delivers(&filter, &flat);
        let wants_negated = case.need_negated
            || matches!(case.expect, Some(Expect::False | Expect::Unknown) if self.expect);
        if wants_negated {
            let negated = negated(dialect, &case.expr);
            answer.delivered_negated = negated.map(|negated| self.engine.delivers(&negated, &flat));
        }
        Ok(())
    }

    fn close(&self, console: &mut Console) -> Exit {
        if self.expect {
            console.progress(format!("{} cases, {} failed", self.run, self.failed));
        }
        match (self.failed, self.broken) {
            (0, 0) => Exit::Done,
            (0, _) => Exit::Failed,
            (_, _) => Exit::Negative,
        }
    }
}

/// The opposite filter; `None` in a language that has no NOT.
fn negated(dialect: Dialect, text: &str) -> Option<Filter> {
    Filter::parse(dialect, &format!("NOT ({text})")).ok()
}

fn flat(case: &Case) -> Result<Attributes, CaseError> {
    let content = Content {
        attributes: case.attributes()?,
        body: Body::None,
    };
    Ok(flatten(&content)?)
}

/// Whether an answer is what was expected. Unknown is told from false by the opposite filter.
fn holds(expect: Expect, answer: &Answer<'_>) -> bool {
    let ran = answer.accepted && answer.error.is_none();
    match expect {
        Expect::ParseError => !answer.accepted,
        Expect::ParseOk => answer.accepted,
        Expect::True => ran && answer.delivered,
        Expect::NotTrue => ran && !answer.delivered,
        Expect::False => ran && !answer.delivered && answer.delivered_negated != Some(false),
        Expect::Unknown => ran && !answer.delivered && answer.delivered_negated != Some(true),
    }
}

impl Expect {
    /// As it stands in a case.
    fn name(self) -> &'static str {
        match self {
            Self::True => "true",
            Self::False => "false",
            Self::Unknown => "unknown",
            Self::NotTrue => "not_true",
            Self::ParseError => "parse_error",
            Self::ParseOk => "parse_ok",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(case: &str, expected: &str) {
        let case: Case = serde_json::from_str(case).unwrap();
        for engine in [EngineName::Index, EngineName::Reference] {
            let mut runner = Runner {
                engine: Engine::new(engine),
                expect: true,
                run: 0,
                failed: 0,
                broken: 0,
            };
            let answer = runner.answer(&case);
            assert_eq!(
                serde_json::to_string(&answer).unwrap(),
                expected,
                "{engine:?}"
            );
            assert!(case.expect.is_none_or(|expect| holds(expect, &answer)));
        }
    }

    #[test]
    fn both_engines_give_the_same_verdicts() {
        check(
            r#"{"suite":"s","id":1,"dialect":"sql","expr":"a > 1","attrs":{"a":2},"need_negated":true}"#,
            r#"{"suite":"s","id":1,"accepted":true,"delivered":true,"delivered_negated":false}"#,
        );
        check(
            r#"{"suite":"s","id":"x","expr":"a > 1","attrs":{"a":"b"},"expect":"unknown"}"#,
            r#"{"suite":"s","id":"x","accepted":true,"delivered":false,"delivered_negated":false}"#,
        );
        check(
            r#"{"suite":"s","id":"x","expr":"a > 1","attrs":{"a":1},"expect":"false"}"#,
            r#"{"suite":"s","id":"x","accepted":true,"delivered":false,"delivered_negated":true}"#,
        );
    }

    #[test]
    fn what_cannot_be_parsed_is_not_accepted() {
        let case: Case = serde_json::from_str(r#"{"expr":"a >","expect":"parse_error"}"#).unwrap();
        let mut runner = Runner {
            engine: Engine::new(EngineName::Index),
            expect: true,
            run: 0,
            failed: 0,
            broken: 0,
        };
        let answer = runner.answer(&case);
        assert!(!answer.accepted && answer.error.is_some());
        assert!(holds(Expect::ParseError, &answer) && !holds(Expect::ParseOk, &answer));
    }
}
