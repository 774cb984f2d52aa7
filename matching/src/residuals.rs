//! Conditions that no facet shows: each is asked at most once a notification, whoever wants to know.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::hash::BuildHasher;

use foldhash::SharedSeed;
use foldhash::fast::SeedableRandomState;
use gomera_filter::{Filter, Predicate, Truth, evaluate, reference};
use gomera_model::Attributes;

use crate::rows::Test;
use crate::symbols::Place;
use crate::table::{Table, low};

/// Something that is true, false or unknown for a notification.
#[derive(Clone, Debug)]
pub(crate) enum Condition {
    /// One predicate; equal ones are shared.
    Predicate(Predicate),
    /// A filter that has too many rows.
    Filter(Filter),
}

/// The rows in which a predicate is true, or those in which it is false, and what their lists speak of.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sides {
    pub(crate) rows: Vec<Vec<Test>>,
    pub(crate) values: Vec<u32>,
}

/// All conditions in use.
#[derive(Clone)]
pub(crate) struct Residuals {
    hasher: SeedableRandomState,
    conditions: Vec<Option<Box<Residual>>>,
    free: Vec<u32>,
    /// The predicates by their canonical form.
    table: Table<Place>,
    memo: Memo,
    bytes: usize,
}

#[derive(Clone, Debug)]
pub(crate) struct Residual {
    condition: Condition,
    /// The canonical form, by which an equal predicate is found; empty for a filter.
    bytes: Box<[u8]>,
    /// Where it is true, and where it is false.
    pub(crate) sides: [Sides; 2],
    uses: u32,
}

impl core::fmt::Debug for Residuals {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let count = self.conditions.len() - self.free.len();
        write!(f, "Residuals({count})")
    }
}

/// What was found out about the notification at hand.
#[derive(Clone, Debug, Default)]
struct Memo {
    /// The turn in which the truth was found, and the truth.
    known: Vec<(u32, Truth)>,
    turn: u32,
}

impl Residuals {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            hasher: SeedableRandomState::with_seed(seed, SharedSeed::global_fixed()),
            conditions: Vec::new(),
            free: Vec::new(),
            table: Table::new(),
            memo: Memo::default(),
            bytes: 0,
        }
    }

    /// The number of a predicate that is known already, held once more.
    pub(crate) fn acquire(&mut self, bytes: &[u8]) -> Option<u32> {
        let hash = self.hasher.hash_one(bytes);
        let segment = self.table.segment(hash);
        let is =
            |place: &Place| place.hash == low(hash) && *self.residual(place.symbol).bytes == *bytes;
        let number = segment.at(segment.find(low(hash), is)?).symbol;
        self.hold(number);
        Some(number)
    }

    /// Puts a condition that is not there, held once; its number. What it looks like to the index is set behind it.
    pub(crate) fn insert(&mut self, condition: Condition, bytes: &[u8]) -> u32 {
        let number = self.free.pop().unwrap_or_else(|| {
            self.conditions.push(None);
            self.memo.known.push((0, Truth::Unknown));
            u32::try_from(self.conditions.len() - 1).expect("fewer than 2^32 conditions")
        });
        if !bytes.is_empty() {
            let hash = self.hasher.hash_one(bytes);
            let place = Place {
                hash: low(hash),
                symbol: number,
            };
            let segment = self.table.segment_mut(hash);
            segment.insert(place, |place| place.hash);
        }
        let residual = Box::new(Residual {
            condition,
            bytes: bytes.into(),
            sides: [Sides::default(), Sides::default()],
            uses: 1,
        });
        self.bytes += residual.heap_bytes();
        self.memo.known[number as usize] = (0, Truth::Unknown);
        self.conditions[number as usize] = Some(residual);
        number
    }

    /// Says what a condition looks like to the index.
    pub(crate) fn set_sides(&mut self, number: u32, sides: [Sides; 2]) {
        let residual = self.residual_mut(number);
        let before = residual.heap_bytes();
        residual.sides = sides;
        let after = residual.heap_bytes();
        self.bytes += after - before;
    }

    /// The rows in which a condition is true, or (`negated`) those in which it is false.
    pub(crate) fn sides(&self, number: u32, negated: bool) -> &Sides {
        &self.residual(number).sides[usize::from(negated)]
    }

    /// The canonical form of a predicate.
    pub(crate) fn canonical(&self, number: u32) -> &[u8] {
        &self.residual(number).bytes
    }

    /// Holds a condition once more.
    pub(crate) fn hold(&mut self, number: u32) {
        self.residual_mut(number).uses += 1;
    }

    /// Lets go of a condition once; what it was, if that was the last time.
    pub(crate) fn release(&mut self, number: u32) -> Option<Box<Residual>> {
        let place = &mut self.conditions[number as usize];
        let residual = place.take_if(|residual| {
            residual.uses -= 1;
            residual.uses == 0
        })?;
        self.bytes -= residual.heap_bytes();
        let hash = self.hasher.hash_one(&*residual.bytes);
        let segment = self.table.segment_mut(hash);
        if let Some(place) = segment.find(low(hash), |place| place.symbol == number) {
            segment.remove(place, |place| place.hash);
        }
        self.free.push(number);
        Some(residual)
    }

    /// Forgets what is known of a notification: another one comes.
    pub(crate) fn begin(&mut self) {
        let Some(turn) = self.memo.turn.checked_add(1) else {
            self.memo.known.fill((0, Truth::Unknown));
            self.memo.turn = 1;
            return;
        };
        self.memo.turn = turn;
    }

    /// The truth of a condition for the notification at hand.
    #[inline]
    pub(crate) fn truth(&mut self, number: u32, flat: &Attributes) -> Truth {
        let (turn, truth) = self.memo.known[number as usize];
        if turn == self.memo.turn {
            return truth;
        }
        let truth = self.ask(number, flat);
        self.memo.known[number as usize] = (self.memo.turn, truth);
        truth
    }

    pub(crate) fn bytes(&self) -> usize {
        self.bytes
            + self.conditions.capacity() * size_of::<Option<Box<Residual>>>()
            + self.free.capacity() * size_of::<u32>()
            + self.memo.known.capacity() * size_of::<(u32, Truth)>()
            + self.table.bytes()
    }

    fn ask(&self, number: u32, flat: &Attributes) -> Truth {
        match &self.residual(number).condition {
            Condition::Predicate(predicate) => evaluate::evaluate(predicate, flat),
            Condition::Filter(filter) => reference::evaluate(filter, flat),
        }
    }

    fn residual(&self, number: u32) -> &Residual {
        let residual = self.conditions[number as usize].as_ref();
        residual.expect(HELD)
    }

    fn residual_mut(&mut self, number: u32) -> &mut Residual {
        let residual = self.conditions[number as usize].as_mut();
        residual.expect(HELD)
    }
}

const HELD: &str = "whoever speaks of a condition holds it";

impl Residual {
    /// A rough count: the tree of a predicate is some times as large as its bytes.
    fn heap_bytes(&self) -> usize {
        let tree = match &self.condition {
            Condition::Predicate(_) => 6 * self.bytes.len(),
            Condition::Filter(filter) => 6 * filter.canonical().0.len(),
        };
        let sides = self.sides.iter().map(|side| {
            let tests = side.rows.iter().map(Vec::capacity).sum::<usize>();
            side.rows.capacity() * size_of::<Vec<Test>>()
                + tests * size_of::<Test>()
                + side.values.capacity() * size_of::<u32>()
        });
        size_of::<Self>() + self.bytes.len() + tree + sides.sum::<usize>()
    }
}
