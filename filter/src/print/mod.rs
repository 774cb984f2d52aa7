//! Canonical text: parsing it gives the same tree.
//!
//! Brackets stand only where the binding of operators needs them. Each dialect is printed as it is written.

mod words;

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::Write as _;

use gomera_model::{Point, rfc3339};
use smol_str::SmolStr;

use crate::dialect::Dialect;
use crate::tree::{
    Arithmetic, CloudFunction, Expression, Function, LikePart, LikePattern, Literal, Operand, Path,
    Predicate, Quantifier, Step, TextTest, Truth,
};

/// The canonical text of a tree.
pub(crate) fn print(dialect: Dialect, expression: &Expression) -> String {
    if dialect == Dialect::Mqtt
        && let Some(text) = mqtt(expression)
    {
        return text;
    }
    let mut printer = Printer::new(dialect);
    printer.expression(expression, Level::Or);
    printer.out
}

use words::{arithmetic_sign, function_name, has_negative, kind_word, sign};

/// The canonical text of one predicate, for explanations.
#[must_use]
pub fn print_predicate(dialect: Dialect, predicate: &Predicate) -> String {
    let mut printer = Printer::new(dialect);
    printer.predicate(predicate, false);
    printer.out
}

/// How tightly things bind; what is printed within something tighter stands in brackets.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Level {
    Or,
    And,
    Not,
    Comparison,
    Sum,
    Product,
    Sign,
}

struct Printer {
    out: String,
    dialect: Dialect,
    variables: Vec<SmolStr>,
}

impl Printer {
    fn new(dialect: Dialect) -> Self {
        Self {
            out: String::new(),
            dialect,
            variables: Vec::new(),
        }
    }

    fn expression(&mut self, expression: &Expression, level: Level) {
        match expression {
            Expression::Constant(truth) => self.out.push_str(match truth {
                Truth::False => "FALSE",
                Truth::Unknown => "NULL",
                Truth::True => "TRUE",
            }),
            Expression::Predicate(predicate) => self.atom(predicate, level),
            Expression::Not(inner) => self.not(inner, level),
            Expression::And(parts) | Expression::AndThen(parts) => {
                self.joined(parts, " AND ", Level::And, level);
            }
            Expression::Or(parts) | Expression::OrElse(parts) => {
                self.joined(parts, " OR ", Level::Or, level);
            }
        }
    }

    fn not(&mut self, inner: &Expression, level: Level) {
        if let Expression::Predicate(predicate) = inner
            && has_negative(predicate)
        {
            return self.bracketed(level > Level::Comparison, |printer| {
                printer.predicate(predicate, true);
            });
        }
        self.bracketed(level > Level::Not, |printer| {
            printer.out.push_str("NOT ");
            let tight = printer.dialect == Dialect::Cesql;
            printer.expression(inner, if tight { Level::Sign } else { Level::Not });
        });
    }

    fn atom(&mut self, predicate: &Predicate, level: Level) {
        if let Predicate::Holds(operand, _) = predicate {
            return self.operand(operand, level.max(Level::Sum));
        }
        let own = match predicate {
            Predicate::Exists(_) => Level::Sign,
            Predicate::Differ(_) => Level::Or,
            Predicate::Compare { .. }
            | Predicate::Between { .. }
            | Predicate::In { .. }
            | Predicate::Among { .. }
            | Predicate::Text { .. }
            | Predicate::IsNull(_)
            | Predicate::IsKind(..)
            | Predicate::Holds(..)
            | Predicate::Quantified { .. }
            | Predicate::InBox(..)
            | Predicate::Near { .. }
            | Predicate::Within(..) => Level::Comparison,
        };
        self.bracketed(level > own, |printer| printer.predicate(predicate, false));
    }

    fn joined(&mut self, parts: &[Expression], word: &str, own: Level, level: Level) {
        // All logic binds alike in CloudEvents SQL, from the left.
        let alike = self.dialect == Dialect::Cesql;
        self.bracketed(level > own, |printer| {
            for (index, part) in parts.iter().enumerate() {
                if index > 0 {
                    printer.out.push_str(word);
                }
                let inner = match (alike, own) {
                    (true, _) if index == 0 => Level::Or,
                    (false, Level::Or) => Level::And,
                    _ => Level::Not,
                };
                printer.expression(part, inner);
            }
        });
    }

    fn predicate(&mut self, predicate: &Predicate, negated: bool) {
        let not = if negated { "NOT " } else { "" };
        match predicate {
            Predicate::Compare {
                left,
                comparison,
                right,
                ..
            } => {
                self.operand(left, Level::Sum);
                self.put(format_args!(" {} ", sign(*comparison)));
                self.operand(right, Level::Sum);
            }
            Predicate::Between {
                operand, low, high, ..
            } => {
                self.operand(operand, Level::Sum);
                self.put(format_args!(" {not}BETWEEN "));
                self.operand(low, Level::Sum);
                self.out.push_str(" AND ");
                self.operand(high, Level::Sum);
            }
            Predicate::In {
                operand, members, ..
            } => {
                self.operand(operand, self.tested());
                self.put(format_args!(" {not}IN "));
                self.listed(members, Self::literal);
            }
            Predicate::Among {
                operand, members, ..
            } => {
                self.operand(operand, self.tested());
                self.put(format_args!(" {not}IN "));
                self.listed(members, |printer, member| {
                    printer.operand(member, Level::Or)
                });
            }
            Predicate::Text { operand, test, .. } => self.text_test(operand, test, not),
            Predicate::IsNull(operand) => {
                self.operand(operand, Level::Sum);
                self.put(format_args!(" IS {not}NULL"));
            }
            Predicate::Exists(path) => {
                self.out.push_str("EXISTS ");
                self.path(path);
            }
            Predicate::IsKind(path, kind) => {
                self.path(path);
                self.put(format_args!(" IS {not}{}", kind_word(*kind)));
            }
            Predicate::Holds(operand, _) => self.operand(operand, Level::Sum),
            Predicate::Quantified {
                quantifier,
                path,
                variable,
                condition,
            } => self.quantified(*quantifier, path, variable, condition),
            Predicate::InBox(..) | Predicate::Near { .. } | Predicate::Within(..) => {
                self.geometry(predicate);
            }
            Predicate::Differ(sides) => {
                let [left, right] = &**sides;
                self.expression(left, Level::Or);
                self.out.push_str(" XOR ");
                self.expression(right, Level::Not);
            }
        }
    }

    fn geometry(&mut self, predicate: &Predicate) {
        if let Predicate::InBox(position, bounds) = predicate {
            self.out.push_str("BBOX(");
            self.operand(position, Level::Or);
            for bound in [
                bounds.low.lon,
                bounds.low.lat,
                bounds.high.lon,
                bounds.high.lat,
            ] {
                self.put(format_args!(", {bound:?}"));
            }
        }
        if let Predicate::Near {
            position,
            centre,
            metres,
        } = predicate
        {
            self.out.push_str("NEAR(");
            self.operand(position, Level::Or);
            self.put(format_args!(
                ", POINT({:?} {:?}), {metres:?}",
                centre.lon, centre.lat
            ));
        }
        if let Predicate::Within(position, polygon) = predicate {
            self.out.push_str("S_WITHIN(");
            self.operand(position, Level::Or);
            self.out.push_str(", POLYGON");
            self.listed(&polygon.rings, |printer, ring| {
                printer.listed(ring, |printer, point: &Point| {
                    printer.put(format_args!("{:?} {:?}", point.lon, point.lat));
                });
            });
        }
        self.out.push(')');
    }

    fn quantified(
        &mut self,
        quantifier: Quantifier,
        path: &Path,
        variable: &SmolStr,
        condition: &Expression,
    ) {
        self.out.push_str(match quantifier {
            Quantifier::Any => "ANY(",
            Quantifier::All => "ALL(",
        });
        self.path(path);
        self.put(format_args!(", {variable} -> "));
        self.variables.push(variable.clone());
        self.expression(condition, Level::Or);
        self.variables.pop();
        self.out.push(')');
    }

    fn text_test(&mut self, operand: &Operand, test: &TextTest, not: &str) {
        let (name, text) = match test {
            TextTest::Like(pattern) => {
                self.operand(operand, self.tested());
                self.put(format_args!(" {not}LIKE "));
                return self.pattern(pattern);
            }
            TextTest::StartsWith(text) => ("STARTS_WITH", text.as_str()),
            TextTest::EndsWith(text) => ("ENDS_WITH", text.as_str()),
            TextTest::Contains(text) => ("CONTAINS", text.as_str()),
            TextTest::Matches(regex) => ("MATCHES", regex.text()),
        };
        self.put(format_args!("{name}("));
        self.operand(operand, Level::Or);
        self.out.push_str(", ");
        self.text(text);
        self.out.push(')');
    }

    fn pattern(&mut self, pattern: &LikePattern) {
        let mut text = String::new();
        let special = |next: char| matches!(next, '%' | '_');
        let always = self.dialect == Dialect::Cesql;
        let needed = pattern.parts().iter().any(|part| match part {
            LikePart::Text(text) => text.contains(special),
            LikePart::Run | LikePart::One => false,
        });
        for part in pattern.parts() {
            match part {
                LikePart::Run => text.push('%'),
                LikePart::One => text.push('_'),
                LikePart::Text(piece) => {
                    for next in piece.chars() {
                        if special(next) || (next == '\\' && needed && !always) {
                            text.push('\\');
                        }
                        text.push(next);
                    }
                }
            }
        }
        self.text(&text);
        if needed && !always {
            self.out.push_str(" ESCAPE ");
            self.text("\\");
        }
    }

    fn operand(&mut self, operand: &Operand, level: Level) {
        match operand {
            Operand::Literal(literal) => self.literal(literal),
            Operand::Attribute(path) => self.path(path),
            Operand::Negate(inner) => self.negated(inner),
            Operand::Arithmetic(operator, operands) => {
                let [left, right] = &**operands;
                self.arithmetic(*operator, [left, right], level);
            }
            Operand::Call(function, arguments) => self.call(*function, arguments, level),
            Operand::Position(parts) => {
                self.out.push_str("POINT(");
                self.coordinate(&parts[0]);
                let compound = matches!(parts[1], Operand::Arithmetic(..));
                self.out.push_str(if compound { ", " } else { " " });
                self.coordinate(&parts[1]);
                self.out.push(')');
            }
            Operand::Condition(condition) => {
                self.bracketed(true, |printer| printer.expression(condition, Level::Or));
            }
        }
    }

    fn negated(&mut self, inner: &Operand) {
        let negate = Function::Cloud(CloudFunction::Negate);
        let has_sign = match inner {
            Operand::Literal(_) | Operand::Negate(_) => true,
            Operand::Call(function, _) => *function == negate,
            Operand::Attribute(_)
            | Operand::Arithmetic(..)
            | Operand::Position(_)
            | Operand::Condition(_) => false,
        };
        self.out.push_str(if has_sign { "- " } else { "-" });
        self.operand(inner, Level::Sign);
    }

    fn arithmetic(&mut self, operator: Arithmetic, operands: [&Operand; 2], level: Level) {
        let (own, right) = match operator {
            Arithmetic::Add | Arithmetic::Subtract => (Level::Sum, Level::Product),
            Arithmetic::Multiply | Arithmetic::Divide | Arithmetic::Remainder => {
                (Level::Product, Level::Sign)
            }
        };
        self.bracketed(level > own, |printer| {
            printer.operand(operands[0], own);
            printer.put(format_args!(" {} ", arithmetic_sign(operator)));
            printer.operand(operands[1], right);
        });
    }

    fn call(&mut self, function: Function, arguments: &[Operand], level: Level) {
        match (function, arguments) {
            (Function::Cloud(CloudFunction::Whole(operator)), [left, right]) => {
                self.arithmetic(operator, [left, right], level);
            }
            (Function::Cloud(CloudFunction::Negate), [inner]) => self.negated(inner),
            (Function::Coalesce, [Operand::Attribute(path), Operand::Literal(_)])
                if self.dialect == Dialect::AmqpSql =>
            {
                self.out.push_str(&path.name.replacen(':', ".", 1));
            }
            _ => {
                self.out.push_str(function_name(function));
                self.listed(arguments, |printer, argument| {
                    printer.operand(argument, Level::Or);
                });
            }
        }
    }

    /// How tightly `IN` and `LIKE` hold what stands before them.
    fn tested(&self) -> Level {
        match self.dialect {
            Dialect::Cesql => Level::Sign,
            Dialect::Sql | Dialect::Jms | Dialect::AmqpSql | Dialect::Mqtt => Level::Sum,
        }
    }

    fn coordinate(&mut self, operand: &Operand) {
        let compound = matches!(operand, Operand::Arithmetic(..));
        self.bracketed(compound, |printer| printer.operand(operand, Level::Or));
    }

    fn literal(&mut self, literal: &Literal) {
        match literal {
            Literal::Null => self.out.push_str("NULL"),
            Literal::Bool(true) => self.out.push_str("TRUE"),
            Literal::Bool(false) => self.out.push_str("FALSE"),
            Literal::Int(value) => self.put(format_args!("{value}")),
            Literal::Float(value) => self.put(format_args!("{value:?}")),
            Literal::String(text) => self.text(text),
            Literal::Bytes(bytes) => {
                self.out.push_str("0x");
                for byte in bytes {
                    self.put(format_args!("{byte:02X}"));
                }
            }
            Literal::Timestamp(time) => {
                self.put(format_args!("TIMESTAMP '{}'", rfc3339::format(*time)));
            }
            Literal::Point(point) => {
                self.put(format_args!("POINT({:?} {:?})", point.lon, point.lat));
            }
        }
    }

    fn text(&mut self, text: &str) {
        if self.dialect == Dialect::Cesql {
            // A quote that a lone backslash stands before can only have come from text in the other quotes.
            let quote = if escapes_quote(text) { '"' } else { '\'' };
            let escaped = text.replace(quote, &format!("\\{quote}"));
            return self.put(format_args!("{quote}{escaped}{quote}"));
        }
        self.put(format_args!("'{}'", text.replace('\'', "''")));
    }

    fn path(&mut self, path: &Path) {
        match path.variable {
            Some(level) => {
                let name = self.variables.get(usize::from(level)).cloned();
                self.out.push_str(&name.unwrap_or_default());
            }
            None => self.name(&path.name),
        }
        for step in &path.steps {
            match step {
                Step::Index(index) => self.put(format_args!("[{index}]")),
                Step::Key(key) if crate::parse::is_identifier(key) => {
                    self.put(format_args!(".{key}"));
                }
                Step::Key(key) => {
                    self.out.push('[');
                    self.text(key);
                    self.out.push(']');
                }
            }
        }
    }

    fn name(&mut self, name: &str) {
        let head = name.split('.').next().unwrap_or(name);
        let hidden = self.variables.iter().any(|variable| variable == head);
        if !hidden && crate::parse::is_bare_name(self.dialect, name) {
            self.out.push_str(name);
        } else if self.dialect == Dialect::AmqpSql {
            match crate::parse::written_in_amqp(name) {
                Some(written) => self.out.push_str(&written),
                None => {
                    let doubled = name.replace('[', "[[").replace(']', "]]");
                    self.put(format_args!("[{doubled}]"));
                }
            }
        } else {
            self.put(format_args!("\"{}\"", name.replace('"', "\"\"")));
        }
    }

    fn listed<T>(&mut self, items: &[T], print: impl Fn(&mut Self, &T)) {
        self.bracketed(true, |printer| {
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    printer.out.push_str(", ");
                }
                print(printer, item);
            }
        });
    }

    fn bracketed(&mut self, brackets: bool, print: impl FnOnce(&mut Self)) {
        if brackets {
            self.out.push('(');
        }
        print(self);
        if brackets {
            self.out.push(')');
        }
    }

    fn put(&mut self, arguments: core::fmt::Arguments<'_>) {
        self.out
            .write_fmt(arguments)
            .expect("a String takes whatever is written");
    }
}

/// Whether an odd number of backslashes stands before a single quote.
fn escapes_quote(text: &str) -> bool {
    let before_quotes = text.split('\'').rev().skip(1);
    before_quotes
        .map(|piece| piece.len() - piece.trim_end_matches('\\').len())
        .any(|backslashes| backslashes % 2 == 1)
}

/// The text of a list of comparisons; `None` for what that dialect cannot write, as the negation of a filter.
fn mqtt(expression: &Expression) -> Option<String> {
    let parts = if let Expression::And(parts) = expression {
        parts.as_slice()
    } else {
        core::slice::from_ref(expression)
    };
    let comparisons: Option<Vec<String>> = parts.iter().map(mqtt_comparison).collect();
    comparisons.map(|comparisons| comparisons.join("&"))
}

fn mqtt_comparison(part: &Expression) -> Option<String> {
    let Expression::Predicate(Predicate::Compare {
        left,
        comparison,
        right,
        ..
    }) = part
    else {
        return None;
    };
    let sign = match sign(*comparison) {
        "<>" => "!=",
        sign => sign,
    };
    let value = match right.literal()? {
        Literal::String(text) => crate::parse::written_in_mqtt(text),
        Literal::Bool(value) => format!("{value}"),
        Literal::Int(value) => format!("{value}"),
        Literal::Float(value) => format!("{value:?}"),
        Literal::Null | Literal::Bytes(_) | Literal::Timestamp(_) | Literal::Point(_) => {
            return None;
        }
    };
    let key = crate::parse::written_in_mqtt(left.attribute()?);
    Some(format!("{key}{sign}{value}"))
}
