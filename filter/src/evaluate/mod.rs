//! The meaning of single predicates. The reference evaluator stands on this; an index may call it for what it does not
//! index itself, and decides what it does index by code of its own.

mod arithmetic;
mod characters;
mod cloud;
mod compare;
mod datum;
mod function;
pub mod geometry;
mod like;
mod operand;
mod predicate;

use gomera_model::{Attributes, LookupMap, Timestamp, ValueRef};

use crate::tree::{Expression, Path, Predicate, Step, Truth};

pub use compare::{compare_int_float, order_of as order};
pub use datum::Datum;

/// Where the values of a notification are found, by their full name.
pub trait Values {
    /// The value of an attribute of the flattened notification.
    fn value(&self, name: &str) -> Option<ValueRef<'_>>;

    /// The time that `UTC()` stands for, if the evaluation has one.
    fn utc(&self) -> Option<Timestamp> {
        None
    }
}

impl Values for Attributes {
    fn value(&self, name: &str) -> Option<ValueRef<'_>> {
        Self::value(self, name)
    }
}

/// The attributes of one notification, laid out for many look-ups.
#[derive(Debug)]
pub struct Prepared<'a> {
    values: LookupMap<&'a str, ValueRef<'a>>,
    utc: Option<Timestamp>,
}

impl<'a> Prepared<'a> {
    /// Lays out flattened attributes.
    #[must_use]
    pub fn new(flat: &'a Attributes) -> Self {
        let mut values = LookupMap::new(0);
        for (name, value) in flat {
            values.insert(name, value);
        }
        Self { values, utc: None }
    }

    /// The same at a point in time, for filters that ask for it.
    #[must_use]
    pub fn at(mut self, utc: Timestamp) -> Self {
        self.utc = Some(utc);
        self
    }
}

impl Values for Prepared<'_> {
    fn value(&self, name: &str) -> Option<ValueRef<'_>> {
        self.values.get(name).copied()
    }

    fn utc(&self) -> Option<Timestamp> {
        self.utc
    }
}

/// Why something has no value, and a test no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reason {
    /// An attribute is not there.
    Missing,
    /// An attribute or a literal is null.
    Null,
    /// Values of types that do not go together.
    Unlike,
    /// Division by zero, an overflow, an index beyond the end.
    Arithmetic,
}

impl Reason {
    /// The reason in a word.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Null => "null",
            Self::Unlike => "unlike",
            Self::Arithmetic => "arithmetic",
        }
    }
}

/// The answer of a test, or why there is none.
pub type Answer = Result<bool, Reason>;

/// The truth value of an answer.
#[must_use]
pub fn truth(answer: Answer) -> Truth {
    answer.map_or(Truth::Unknown, Truth::from)
}

/// The answer of one predicate for a notification.
///
/// # Errors
///
/// The reason, where the answer is unknown.
pub fn answer<V: Values>(predicate: &Predicate, values: &V) -> Answer {
    Scope::outermost(values).answer(predicate)
}

/// The truth value of one predicate for a notification.
#[must_use]
pub fn evaluate<V: Values>(predicate: &Predicate, values: &V) -> Truth {
    truth(answer(predicate, values))
}

/// The truth value of a condition for a notification.
#[must_use]
pub fn evaluate_expression<V: Values>(expression: &Expression, values: &V) -> Truth {
    Scope::outermost(values).truth(expression)
}

/// A notification, and the members of arrays that the variables in sight stand for.
#[derive(Debug)]
pub(crate) struct Scope<'s, V> {
    values: &'s V,
    binding: Option<Binding<'s, V>>,
}

#[derive(Debug)]
struct Binding<'s, V> {
    level: u8,
    member: ValueRef<'s>,
    outer: &'s Scope<'s, V>,
}

impl<'s, V: Values> Scope<'s, V> {
    pub(crate) fn outermost(values: &'s V) -> Self {
        Self {
            values,
            binding: None,
        }
    }

    pub(crate) fn within(&'s self, member: ValueRef<'s>) -> Self {
        let level = match &self.binding {
            Some(binding) => binding.level + 1,
            None => 0,
        };
        Self {
            values: self.values,
            binding: Some(Binding {
                level,
                member,
                outer: self,
            }),
        }
    }

    /// The truth value of a condition.
    pub(crate) fn truth(&self, expression: &Expression) -> Truth {
        match expression {
            Expression::Constant(truth) => *truth,
            Expression::Predicate(predicate) => truth(self.answer(predicate)),
            Expression::Not(inner) => !self.truth(inner),
            Expression::And(parts) => self.least(parts),
            Expression::Or(parts) => self.greatest(parts),
            Expression::AndThen(parts) => self.first_other_than(parts, Truth::True),
            Expression::OrElse(parts) => self.first_other_than(parts, Truth::False),
        }
    }

    fn least(&self, parts: &[Expression]) -> Truth {
        let mut least = Truth::True;
        for part in parts {
            least = least.and(self.truth(part));
            if least == Truth::False {
                break;
            }
        }
        least
    }

    fn greatest(&self, parts: &[Expression]) -> Truth {
        let mut greatest = Truth::False;
        for part in parts {
            greatest = greatest.or(self.truth(part));
            if greatest == Truth::True {
                break;
            }
        }
        greatest
    }

    fn first_other_than(&self, parts: &[Expression], passed: Truth) -> Truth {
        parts
            .iter()
            .map(|part| self.truth(part))
            .find(|truth| *truth != passed)
            .unwrap_or(passed)
    }

    fn utc(&self) -> Option<Timestamp> {
        self.values.utc()
    }

    /// What is found at a path.
    fn find(&self, path: &Path) -> Option<ValueRef<'_>> {
        let start = match path.variable {
            None => self.values.value(&path.name)?,
            Some(level) => self.member(level)?,
        };
        path.steps
            .iter()
            .try_fold(start, |value, step| match (value, step) {
                (ValueRef::Array(array), Step::Index(index)) => {
                    array.iter().nth(usize::try_from(*index).ok()?)
                }
                (ValueRef::Object(object), Step::Key(key)) => object.value(key),
                _ => None,
            })
    }

    fn member(&self, level: u8) -> Option<ValueRef<'_>> {
        let binding = self.binding.as_ref()?;
        if binding.level == level {
            return Some(binding.member);
        }
        binding.outer.member(level)
    }
}
