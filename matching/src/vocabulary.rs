//! What subscriptions speak of: facets, symbols and conditions, each held as often as it stands somewhere.

use alloc::vec::Vec;

use gomera_filter::normalise::{self, Row};
use gomera_filter::tree::Operand;
use gomera_filter::{Expression, Filter, Predicate, Truth};

use crate::area;
use crate::cell::Interval;
use crate::facets::{FacetId, Facets};
use crate::leaf::{Atom, Leaf, Values};
use crate::limits::ALTERNATIVES_MAX;
use crate::residuals::{Condition, Residuals};
use crate::rows::Test;
use crate::sketch::Sketch;
use crate::symbols::Symbols;

/// Facets, symbols and conditions.
#[derive(Clone, Debug)]
pub(crate) struct Vocabulary {
    pub(crate) facets: Facets,
    pub(crate) symbols: Symbols,
    pub(crate) residuals: Residuals,
    /// How often values that are no symbols were asked for.
    asked: Sketch,
}

impl Vocabulary {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            facets: Facets::new(seed),
            symbols: Symbols::new(seed),
            residuals: Residuals::new(seed),
            asked: Sketch::new(),
        }
    }

    /// The rows of a filter: it is true exactly where all tests of one row hold. Everything in them is held once.
    pub(crate) fn acquire(&mut self, filter: &Filter) -> Vec<Vec<Test>> {
        if let Some(tests) = self.acquire_conjunction(filter.expression()) {
            return [tests].into();
        }
        match normalise::rows(filter.expression()) {
            Some(rows) => rows.iter().map(|row| self.acquire_row(row)).collect(),
            None => self.acquire_program(filter),
        }
    }

    /// Holds a value of a facet once more.
    pub(crate) fn hold(&mut self, facet: FacetId, interval: Interval) {
        self.facets.hold(facet);
        if let Some(symbol) = self.symbol_in(facet, interval) {
            self.symbols.hold(symbol);
        }
    }

    /// Lets go of a value of a facet once.
    pub(crate) fn release_value(&mut self, facet: FacetId, interval: Interval) {
        if let Some(symbol) = self.symbol_in(facet, interval) {
            self.symbols.release(symbol);
        }
        self.facets.release(facet);
    }

    /// Lets go of all that a test speaks of.
    pub(crate) fn release(&mut self, test: &Test) {
        match test {
            Test::Equal(facet, value) => self.release_value(*facet, Interval::only(*value)),
            Test::Inside(facet, interval) | Test::Outside(facet, interval) => {
                self.release_value(*facet, *interval);
            }
            Test::Among(facet, values) | Test::NotAmong(facet, values) => {
                if self.facets.kind(*facet).has_symbols() {
                    for &symbol in values {
                        self.symbols.release(symbol);
                    }
                }
                self.facets.release(*facet);
            }
            Test::Residual(condition, _) => self.residuals.release(*condition),
        }
    }

    /// How likely a subscriber is to ask for this value among those who ask for the facet: a first guess at how often
    /// a notification has it.
    #[expect(clippy::cast_precision_loss, reason = "an estimate")]
    pub(crate) fn popularity(&self, facet: FacetId, value: u32) -> f32 {
        if facet == FacetId::ALWAYS {
            return 1.0;
        }
        let (times, of) = match self.symbol_in(facet, Interval::only(value)) {
            Some(symbol) => (self.symbols.uses(symbol), self.facets.uses(facet)),
            None => (self.asked.count(facet, value), self.asked.count(facet, ANY)),
        };
        ((times as f32 + 1.0) / (of as f32 + 16.0)).min(1.0)
    }

    pub(crate) fn bytes(&self) -> usize {
        self.facets.bytes() + self.symbols.bytes() + self.residuals.bytes() + self.asked.bytes()
    }

    /// The only row of an AND of predicates, which most filters are; nothing is copied for it.
    fn acquire_conjunction(&mut self, expression: &Expression) -> Option<Vec<Test>> {
        let parts = match expression {
            Expression::And(parts) => parts.as_slice(),
            Expression::Predicate(_) => core::slice::from_ref(expression),
            Expression::Constant(_)
            | Expression::Not(_)
            | Expression::Or(_)
            | Expression::AndThen(_)
            | Expression::OrElse(_) => return None,
        };
        let is_plain = |part: &Expression| match part {
            // A box around `POINT(lon lat)` becomes bounds of the two only among the rows.
            Expression::Predicate(Predicate::InBox(Operand::Position(_), _)) => false,
            Expression::Predicate(_) => true,
            Expression::Constant(_)
            | Expression::Not(_)
            | Expression::And(_)
            | Expression::Or(_)
            | Expression::AndThen(_)
            | Expression::OrElse(_) => false,
        };
        if !parts.iter().all(is_plain) {
            return None;
        }
        let mut tests = Vec::with_capacity(parts.len());
        for part in parts {
            if let Expression::Predicate(predicate) = part {
                self.acquire_test(predicate, false, &mut tests);
            }
        }
        tests.sort_by_key(rank);
        Some(tests)
    }

    fn acquire_row(&mut self, row: &Row) -> Vec<Test> {
        let mut tests = Vec::with_capacity(row.len());
        for test in row {
            self.acquire_test(&test.predicate, test.negated, &mut tests);
        }
        tests.sort_by_key(rank);
        tests
    }

    /// Rows for a filter with too many: each asks the whole filter, behind what it implies. Where the filter is an OR,
    /// a row for each side; else one.
    fn acquire_program(&mut self, filter: &Filter) -> Vec<Vec<Test>> {
        let normal = normalise::negation_normal(filter.expression());
        let sides = match &normal {
            Expression::Or(sides) if sides.len() <= ALTERNATIVES_MAX => sides.as_slice(),
            Expression::Or(_)
            | Expression::Constant(_)
            | Expression::Predicate(_)
            | Expression::Not(_)
            | Expression::And(_)
            | Expression::AndThen(_)
            | Expression::OrElse(_) => core::slice::from_ref(&normal),
        };
        let program = || Condition::Filter(filter.clone());
        let whole = self.residuals.acquire(program());
        let mut rows = Vec::with_capacity(sides.len());
        for (index, side) in sides.iter().enumerate() {
            let mut tests = Vec::new();
            self.acquire_implied(side, &mut tests);
            if index > 0 {
                self.residuals.hold(whole);
            }
            tests.push(Test::Residual(whole, Truth::True));
            rows.push(tests);
        }
        rows
    }

    /// What must hold where an expression is true, as far as facets show it.
    fn acquire_implied(&mut self, expression: &Expression, tests: &mut Vec<Test>) {
        match expression {
            Expression::Predicate(predicate) => self.acquire_leaf(predicate, false, tests),
            Expression::Not(inner) => {
                if let Expression::Predicate(predicate) = &**inner {
                    self.acquire_leaf(predicate, true, tests);
                }
            }
            Expression::And(parts) | Expression::AndThen(parts) => {
                for part in parts {
                    self.acquire_implied(part, tests);
                }
            }
            Expression::Constant(_) | Expression::Or(_) | Expression::OrElse(_) => {}
        }
    }

    fn acquire_leaf(&mut self, predicate: &Predicate, negated: bool, tests: &mut Vec<Test>) {
        if let Some(leaf) = Leaf::of(predicate, negated) {
            let test = self.acquire_values(&leaf);
            self.put(test, tests);
        }
        self.acquire_box(predicate, negated, tests);
    }

    fn acquire_test(&mut self, predicate: &Predicate, negated: bool, tests: &mut Vec<Test>) {
        let leaf = Leaf::of(predicate, negated);
        self.acquire_box(predicate, negated, tests);
        if let Some(leaf) = &leaf {
            let test = self.acquire_values(leaf);
            self.put(test, tests);
        }
        if !leaf.is_some_and(|leaf| leaf.is_whole) {
            let condition = Condition::Predicate(predicate.clone());
            let number = self.residuals.acquire(condition);
            tests.push(Test::Residual(number, Truth::from(!negated)));
        }
    }

    /// The box around an area, which must be asked for itself too.
    fn acquire_box(&mut self, predicate: &Predicate, negated: bool, tests: &mut Vec<Test>) {
        for (name, kind, interval) in area::bounds(predicate, negated).into_iter().flatten() {
            let facet = self.facets.acquire(name, kind);
            self.put(Test::Inside(facet, interval), tests);
        }
    }

    fn acquire_values(&mut self, leaf: &Leaf<'_>) -> Test {
        let facet = self.facets.acquire(leaf.name, leaf.kind);
        match &leaf.values {
            Values::Inside(interval) => Test::Inside(facet, *interval),
            Values::Outside(interval) => Test::Outside(facet, *interval),
            Values::OneOf(atoms) => match self.acquire_atoms(atoms).as_slice() {
                [value] => {
                    self.ask(facet, &[*value]);
                    Test::Equal(facet, *value)
                }
                values => {
                    self.ask(facet, values);
                    Test::Among(facet, values.into())
                }
            },
            Values::NoneOf(atoms) => match self.acquire_atoms(atoms).as_slice() {
                [value] => Test::Outside(facet, Interval::only(*value)),
                values => Test::NotAmong(facet, values.into()),
            },
        }
    }

    /// Counts values that are asked for, where their symbols do not.
    fn ask(&mut self, facet: FacetId, values: &[u32]) {
        if !self.facets.kind(facet).has_symbols() {
            self.asked.add(facet, ANY);
            values
                .iter()
                .for_each(|&value| self.asked.add(facet, value));
        }
    }

    /// The values of atoms, sorted, each held once.
    fn acquire_atoms(&mut self, atoms: &[Atom<'_>]) -> Vec<u32> {
        let mut values = Vec::with_capacity(atoms.len());
        for atom in atoms {
            values.push(match atom {
                Atom::Bits(bits) => *bits,
                Atom::Text(text) => self.symbols.acquire(text),
                Atom::Number(identity) => self.symbols.acquire(identity),
            });
        }
        values.sort_unstable();
        let are_symbols = matches!(atoms, [Atom::Text(_) | Atom::Number(_), ..]);
        let symbols = &mut self.symbols;
        values.dedup_by(|value, before| {
            let is_same = value == before;
            if is_same && are_symbols {
                symbols.release(*value);
            }
            is_same
        });
        values
    }

    /// Adds a test; intervals of one facet become one.
    fn put(&mut self, test: Test, tests: &mut Vec<Test>) {
        let Test::Inside(facet, interval) = test else {
            return tests.push(test);
        };
        let may_merge = !self.facets.kind(facet).has_symbols();
        for other in tests.iter_mut() {
            if let Test::Inside(other_facet, other) = other
                && *other_facet == facet
                && may_merge
            {
                *other = other.and(interval);
                self.facets.release(facet);
                return;
            }
        }
        tests.push(test);
    }

    /// The symbol that a single value of a facet is, if its values are symbols.
    fn symbol_in(&self, facet: FacetId, interval: Interval) -> Option<u32> {
        let symbol = interval.single()?;
        self.facets.kind(facet).has_symbols().then_some(symbol)
    }
}

/// Stands for all values of a facet: no cell has it.
const ANY: u32 = 0;

/// Cheap tests come first.
fn rank(test: &Test) -> u8 {
    match test {
        Test::Equal(..) | Test::Inside(..) => 0,
        Test::Among(..) => 1,
        Test::Outside(..) | Test::NotAmong(..) => 2,
        Test::Residual(..) => 3,
    }
}
