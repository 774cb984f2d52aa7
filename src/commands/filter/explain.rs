//! `gomera filter explain`: the verdict, and every clause with its reason.

use clap::Args;
use gomera_filter::evaluate::{self, Prepared};
use gomera_filter::{Dialect, Filter, Predicate, Truth, print_predicate, reference};
use gomera_model::flatten::flatten;
use gomera_model::json::attributes_from_json;
use gomera_model::{Attributes, Body, Content, ContentError};
use serde::Serialize;

use super::{FilterArgument, each_predicate};
use crate::commands::{Console, Exit};

/// What `filter explain` takes.
#[derive(Clone, Debug, Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    filter: FilterArgument,
    /// The notification, a JSON object of its attributes.
    #[arg(long, value_name = "JSON")]
    event: String,
}

/// Explains.
pub(super) fn run(arguments: &Arguments, console: &mut Console) -> Exit {
    arguments.filter.common.start_log();
    let Some(filter) = arguments.filter.parse(console) else {
        return Exit::Failed;
    };
    let flat = match flat(&arguments.event) {
        Ok(flat) => flat,
        Err(error) => return console.fail(&format!("--event: {error}")),
    };
    let explained = Explained::of(&filter, &flat);
    if arguments.filter.common.json {
        console.json(&explained);
    } else {
        console.text(&explained.for_people());
    }
    Exit::Done
}

fn flat(event: &str) -> Result<Attributes, ContentError> {
    let attributes = attributes_from_json(event.as_bytes())?;
    flatten(&Content {
        attributes,
        body: Body::None,
    })
}

/// The verdict and its grounds.
#[derive(Debug, Serialize)]
struct Explained {
    verdict: &'static str,
    delivered: bool,
    clauses: Vec<Clause>,
}

/// One predicate of the filter, as it stands there: an outer NOT is not applied.
#[derive(Debug, PartialEq, Eq, Serialize)]
struct Clause {
    clause: String,
    result: &'static str,
    /// Why there is no answer: missing, null, unlike, arithmetic.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
}

impl Explained {
    fn of(filter: &Filter, flat: &Attributes) -> Self {
        let verdict = reference::evaluate(filter, flat);
        let mut clauses = Vec::new();
        let values = Prepared::new(flat);
        each_predicate(filter.expression(), &mut |predicate| {
            clauses.push(clause(filter.dialect(), predicate, &values));
        });
        Self {
            verdict: name(verdict),
            delivered: verdict.is_true(),
            clauses,
        }
    }

    fn for_people(&self) -> String {
        let delivered = if self.delivered {
            "delivered"
        } else {
            "not delivered"
        };
        let mut text = format!("{}: {delivered}\n", self.verdict);
        for clause in &self.clauses {
            let reason = clause.reason.map(|reason| format!(" ({reason})"));
            let result = format!("{}{}", clause.result, reason.unwrap_or_default());
            text += &format!("  {result:<20} {}\n", clause.clause);
        }
        text
    }
}

fn clause(dialect: Dialect, predicate: &Predicate, values: &Prepared<'_>) -> Clause {
    let answer = evaluate::answer(predicate, values);
    Clause {
        clause: print_predicate(dialect, predicate),
        result: name(evaluate::truth(answer)),
        reason: answer.err().map(evaluate::Reason::name),
    }
}

fn name(truth: Truth) -> &'static str {
    match truth {
        Truth::False => "false",
        Truth::Unknown => "unknown",
        Truth::True => "true",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn explained(text: &str, event: &str) -> String {
        let filter = Filter::parse(Dialect::Sql, text).unwrap();
        Explained::of(&filter, &flat(event).unwrap()).for_people()
    }

    #[test]
    fn every_clause_says_why() {
        assert_eq!(
            explained(
                "NOT (a > 1) AND b = 'x' AND c.d < 2",
                r#"{"a":1,"b":5,"c":{}}"#
            ),
            concat!(
                "unknown: not delivered\n",
                "  false                a > 1\n",
                "  unknown (unlike)     b = 'x'\n",
                "  unknown (missing)    c.d < 2\n",
            )
        );
        assert_eq!(
            explained("a IS NULL OR a > 1", r#"{"a":null}"#),
            "true: delivered\n  true                 a IS NULL\n  unknown (null)       a > 1\n"
        );
    }
}
