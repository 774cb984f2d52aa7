//! One test of a filter, and its parts.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::cmp::Ordering;

use gomera_model::Point;
use smol_str::SmolStr;

use super::{Expression, LikePattern, Literal, Operand, Path, Regex, TextShape};

/// One test, true, false or unknown for a notification.
#[derive(Clone, Debug, PartialEq)]
pub enum Predicate {
    /// `left < right`. Where one side is a literal and the other is none, the literal stands on the right.
    Compare {
        /// Mostly an attribute.
        left: Operand,
        /// How they are compared.
        comparison: Comparison,
        /// Mostly a literal.
        right: Operand,
        /// What values of unlike types give.
        unlike: Unlike,
    },
    /// `operand BETWEEN low AND high`, both included.
    Between {
        /// What is tested.
        operand: Operand,
        /// The lower bound.
        low: Operand,
        /// The upper bound.
        high: Operand,
        /// What values of unlike types give.
        unlike: Unlike,
    },
    /// `operand IN (member, ...)`: true if one is equal, unknown if the operand has no value, else false, unless a
    /// member is `NULL`: then unknown.
    In {
        /// What is tested.
        operand: Operand,
        /// The members, in the order of the text, without repetitions.
        members: Vec<Literal>,
        /// Whether a member of another type is just unequal, or cast first.
        unlike: Unlike,
    },
    /// `operand IN (member, ...)` with members that are not all literals (`amqp-sql`, `cesql`).
    Among {
        /// What is tested.
        operand: Operand,
        /// The members.
        members: Vec<Operand>,
        /// As for [`Predicate::In`].
        unlike: Unlike,
    },
    /// `LIKE`, `STARTS_WITH`, `ENDS_WITH`, `CONTAINS`, `MATCHES`.
    Text {
        /// What is tested.
        operand: Operand,
        /// What its text must look like.
        test: TextTest,
        /// Whether a value that is no text is cast first, or gives unknown.
        unlike: Unlike,
    },
    /// `operand IS NULL`: true where it has no value, else false; never unknown.
    IsNull(Operand),
    /// `EXISTS path`: true where it is there, null included, else false; never unknown.
    Exists(Path),
    /// `path IS NUMBER`: true or false, never unknown.
    IsKind(Path, Kind),
    /// An operand that is a truth value by itself; unknown where it is no bool.
    Holds(Operand, Unlike),
    /// `ANY(path, x -> condition)`: over the members of an array; unknown where it is none.
    Quantified {
        /// Any or all.
        quantifier: Quantifier,
        /// The array.
        path: Path,
        /// The name of the variable, for printing.
        variable: SmolStr,
        /// What is asked of members.
        condition: Box<Expression>,
    },
    /// `BBOX(position, …)`.
    InBox(Operand, BoundingBox),
    /// `NEAR(position, centre, metres)`: not farther away than that.
    Near {
        /// What is tested.
        position: Operand,
        /// The middle.
        centre: Point,
        /// The radius.
        metres: f64,
    },
    /// `S_WITHIN(position, POLYGON(…))`.
    Within(Operand, Polygon),
    /// `left XOR right` (`cesql`): unknown where one is.
    Differ(Box<[Expression; 2]>),
}

/// How two values are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Comparison {
    /// `=`
    Equal,
    /// `<>`
    NotEqual,
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterOrEqual,
}

impl Comparison {
    /// What the comparison says of an order.
    #[must_use]
    pub fn holds(self, order: Ordering) -> bool {
        match self {
            Self::Equal => order.is_eq(),
            Self::NotEqual => order.is_ne(),
            Self::Less => order.is_lt(),
            Self::LessOrEqual => order.is_le(),
            Self::Greater => order.is_gt(),
            Self::GreaterOrEqual => order.is_ge(),
        }
    }

    /// The comparison that holds exactly where this one does not.
    #[must_use]
    pub fn opposite(self) -> Self {
        match self {
            Self::Equal => Self::NotEqual,
            Self::NotEqual => Self::Equal,
            Self::Less => Self::GreaterOrEqual,
            Self::LessOrEqual => Self::Greater,
            Self::Greater => Self::LessOrEqual,
            Self::GreaterOrEqual => Self::Less,
        }
    }

    /// The comparison with its sides exchanged.
    #[must_use]
    pub fn flipped(self) -> Self {
        match self {
            Self::Equal => Self::Equal,
            Self::NotEqual => Self::NotEqual,
            Self::Less => Self::Greater,
            Self::LessOrEqual => Self::GreaterOrEqual,
            Self::Greater => Self::Less,
            Self::GreaterOrEqual => Self::LessOrEqual,
        }
    }
}

/// What a test gives for values of types that do not go together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Unlike {
    /// Unknown: `sql`, `mqtt`, and most of the others.
    Unknown,
    /// False, also for `<>` (`amqp-sql`). A value that is missing or null still gives unknown.
    False,
    /// As [`Unlike::False`], and only numbers have an order: `<` between texts is false as well (`jms`).
    FalseUnordered,
    /// They are cast first, as CloudEvents SQL has it (`cesql`); unknown where that fails.
    Cast,
    /// Text that spells a number or a truth value counts as that where the right side is one (`mqtt`); else unknown.
    Spelled,
}

/// The kinds that `IS` asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// An int or a float.
    Number,
    /// Text.
    String,
    /// A bool.
    Boolean,
    /// A position.
    Geometry,
}

/// How many members of an array must satisfy the condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Quantifier {
    /// At least one: the greatest truth value; false for an empty array.
    Any,
    /// Each: the least truth value; true for an empty array.
    All,
}

/// What a text must look like.
#[derive(Clone, Debug, PartialEq)]
pub enum TextTest {
    /// `LIKE`
    Like(LikePattern),
    /// `STARTS_WITH`
    StartsWith(SmolStr),
    /// `ENDS_WITH`
    EndsWith(SmolStr),
    /// `CONTAINS`
    Contains(SmolStr),
    /// `MATCHES`: the expression is found somewhere in the text.
    Matches(Regex),
}

impl TextTest {
    /// The shape, so that `LIKE 'x%'` and `STARTS_WITH(…, 'x')` are the same to an index.
    #[must_use]
    pub fn shape(&self) -> TextShape<'_> {
        match self {
            Self::Like(pattern) => pattern.shape(),
            Self::StartsWith(text) | Self::EndsWith(text) | Self::Contains(text)
                if text.is_empty() =>
            {
                TextShape::Anything
            }
            Self::StartsWith(text) => TextShape::Prefix(text),
            Self::EndsWith(text) => TextShape::Suffix(text),
            Self::Contains(text) => TextShape::Contains(text),
            Self::Matches(_) => TextShape::Other,
        }
    }
}

/// Degrees west to east and south to north, bounds included. West of east unless the box crosses the date line.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BoundingBox {
    /// The south-western corner.
    pub low: Point,
    /// The north-eastern corner.
    pub high: Point,
}

/// An outer ring and holes, each closed: its last position is its first.
#[derive(Clone, Debug, PartialEq)]
pub struct Polygon {
    /// The outer ring first. Edges are straight in degrees.
    pub rings: Vec<Vec<Point>>,
}
