//! `gomera filter explain`: the verdict, and every clause with its reason.

use clap::Args;
use gomera_filter::evaluate::{Prepared, Reason};
use gomera_filter::explain::{self, explain};
use gomera_filter::{Filter, Truth};
use gomera_matching::{Coverage, coverage};
use gomera_model::flatten::flatten;
use gomera_model::json::{attributes_from_json, attributes_to_json};
use gomera_model::{Attributes, AttributesBuilder, Body, Content, ContentError};
use serde::Serialize;

use super::FilterArgument;
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
#[derive(Debug, Serialize)]
struct Clause {
    clause: String,
    result: &'static str,
    /// Why there is no answer: missing, null, unlike, arithmetic.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
    /// Whether the verdict rests on it.
    deciding: bool,
    /// Whether an odd number of NOT stands above it.
    negated: bool,
    /// Who answers it in a broker: `index`, `residual` (asked where the index leaves it open), or both.
    answered_by: &'static str,
    /// The attributes that it looks at, those that are there.
    seen: serde_json::Value,
}

impl Explained {
    fn of(filter: &Filter, flat: &Attributes) -> Self {
        let explanation = explain(filter, &Prepared::new(flat));
        let mut clauses = Vec::new();
        gather(&explanation.root, &mut clauses);
        Self {
            verdict: name(explanation.verdict),
            delivered: explanation.verdict.is_true(),
            clauses,
        }
    }

    fn for_people(&self) -> String {
        let delivered = match self.delivered {
            true => "delivered",
            false => "not delivered",
        };
        let mut text = format!("{}: {delivered}\n", self.verdict);
        for clause in &self.clauses {
            let mark = if clause.deciding { '*' } else { ' ' };
            let reason = clause.reason.map(|reason| format!(" ({reason})"));
            let result = format!("{}{}", clause.result, reason.unwrap_or_default());
            let not = if clause.negated { "under NOT: " } else { "" };
            text += &format!(
                "{mark} {result:<20} {not}{}   {}   by {}\n",
                clause.clause, clause.seen, clause.answered_by
            );
        }
        if self.clauses.iter().any(|clause| clause.deciding) {
            text += "* the verdict rests on these\n";
        }
        text
    }
}

impl Clause {
    fn new(clause: &explain::Clause) -> Self {
        let mut seen = AttributesBuilder::new();
        for attribute in &clause.seen {
            if let Some(value) = &attribute.value {
                seen.push(&attribute.name, value);
            }
        }
        // What was part of a notification can be shown as JSON.
        let seen = seen.build().ok();
        let seen = seen.and_then(|seen| serde_json::from_str(&attributes_to_json(&seen)).ok());
        Self {
            clause: clause.text.clone(),
            result: name(clause.truth),
            reason: clause.reason.map(Reason::name),
            deciding: clause.is_deciding,
            negated: clause.is_negated,
            answered_by: answered_by(clause),
            seen: seen.unwrap_or_default(),
        }
    }
}

fn answered_by(clause: &explain::Clause) -> &'static str {
    let predicate = clause.predicate.as_ref();
    match predicate.map(|predicate| coverage(predicate, clause.is_negated)) {
        Some(Coverage::Whole) => "index",
        Some(Coverage::Part) => "index and residual",
        Some(Coverage::Residual) | None => "residual",
    }
}

/// The predicates, in the order of the filter.
fn gather(clause: &explain::Clause, clauses: &mut Vec<Clause>) {
    if clause.predicate.is_some() {
        clauses.push(Clause::new(clause));
    }
    for part in &clause.parts {
        gather(part, clauses);
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
    use gomera_filter::Dialect;

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
                "  false                under NOT: a > 1   {\"a\":1}   by index\n",
                "* unknown (unlike)     b = 'x'   {\"b\":5}   by index\n",
                "  unknown (missing)    c.d < 2   {}   by index\n",
                "* the verdict rests on these\n",
            )
        );
        assert_eq!(
            explained("a IS NULL OR a > 1", r#"{"a":null}"#),
            concat!(
                "true: delivered\n",
                "* true                 a IS NULL   {\"a\":null}   by residual\n",
                "  unknown (null)       a > 1   {\"a\":null}   by index\n",
                "* the verdict rests on these\n",
            )
        );
    }
}
