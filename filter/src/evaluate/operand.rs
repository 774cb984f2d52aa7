//! The value of an operand, or why it has none.

use gomera_model::Point;

use super::geometry;
use super::{Datum, Reason, Scope, Values, arithmetic, function};
use crate::tree::{Operand, Truth};

impl<V: Values> Scope<'_, V> {
    pub(super) fn operand<'a>(&'a self, operand: &'a Operand) -> Result<Datum<'a>, Reason> {
        match operand {
            Operand::Literal(literal) => Datum::of_literal(literal),
            Operand::Attribute(path) => Datum::of_value(self.find(path).ok_or(Reason::Missing)?),
            Operand::Negate(inner) => arithmetic::negate(&self.operand(inner)?),
            Operand::Arithmetic(operator, operands) => {
                let [left, right] = &**operands;
                let (left, right) = (self.operand(left)?, self.operand(right)?);
                arithmetic::compute(*operator, &left, &right)
            }
            Operand::Call(function, arguments) => function::call(self, *function, arguments),
            Operand::Position(_) => Ok(Datum::Point(self.position(operand)?)),
            Operand::Condition(condition) => match self.truth(condition) {
                Truth::True => Ok(Datum::Bool(true)),
                Truth::False => Ok(Datum::Bool(false)),
                Truth::Unknown => Err(Reason::Missing),
            },
        }
    }

    /// The position that an operand stands for.
    pub(super) fn position(&self, operand: &Operand) -> Result<Point, Reason> {
        match operand {
            Operand::Attribute(path) => {
                let value = self.find(path).ok_or(Reason::Missing)?;
                if value == gomera_model::ValueRef::Null {
                    return Err(Reason::Null);
                }
                geometry::position(value).ok_or(Reason::Unlike)
            }
            Operand::Position(parts) => {
                let [lon, lat] = &**parts;
                let degrees = |operand| self.operand(operand)?.as_float().ok_or(Reason::Unlike);
                let (lon, lat) = (degrees(lon)?, degrees(lat)?);
                let on_earth = (-180.0..=180.0).contains(&lon) && (-90.0..=90.0).contains(&lat);
                on_earth
                    .then_some(Point { lon, lat })
                    .ok_or(Reason::Arithmetic)
            }
            Operand::Literal(_)
            | Operand::Negate(_)
            | Operand::Arithmetic(..)
            | Operand::Call(..)
            | Operand::Condition(_) => match self.operand(operand)? {
                Datum::Point(point) => Ok(point),
                Datum::Bool(_)
                | Datum::Int(_)
                | Datum::Float(_)
                | Datum::Text(_)
                | Datum::Bytes(_)
                | Datum::Time(_)
                | Datum::Nested => Err(Reason::Unlike),
            },
        }
    }
}
