//! What subscriptions speak of: names, texts, facets and conditions, each held as often as it stands somewhere.
//!
//! Names, texts and conditions are held by what is kept of a filter; facets by its plan.

use alloc::vec::Vec;

use gomera_filter::normalise;
use gomera_filter::pieces::{self, Piece, Pieces, RawTest, Writer};
use gomera_filter::tree::{Comparison, Operand, Unlike};
use gomera_filter::{Expression, Filter, MalformedFilter, Predicate, Truth};
use gomera_model::operation::CanonicalFilter;

use crate::area;
use crate::cell::{BITS, Cell, DENSE, Interval, bit_of_number};
use crate::compact::{self, Kept, PlainTest, Reader, Scalar};
use crate::conjunction::Acquired;
use crate::facets::{FacetId, FacetKind, Facets};
use crate::leaf::{Atom, Leaf, Values};
use crate::plain::{self, Form, Polarity, Want};
use crate::residuals::{Condition, Residuals, Sides};
use crate::rows::{Lists, Span, Test};
use crate::sketch::Sketch;
use crate::symbols::Symbols;

/// Names, texts, facets and conditions.
#[derive(Clone, Debug)]
pub(crate) struct Vocabulary {
    pub(crate) facets: Facets,
    pub(crate) symbols: Symbols,
    pub(crate) residuals: Residuals,
    /// How often values that are no symbols were asked for.
    asked: Sketch,
    /// Members of the list at hand.
    members: Vec<Scalar>,
}

impl Vocabulary {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            facets: Facets::new(seed),
            symbols: Symbols::new(seed),
            residuals: Residuals::new(seed),
            asked: Sketch::new(),
            members: Vec::new(),
        }
    }

    /// Reads a filter: what is kept of it, and the tests that it is an AND of, if it is one. All names, texts and
    /// conditions that it speaks of are held. Where the canonical form is malformed, nothing is held.
    pub(crate) fn acquire(
        &mut self,
        canonical: &CanonicalFilter,
        acquired: &mut Acquired,
    ) -> Result<(), MalformedFilter> {
        acquired.clear();
        let Some(mut pieces) = Pieces::new(&canonical.0) else {
            return Err(MalformedFilter);
        };
        compact::put_head(&mut acquired.kept, pieces.dialect());
        let whole = self.acquire_filter(&mut pieces, acquired);
        if whole.is_some() && pieces.is_at_end() {
            return Ok(());
        }
        self.forget(acquired.all.tests());
        self.release(&acquired.kept);
        Err(MalformedFilter)
    }

    /// Lets go of all that is kept of a filter.
    pub(crate) fn release(&mut self, kept: &[u8]) {
        let mut reader = Reader::new(kept);
        while !reader.is_at_end() {
            match reader.next() {
                Kept::Constant(_) | Kept::Not | Kept::Joint(..) => {}
                Kept::Other(condition) => self.release_condition(condition),
                Kept::Plain(plain) => {
                    self.facets.release_name(plain.name);
                    plain::symbols(plain, |symbol| {
                        self.symbols.release(symbol);
                    });
                }
            }
        }
    }

    /// The canonical form of what is kept.
    pub(crate) fn canonical(&self, kept: &[u8]) -> CanonicalFilter {
        let mut writer = Writer::new(compact::dialect(kept));
        let mut reader = Reader::new(kept);
        while !reader.is_at_end() {
            match reader.next() {
                Kept::Constant(truth) => writer.constant(truth),
                Kept::Not => writer.not(),
                Kept::Joint(joint, count) => writer.joint(joint, count),
                Kept::Other(condition) => writer.other(self.residuals.canonical(condition)),
                Kept::Plain(plain) => {
                    compact::write_plain(&mut writer, plain, self.facets.names(), &self.symbols);
                }
            }
        }
        writer.finish()
    }

    /// A condition that asks the whole filter.
    pub(crate) fn acquire_whole(&mut self, filter: Filter) -> u32 {
        self.residuals.insert(Condition::Filter(filter), &[])
    }

    /// Holds the facets of tests, and counts the values that are asked for where their symbols do not.
    pub(crate) fn hold(&mut self, tests: &[Test], values: &[u32]) {
        for test in tests {
            let Some(facet) = test.facet() else {
                continue;
            };
            self.facets.hold(facet);
            let wanted = test.wanted(values);
            if !wanted.is_empty() && !self.facets.kind(facet).has_symbols() {
                self.asked.add(facet, ANY);
                wanted
                    .iter()
                    .for_each(|&value| self.asked.add(facet, value));
            }
        }
    }

    /// Lets go of the facets of tests.
    pub(crate) fn let_go(&mut self, tests: &[Test]) {
        for facet in tests.iter().filter_map(Test::facet) {
            self.facets.release(facet);
        }
    }

    /// Lets go of facets that nobody holds.
    fn forget(&mut self, tests: &[Test]) {
        for facet in tests.iter().filter_map(Test::facet) {
            self.facets.hold(facet);
        }
        self.let_go(tests);
    }

    /// The test that is true where a plain test is (or, `negated`, where it is false).
    #[inline(always)]
    pub(crate) fn test(
        &mut self,
        plain: compact::Plain<'_>,
        negated: bool,
        lists: &mut Lists,
    ) -> Test {
        let (kind, want) = plain::wanted(plain, negated, &self.symbols);
        let facet = self.facets.of_name(plain.name, kind);
        match want {
            Want::Inside(interval) => Test::Inside(facet, interval),
            Want::Outside(interval) => Test::Outside(facet, interval),
            Want::One(value) => Test::Equal(facet, value),
            Want::NotOne(value) => Test::Outside(facet, Interval::only(value)),
            Want::OneOf(members) => {
                let list = lists.put(members.iter().filter_map(plain::atom));
                one_of(kind, facet, list, lists.all())
            }
            Want::NoneOf(members) => {
                let list = lists.put(members.iter().filter_map(plain::atom));
                Test::NotAmong(facet, list)
            }
        }
    }

    /// How subscribers ask for a facet.
    #[expect(clippy::cast_precision_loss, reason = "an estimate")]
    pub(crate) fn demand(&self, facet: FacetId) -> Demand<'_> {
        let has_symbols = self.facets.kind(facet).has_symbols();
        let of = if has_symbols {
            self.facets.uses(facet)
        } else {
            self.asked.count(facet, ANY)
        };
        Demand {
            vocabulary: self,
            facet,
            has_symbols,
            of: of as f32 + 16.0,
        }
    }

    /// The test that the value is in a list among `values`.
    pub(crate) fn among(&self, facet: FacetId, list: Span, values: &[u32]) -> Test {
        let kind = self.facets.kind(facet);
        Test::Among(facet, list, bits_of(kind, list.of(values)))
    }

    pub(crate) fn bytes(&self) -> usize {
        self.facets.bytes()
            + self.symbols.bytes()
            + self.residuals.bytes()
            + self.asked.bytes()
            + self.members.capacity() * size_of::<Scalar>()
    }

    /// The whole filter; `None` where it is malformed.
    fn acquire_filter(&mut self, pieces: &mut Pieces<'_>, acquired: &mut Acquired) -> Option<()> {
        let Some((joint, count)) = pieces.conjunction() else {
            return self.acquire_part(pieces, (Polarity::Truth, 0), acquired);
        };
        compact::put_joint(&mut acquired.kept, joint, count);
        let polarity = Polarity::Truth.within(joint);
        for _ in 0..count {
            acquired.all.open();
            self.acquire_part(pieces, (polarity, 1), acquired)?;
        }
        Some(())
    }

    /// A part of an AND, and no deeper.
    fn acquire_part(
        &mut self,
        pieces: &mut Pieces<'_>,
        (polarity, depth): (Polarity, usize),
        acquired: &mut Acquired,
    ) -> Option<()> {
        if self.take_raw(pieces, depth, acquired) {
            return Some(());
        }
        let piece = pieces.next(depth)?;
        match piece {
            Piece::Plain(plain) => match plain::form(&plain, polarity) {
                Some(form) => self.acquire_plain(&plain, form, acquired),
                None => self.acquire_part_condition(pieces.taken(), acquired)?,
            },
            Piece::Other => self.acquire_part_condition(pieces.taken(), acquired)?,
            Piece::Constant(_) | Piece::Not | Piece::Joint(..) => {
                acquired.all.give_up();
                self.acquire_piece(pieces, piece, (polarity, depth), acquired)?;
            }
        }
        Some(())
    }

    /// The next piece, if it can go the shortest way; whether it has.
    fn take_raw(&mut self, pieces: &mut Pieces<'_>, depth: usize, acquired: &mut Acquired) -> bool {
        let Some(raw) = pieces.raw(depth) else {
            return false;
        };
        let is_taken = self.acquire_raw(&raw, acquired);
        if is_taken {
            pieces.pass(&raw);
        }
        is_taken
    }

    /// The shortest way for most tests: of an attribute that was spoken of lately, with numbers that have a cell of their
    /// own, or for equality with a text. Whether it was one.
    #[inline(always)]
    fn acquire_raw(&mut self, raw: &pieces::Raw<'_>, acquired: &mut Acquired) -> bool {
        let is_small = |value: i64| value.unsigned_abs() <= DENSE;
        let is_equality =
            |comparison| matches!(comparison, Comparison::Equal | Comparison::NotEqual);
        match raw.test {
            RawTest::Int(comparison, value) if is_small(value) => {
                self.acquire_raw_test(raw.name, acquired, |_, out, name| {
                    let value = Scalar::Int(value);
                    compact::put_compare(out, (name, Unlike::Unknown), comparison, value);
                    PlainTest::Compare(comparison, value)
                })
            }
            RawTest::Text(comparison, text) if is_equality(comparison) => {
                self.acquire_raw_test(raw.name, acquired, |symbols, out, name| {
                    let value = Scalar::Text(symbols.acquire(text));
                    compact::put_compare(out, (name, Unlike::Unknown), comparison, value);
                    PlainTest::Compare(comparison, value)
                })
            }
            RawTest::Between(low, high) => {
                self.acquire_raw_test(raw.name, acquired, |_, out, name| {
                    let [low, high] = [low, high].map(Scalar::Int);
                    compact::put_between(out, (name, Unlike::Unknown), low, high);
                    PlainTest::Between(low, high)
                })
            }
            RawTest::Int(..) | RawTest::Text(..) => false,
        }
    }

    #[inline(always)]
    fn acquire_raw_test<'a>(
        &mut self,
        name: &[u8],
        acquired: &mut Acquired,
        put: impl FnOnce(&mut Symbols, &mut Vec<u8>, u32) -> PlainTest<'a>,
    ) -> bool {
        let Some(name) = self.facets.acquire_recent_name(name) else {
            return false;
        };
        let test = put(&mut self.symbols, &mut acquired.kept, name);
        let unlike = Unlike::Unknown;
        let plain = compact::Plain { name, unlike, test };
        acquired.all.push(|lists| self.test(plain, false, lists));
        true
    }

    fn acquire_part_condition(&mut self, bytes: &[u8], acquired: &mut Acquired) -> Option<()> {
        let number = self.acquire_condition(bytes, &mut acquired.kept)?;
        let Sides { rows, values } = self.residuals.sides(number, false);
        let [row] = rows.as_slice() else {
            acquired.all.give_up();
            return Some(());
        };
        for test in row {
            acquired.all.push(|lists| test.moved(values, lists));
        }
        Some(())
    }

    /// The next expression; `None` where it is malformed.
    fn acquire_expression(
        &mut self,
        pieces: &mut Pieces<'_>,
        (polarity, depth): (Polarity, usize),
        acquired: &mut Acquired,
    ) -> Option<()> {
        if self.take_raw(pieces, depth, acquired) {
            return Some(());
        }
        let piece = pieces.next(depth)?;
        self.acquire_piece(pieces, piece, (polarity, depth), acquired)
    }

    fn acquire_piece(
        &mut self,
        pieces: &mut Pieces<'_>,
        piece: Piece<'_>,
        (polarity, depth): (Polarity, usize),
        acquired: &mut Acquired,
    ) -> Option<()> {
        match piece {
            Piece::Constant(truth) => compact::put_constant(&mut acquired.kept, truth),
            Piece::Not => {
                compact::put_not(&mut acquired.kept);
                self.acquire_expression(pieces, (polarity.opposite(), depth + 1), acquired)?;
            }
            Piece::Joint(joint, count) => {
                compact::put_joint(&mut acquired.kept, joint, count);
                let level = (polarity.within(joint), depth + 1);
                for _ in 0..count {
                    self.acquire_expression(pieces, level, acquired)?;
                }
            }
            Piece::Plain(plain) => match plain::form(&plain, polarity) {
                Some(form) => self.acquire_plain(&plain, form, acquired),
                None => {
                    self.acquire_condition(pieces.taken(), &mut acquired.kept)?;
                }
            },
            Piece::Other => {
                self.acquire_condition(pieces.taken(), &mut acquired.kept)?;
            }
        }
        Some(())
    }

    fn acquire_plain(&mut self, plain: &pieces::Plain<'_>, form: Form, acquired: &mut Acquired) {
        let name = (self.facets.acquire_name(plain.name), plain.unlike);
        let symbols = &mut self.symbols;
        let out = &mut acquired.kept;
        let test = match plain.test {
            pieces::PlainTest::Compare(comparison, value) => {
                let value = plain::acquire(value, form == Form::Identity, symbols);
                compact::put_compare(out, name, comparison, value);
                PlainTest::Compare(comparison, value)
            }
            pieces::PlainTest::Between(low, high) => {
                let [low, high] = [low, high].map(|value| plain::acquire(value, false, symbols));
                compact::put_between(out, name, low, high);
                PlainTest::Between(low, high)
            }
            pieces::PlainTest::In(members) => {
                return match members.ints(DENSE) {
                    Some(members) => self.acquire_ints(name, members, acquired),
                    None => self.acquire_list(name, members, form, acquired),
                };
            }
            pieces::PlainTest::Text(affix, text) => {
                let text = symbols.acquire(text);
                compact::put_text(out, name, affix, text);
                PlainTest::Text(affix, text)
            }
            pieces::PlainTest::Holds => {
                compact::put_holds(out, name);
                PlainTest::Holds
            }
        };
        let (name, unlike) = name;
        let plain = compact::Plain { name, unlike, test };
        acquired.all.push(|lists| self.test(plain, false, lists));
    }

    /// A list of whole numbers that have a cell of their own each.
    fn acquire_ints(
        &mut self,
        name: (u32, Unlike),
        members: impl Iterator<Item = i64> + Clone,
        acquired: &mut Acquired,
    ) {
        compact::put_ints(&mut acquired.kept, name, members.clone());
        let facets = &mut self.facets;
        acquired.all.push(|lists| {
            let facet = facets.of_name(name.0, FacetKind::Number);
            let list = lists.put(members.clone().map(|value| Cell::of_int(value).low));
            match list.of(lists.all()) {
                [value] => Test::Equal(facet, *value),
                _ => Test::Among(facet, list, bits_of_ints(members)),
            }
        });
    }

    fn acquire_list(
        &mut self,
        name: (u32, Unlike),
        members: pieces::Members<'_>,
        form: Form,
        acquired: &mut Acquired,
    ) {
        let symbols = &mut self.symbols;
        let acquire = |value| plain::acquire(value, form == Form::Identity, symbols);
        self.members.clear();
        self.members.extend(members.iter().map(acquire));
        compact::put_members(&mut acquired.kept, name, &self.members);
        let (facets, members) = (&mut self.facets, self.members.iter().copied());
        acquired.all.push(|lists| {
            let kind = plain::kind_of_list(members.clone());
            let facet = facets.of_name(name.0, kind);
            let list = lists.put(members.filter_map(plain::atom));
            one_of(kind, facet, list, lists.all())
        });
    }

    fn acquire_condition(&mut self, bytes: &[u8], out: &mut Vec<u8>) -> Option<u32> {
        let number = match self.residuals.acquire(bytes) {
            Some(number) => number,
            None => self.add_condition(bytes)?,
        };
        compact::put_other(out, number);
        Some(number)
    }

    fn add_condition(&mut self, bytes: &[u8]) -> Option<u32> {
        let predicate = pieces::predicate(bytes)?;
        let sides = [false, true].map(|negated| self.sides_of(&predicate, negated));
        let condition = Condition::Predicate(predicate);
        let number = self.residuals.insert(condition, bytes);
        let [truth, falsehood] = sides;
        let finish = |(mut sides, is_whole): (Sides, bool), truth| {
            if !is_whole {
                for row in &mut sides.rows {
                    row.push(Test::Residual(number, truth));
                }
            }
            sides
        };
        let sides = [finish(truth, Truth::True), finish(falsehood, Truth::False)];
        self.residuals.set_sides(number, sides);
        Some(number)
    }

    fn release_condition(&mut self, number: u32) {
        let Some(residual) = self.residuals.release(number) else {
            return;
        };
        for Sides { rows, values } in &residual.sides {
            for test in rows.iter().flatten() {
                self.release_test(test, values);
            }
        }
    }

    /// Lets go of a test of a condition.
    fn release_test(&mut self, test: &Test, values: &[u32]) {
        let Some(facet) = test.facet() else {
            return;
        };
        if self.facets.kind(facet).has_symbols() {
            let one = match test {
                Test::Outside(_, interval) => interval.single(),
                Test::Equal(..)
                | Test::Inside(..)
                | Test::Among(..)
                | Test::Bits(..)
                | Test::NotAmong(..)
                | Test::Residual(..) => None,
            };
            for &symbol in test.list(values).iter().chain(&one) {
                self.symbols.release(symbol);
            }
        }
        self.facets.release(facet);
    }

    /// The rows in which a predicate is true (or, `negated`, false), as far as facets show it, and whether they show all.
    fn sides_of(&mut self, predicate: &Predicate, negated: bool) -> (Sides, bool) {
        let mut sides = Sides::default();
        if let (Predicate::InBox(Operand::Position(_), _), false) = (predicate, negated) {
            let expression = Expression::Predicate(predicate.clone());
            for row in normalise::rows(&expression).unwrap_or_default() {
                let leaves = row
                    .iter()
                    .filter_map(|test| Leaf::of(&test.predicate, test.negated));
                let tests = leaves.map(|leaf| self.acquire_leaf(&leaf, &mut sides.values));
                let tests = tests.collect();
                sides.rows.push(tests);
            }
            return (sides, true);
        }
        let mut row = Vec::new();
        for (name, kind, interval) in area::bounds(predicate, negated).into_iter().flatten() {
            row.push(Test::Inside(self.facets.acquire(name, kind), interval));
        }
        let leaf = Leaf::of(predicate, negated);
        if let Some(leaf) = &leaf {
            row.push(self.acquire_leaf(leaf, &mut sides.values));
        }
        sides.rows.push(row);
        (sides, leaf.is_some_and(|leaf| leaf.is_whole))
    }

    fn acquire_leaf(&mut self, leaf: &Leaf<'_>, lists: &mut Vec<u32>) -> Test {
        let facet = self.facets.acquire(leaf.name, leaf.kind);
        let mut list = |values: &[u32]| {
            let start = lists.len();
            lists.extend_from_slice(values);
            Span::new(start, values.len())
        };
        match &leaf.values {
            Values::Inside(interval) => Test::Inside(facet, *interval),
            Values::Outside(interval) => Test::Outside(facet, *interval),
            Values::OneOf(atoms) => match self.acquire_atoms(atoms).as_slice() {
                [value] => Test::Equal(facet, *value),
                values => Test::Among(facet, list(values), bits_of(leaf.kind, values)),
            },
            Values::NoneOf(atoms) => match self.acquire_atoms(atoms).as_slice() {
                [value] => Test::Outside(facet, Interval::only(*value)),
                values => Test::NotAmong(facet, list(values)),
            },
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
}

/// How subscribers ask for a facet.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Demand<'a> {
    vocabulary: &'a Vocabulary,
    facet: FacetId,
    has_symbols: bool,
    /// How many ask for it, and some more, so that few say little.
    of: f32,
}

impl Demand<'_> {
    /// How likely a subscriber is to ask for this value among those who ask for the facet: a first guess at how often
    /// a notification has it.
    pub(crate) fn popularity(&self, value: u32) -> f32 {
        self.popularity_of_all(&[value])
    }

    /// The same for several values together.
    #[expect(clippy::cast_precision_loss, reason = "an estimate")]
    pub(crate) fn popularity_of_all(&self, values: &[u32]) -> f32 {
        let Self {
            vocabulary,
            facet,
            has_symbols,
            of,
        } = *self;
        if facet == FacetId::ALWAYS {
            return 1.0;
        }
        let times = |value| match has_symbols {
            true if value > Symbols::OTHER => vocabulary.symbols.uses(value),
            true => 0,
            false => vocabulary.asked.count(facet, value),
        };
        let part = 1.0 / of;
        let parts = values
            .iter()
            .map(|&value| ((times(value) as f32 + 1.0) * part).min(1.0));
        parts.sum()
    }
}

/// The test that the value is in a list among `values`, or the only one of it.
fn one_of(kind: FacetKind, facet: FacetId, list: Span, values: &[u32]) -> Test {
    match list.of(values) {
        [value] => Test::Equal(facet, *value),
        values => Test::Among(facet, list, bits_of(kind, values)),
    }
}

/// The bits of a list of whole numbers, if all of them are small; else none.
fn bits_of_ints(values: impl Iterator<Item = i64>) -> u64 {
    let mut bits = 0;
    for value in values {
        let Ok(bit @ ..BITS) = u32::try_from(value) else {
            return 0;
        };
        bits |= 1 << bit;
    }
    bits
}

/// The bits of a list of values, if all of them are small; else none.
fn bits_of(kind: FacetKind, values: &[u32]) -> u64 {
    let mut bits = 0;
    for &value in values {
        let Some(bit) = bit_of(kind, value) else {
            return 0;
        };
        bits |= 1 << bit;
    }
    bits
}

/// The bit of a value in a set of small ones, if it has one.
fn bit_of(kind: FacetKind, value: u32) -> Option<u32> {
    match kind {
        FacetKind::Number => bit_of_number(value),
        FacetKind::Identity
        | FacetKind::Text
        | FacetKind::Member
        | FacetKind::Prefix(_)
        | FacetKind::Suffix(_) => (value < BITS).then_some(value),
        FacetKind::Flag
        | FacetKind::Time
        | FacetKind::Presence
        | FacetKind::Longitude
        | FacetKind::Latitude => None,
    }
}

/// Stands for all values of a facet: no cell has it.
const ANY: u32 = 0;
