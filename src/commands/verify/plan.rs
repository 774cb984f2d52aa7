//! The plan of what is scaled during a verification.

use std::collections::BTreeMap;

use gomera_model::Layer;

use crate::commands::scale::parse_wish;

/// Steps, one after the other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Plan(pub(super) Vec<Step>);

/// What is asked for at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Step {
    /// As it was written.
    pub(super) text: String,
    pub(super) layers: BTreeMap<Layer, u32>,
}

/// Reads `matchers=3;matchers=1,exit-points=2`.
pub(super) fn parse(text: &str) -> Result<Plan, String> {
    let steps = text
        .split(';')
        .map(str::trim)
        .filter(|step| !step.is_empty());
    let steps = steps.map(step).collect::<Result<Vec<Step>, String>>()?;
    match steps.is_empty() {
        true => Err("it has no step".to_owned()),
        false => Ok(Plan(steps)),
    }
}

fn step(text: &str) -> Result<Step, String> {
    let mut layers = BTreeMap::new();
    for wish in text.split(',') {
        let (layer, count) = parse_wish(wish.trim())?;
        if layers.insert(layer, count).is_some() {
            return Err(format!("`{text}` names a layer twice"));
        }
    }
    Ok(Step {
        text: text.to_owned(),
        layers,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Option<&[&[(Layer, u32)]]>) {
        let found = parse(text).ok().map(|plan| {
            let steps = plan.0.into_iter().map(|step| step.layers);
            steps.collect::<Vec<_>>()
        });
        let expected = expected.map(|steps| {
            let steps = steps.iter().map(|layers| layers.iter().copied().collect());
            steps.collect::<Vec<BTreeMap<_, _>>>()
        });
        assert_eq!(found, expected, "{text}");
    }

    #[test]
    fn plans_are_read() {
        check("matchers=3", Some(&[&[(Layer::Matchers, 3)]]));
        check(
            "matchers=3; matchers=1,exit-points=2;",
            Some(&[
                &[(Layer::Matchers, 3)],
                &[(Layer::Matchers, 1), (Layer::ExitPoints, 2)],
            ]),
        );
        check("", None);
        check("matchers=3,matchers=2", None);
        check("matchers", None);
    }
}
