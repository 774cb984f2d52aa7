//! The native language.

use crate::dialect::Dialect;
use crate::tree::{Function, Unlike};

use super::grammar::{
    Conditions, Escape, Grammar, Keyword, Members, SQL_POWERS, Signature, no_default, plain_name,
    signature, sql_keyword,
};
use super::lexer::{Lexis, Names};

/// The grammar of the dialect `sql`.
pub(super) static GRAMMAR: Grammar = Grammar {
    dialect: Dialect::Sql,
    lexis: Lexis {
        double_quoted_text: false,
        backslash: false,
        bracketed_names: false,
        hexadecimal_bytes: false,
        java_numbers: false,
        whole_numbers: false,
        names: Names::Dotted,
    },
    keyword,
    unlike: Unlike::Unknown,
    powers: SQL_POWERS,
    sequential: false,
    exclamation: true,
    conditions_are_values: false,
    conditions: Conditions::Names,
    chained_comparisons: false,
    members: Members::Literals,
    tests_of_names_only: false,
    escape: Escape::Strict,
    plain_patterns: false,
    whole_numbers: (i64::MIN, i64::MAX),
    null_literal: true,
    exists_takes_brackets: true,
    reserved_hint: "a name that is a word of the language stands in double quotes",
    function_case: false,
    functions: &FUNCTIONS,
    native: true,
    name: plain_name,
    default: no_default,
};

fn keyword(name: &str) -> Option<Keyword> {
    if name.eq_ignore_ascii_case("EXISTS") {
        return Some(Keyword::Exists);
    }
    sql_keyword(name)
}

const FUNCTIONS: [Signature; 14] = [
    signature("ABS", Function::Abs, 1, 1),
    signature("CEIL", Function::Ceil, 1, 1),
    signature("FLOOR", Function::Floor, 1, 1),
    signature("ROUND", Function::Round, 1, 1),
    signature("LENGTH", Function::Length, 1, 1),
    signature("LOWER", Function::Lower, 1, 1),
    signature("UPPER", Function::Upper, 1, 1),
    signature("TRIM", Function::Trim, 1, 1),
    signature("CONCAT", Function::Concat, 1, 32),
    signature("LEFT", Function::Left, 2, 2),
    signature("RIGHT", Function::Right, 2, 2),
    signature("SUBSTRING", Function::Substring, 2, 3),
    signature("DISTANCE", Function::Distance, 2, 2),
    signature("COALESCE", Function::Coalesce, 1, 32),
];
