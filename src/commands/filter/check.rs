//! `gomera filter check`: canonical text, what the index looks up and what it has to ask, and what looks like a mistake.

use clap::Args;
use gomera_filter::lint::{self, lint};
use gomera_filter::normalise::{self, Test};
use gomera_filter::{Dialect, Filter, print_predicate};
use gomera_matching::{Coverage, coverage};
use serde::Serialize;

use super::FilterArgument;
use crate::commands::{Console, Exit};

/// What `filter check` takes.
#[derive(Clone, Debug, Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    filter: FilterArgument,
}

/// Checks.
pub(super) fn run(arguments: &Arguments, console: &mut Console) -> Exit {
    arguments.filter.common.start_log();
    let Some(filter) = arguments.filter.parse(console) else {
        return Exit::Negative;
    };
    let checked = Checked::of(&filter);
    if arguments.filter.common.json {
        console.json(&checked);
    } else {
        console.text(&checked.for_people());
    }
    Exit::Done
}

/// What was found.
#[derive(Debug, Serialize)]
struct Checked {
    accepted: bool,
    dialect: &'static str,
    /// Canonical text: parsing it gives the same filter.
    text: String,
    cost_class: CostClass,
    /// Alternatives, of which one must hold; `null` where they are too many and the filter is kept as a program.
    alternatives: Option<usize>,
    /// Tests that the index looks up.
    indexable: Vec<String>,
    /// Tests that are asked where the looked-up ones of the same alternative hold.
    residual: Vec<String>,
    lint: Vec<Advice>,
}

/// Something that looks like a mistake.
#[derive(Debug, Serialize)]
struct Advice {
    kind: &'static str,
    clause: String,
    advice: String,
}

impl From<lint::Finding> for Advice {
    fn from(finding: lint::Finding) -> Self {
        Self {
            kind: finding.kind.name(),
            clause: finding.clause,
            advice: finding.advice,
        }
    }
}

/// What matching it costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum CostClass {
    /// Every alternative can be looked up: it costs where it may match.
    Indexed,
    /// An alternative has nothing that can be looked up: it is asked for every notification.
    Scan,
    /// It is never true and costs nothing.
    Never,
}

impl Checked {
    fn of(filter: &Filter) -> Self {
        let rows = normalise::rows(filter.expression());
        let mut parts = Parts::default();
        let cost_class = match &rows {
            None => CostClass::Scan,
            Some(rows) if rows.is_empty() => CostClass::Never,
            Some(rows) => parts.sort(filter.dialect(), rows),
        };
        if rows.is_none() {
            parts.residual.push(filter.text());
        }
        Self {
            accepted: true,
            dialect: filter.dialect().name(),
            text: filter.text(),
            cost_class,
            alternatives: rows.as_ref().map(Vec::len),
            indexable: parts.indexable,
            residual: parts.residual,
            lint: lint(filter).into_iter().map(Advice::from).collect(),
        }
    }

    fn for_people(&self) -> String {
        let class = match self.cost_class {
            CostClass::Indexed => "indexed: looked up, asked only where it may match",
            CostClass::Scan => "scan: asked for every notification",
            CostClass::Never => "never true",
        };
        let mut text = format!("{}\n  cost: {class}\n", self.text);
        for (name, parts) in [("indexable", &self.indexable), ("residual", &self.residual)] {
            for part in parts {
                text += &format!("  {name}: {part}\n");
            }
        }
        for Advice {
            kind,
            clause,
            advice,
        } in &self.lint
        {
            text += &format!("  {kind}: {clause}: {advice}\n");
        }
        text
    }
}

/// Tests by what the index does with them, each once, in the order of the filter.
#[derive(Debug, Default)]
struct Parts {
    indexable: Vec<String>,
    residual: Vec<String>,
}

impl Parts {
    fn sort(&mut self, dialect: Dialect, rows: &[Vec<Test>]) -> CostClass {
        let mut class = CostClass::Indexed;
        for row in rows {
            let mut is_looked_up = false;
            for test in row {
                let text = text_of(dialect, test);
                let covered = coverage(&test.predicate, test.negated);
                is_looked_up |= covered != Coverage::Residual;
                if covered != Coverage::Residual && !self.indexable.contains(&text) {
                    self.indexable.push(text.clone());
                }
                if covered != Coverage::Whole && !self.residual.contains(&text) {
                    self.residual.push(text);
                }
            }
            if !is_looked_up {
                class = CostClass::Scan;
            }
        }
        class
    }
}

fn text_of(dialect: Dialect, test: &Test) -> String {
    let text = print_predicate(dialect, &test.predicate);
    if test.negated {
        format!("NOT ({text})")
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, class: CostClass, indexable: &[&str], residual: &[&str]) {
        let filter = Filter::parse(Dialect::Sql, text).unwrap();
        let checked = Checked::of(&filter);
        assert_eq!(checked.cost_class, class, "{text}");
        assert_eq!(checked.indexable, indexable, "{text}");
        assert_eq!(checked.residual, residual, "{text}");
    }

    #[test]
    fn what_can_be_looked_up_is_told_from_what_is_asked() {
        let indexed = CostClass::Indexed;
        check("a = 1 AND b > 2", indexed, &["a = 1", "b > 2"], &[]);
        check("a = 1 AND b * 2 > 2", indexed, &["a = 1"], &["b * 2 > 2"]);
        check("b * 2 > 2", CostClass::Scan, &[], &["b * 2 > 2"]);
        check(
            "a = 1 OR b * 2 > 2",
            CostClass::Scan,
            &["a = 1"],
            &["b * 2 > 2"],
        );
        check("FALSE", CostClass::Never, &[], &[]);
        check("TRUE", CostClass::Scan, &[], &[]);
    }

    #[test]
    fn what_looks_like_a_mistake_is_said() {
        let filter = Filter::parse(Dialect::Sql, "a = NULL").unwrap();
        let kinds: Vec<_> = Checked::of(&filter)
            .lint
            .iter()
            .map(|advice| advice.kind)
            .collect();
        assert!(kinds.contains(&"null-comparison"), "{kinds:?}");
    }
}
