//! C7: every queue has a limit, and what passes has passed in the end. Looked at while a run goes on: the most that was ever
//! held of each kind, against its limit; and at rest: what is left.

use std::collections::BTreeMap;

use gomera_operators::Holdings;

use super::{Breach, Promise};

/// The most that was held of each kind.
#[derive(Clone, Debug, Default)]
pub struct Bounds {
    marks: BTreeMap<&'static str, usize>,
    breaches: Vec<Breach>,
}

impl Bounds {
    /// An instance holds this.
    pub fn held(&mut self, who: &str, holdings: &Holdings) {
        for holding in holdings.iter() {
            let mark = self.marks.entry(holding.what).or_default();
            if holding.count <= *mark {
                continue;
            }
            *mark = holding.count;
            if let Some(most) = holding.most.filter(|most| holding.count > *most) {
                let (count, what) = (holding.count, holding.what);
                let story = format!("{who} holds {count} {what}; at most {most} are allowed");
                self.breaches
                    .push(Breach::general(Promise::Unbounded, story));
            }
        }
    }

    /// The high-water marks.
    #[must_use]
    pub fn marks(&self) -> &BTreeMap<&'static str, usize> {
        &self.marks
    }

    pub(super) fn breaches(&self) -> &[Breach] {
        &self.breaches
    }
}

/// What an instance holds at rest and should not, in words.
#[must_use]
pub fn left(who: &str, holdings: &Holdings) -> Vec<String> {
    let too_many = holdings
        .iter()
        .filter(|holding| holding.at_rest.is_some_and(|most| holding.count > most));
    too_many
        .map(|holding| format!("{who} still holds {} {}", holding.count, holding.what))
        .collect()
}
