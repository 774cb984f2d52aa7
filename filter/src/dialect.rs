//! The languages in which a filter may be written.

use core::fmt;
use core::str::FromStr;

/// A language of filters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Dialect {
    /// The native language.
    #[default]
    Sql,
    /// Selectors of Jakarta Messaging 3.1, section 3.8.
    Jms,
    /// AMQP Filter Expressions 1.0: SQL filter expressions.
    AmqpSql,
    /// CloudEvents SQL 1.0.
    Cesql,
    /// `key=value&n>25`: comparisons that must all hold.
    Mqtt,
}

impl Dialect {
    /// All dialects, the native one first.
    pub const ALL: [Self; 5] = [Self::Sql, Self::Jms, Self::AmqpSql, Self::Cesql, Self::Mqtt];

    /// The name as it stands on the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Sql => "sql",
            Self::Jms => "jms",
            Self::AmqpSql => "amqp-sql",
            Self::Cesql => "cesql",
            Self::Mqtt => "mqtt",
        }
    }
}

impl fmt::Display for Dialect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Dialect {
    type Err = UnknownDialect;

    fn from_str(name: &str) -> Result<Self, UnknownDialect> {
        Self::ALL
            .into_iter()
            .find(|dialect| dialect.name() == name)
            .ok_or(UnknownDialect)
    }
}

/// No dialect has this name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no such dialect: it is one of sql, jms, amqp-sql, cesql, mqtt")]
pub struct UnknownDialect;
