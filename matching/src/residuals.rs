//! Conditions that no facet shows: each is asked at most once a notification, whoever wants to know.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::Write;

use gomera_filter::{Filter, Predicate, Truth, evaluate, reference};
use gomera_model::{Attributes, LookupMap};

/// Something that is true, false or unknown for a notification.
#[derive(Clone, Debug)]
pub(crate) enum Condition {
    /// One predicate; equal ones are shared.
    Predicate(Predicate),
    /// A filter that has too many rows.
    Filter(Filter),
}

/// All conditions in use.
#[derive(Clone, Debug)]
pub(crate) struct Residuals {
    conditions: Vec<Option<Residual>>,
    free: Vec<u32>,
    by_text: LookupMap<String, u32>,
    memo: Memo,
    bytes: usize,
}

#[derive(Clone, Debug)]
struct Residual {
    condition: Condition,
    /// By which an equal one is found; empty for a filter.
    text: String,
    uses: u32,
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
            conditions: Vec::new(),
            free: Vec::new(),
            by_text: LookupMap::new(seed),
            memo: Memo::default(),
            bytes: 0,
        }
    }

    /// The number of a condition, held once more.
    pub(crate) fn acquire(&mut self, condition: Condition) -> u32 {
        let text = text_of(&condition);
        if let Some(&number) = self.by_text.get(text.as_str()).filter(|_| !text.is_empty()) {
            if let Some(residual) = &mut self.conditions[number as usize] {
                residual.uses += 1;
            }
            return number;
        }
        self.bytes += bytes_of(&condition, &text);
        let number = self.free.pop().unwrap_or_else(|| {
            self.conditions.push(None);
            self.memo.known.push((0, Truth::Unknown));
            u32::try_from(self.conditions.len() - 1).expect("fewer than 2^32 conditions")
        });
        if !text.is_empty() {
            self.by_text.insert(text.clone(), number);
        }
        self.memo.known[number as usize] = (0, Truth::Unknown);
        self.conditions[number as usize] = Some(Residual {
            condition,
            text,
            uses: 1,
        });
        number
    }

    /// Holds a condition once more.
    pub(crate) fn hold(&mut self, number: u32) {
        if let Some(residual) = &mut self.conditions[number as usize] {
            residual.uses += 1;
        }
    }

    /// Lets go of a condition once.
    pub(crate) fn release(&mut self, number: u32) {
        let place = &mut self.conditions[number as usize];
        if let Some(residual) = place.take_if(|residual| {
            residual.uses -= 1;
            residual.uses == 0
        }) {
            self.bytes -= bytes_of(&residual.condition, &residual.text);
            self.by_text.remove(residual.text.as_str());
            self.free.push(number);
        }
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
            + self.conditions.capacity() * size_of::<Option<Residual>>()
            + self.memo.known.capacity() * size_of::<(u32, Truth)>()
            + self.by_text.len() * (size_of::<(String, u32)>() + 1) * 8 / 7
    }

    fn ask(&self, number: u32, flat: &Attributes) -> Truth {
        let residual = self.conditions[number as usize]
            .as_ref()
            .expect("a row holds its conditions");
        match &residual.condition {
            Condition::Predicate(predicate) => evaluate::evaluate(predicate, flat),
            Condition::Filter(filter) => reference::evaluate(filter, flat),
        }
    }
}

/// A text that equal predicates share and unequal ones do not.
fn text_of(condition: &Condition) -> String {
    let mut text = String::new();
    match condition {
        Condition::Predicate(predicate) => {
            write!(text, "{predicate:?}").expect("writing to a string does not fail");
        }
        Condition::Filter(_) => {}
    }
    text
}

/// A rough count: the tree of a predicate is about as large as its text.
fn bytes_of(condition: &Condition, text: &str) -> usize {
    match condition {
        Condition::Predicate(_) => 3 * text.len(),
        Condition::Filter(filter) => 2 * filter.canonical().0.len(),
    }
}
