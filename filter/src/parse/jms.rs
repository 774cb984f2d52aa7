//! Selectors of Jakarta Messaging 3.1, section 3.8.

use crate::dialect::Dialect;
use crate::tree::Unlike;

use super::grammar::{
    Conditions, Escape, Grammar, Members, SQL_POWERS, no_default, plain_name, sql_keyword,
};
use super::lexer::{Lexis, Names};

/// The grammar of the dialect `jms`. Names in double quotes, for attributes with a dot, are known from its brokers.
pub(super) static GRAMMAR: Grammar = Grammar {
    dialect: Dialect::Jms,
    lexis: Lexis {
        double_quoted_text: false,
        backslash: false,
        bracketed_names: false,
        hexadecimal_bytes: false,
        java_numbers: true,
        whole_numbers: false,
        names: Names::Java,
    },
    keyword: sql_keyword,
    unlike: Unlike::FalseUnordered,
    powers: SQL_POWERS,
    sequential: false,
    exclamation: false,
    conditions_are_values: false,
    conditions: Conditions::Variables,
    chained_comparisons: false,
    members: Members::Texts,
    tests_of_names_only: true,
    escape: Escape::Lenient,
    plain_patterns: false,
    whole_numbers: (i64::MIN, i64::MAX),
    null_literal: false,
    exists_takes_brackets: false,
    reserved_hint: "a name that is a word of the language, or has a dot, stands in double quotes",
    function_case: false,
    functions: &[],
    native: false,
    name: plain_name,
    default: no_default,
};
