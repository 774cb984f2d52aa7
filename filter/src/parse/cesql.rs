//! CloudEvents SQL 1.0.

use crate::dialect::Dialect;
use crate::tree::{CloudFunction, Function, Unlike};

use super::grammar::{
    BadName, Conditions, Escape, Grammar, Keyword, Members, Powers, Signature, no_default,
    signature,
};
use super::lexer::{Lexis, Names};
use crate::error::FilterErrorKind;
use crate::tree::Path;

/// The grammar of the dialect `cesql`.
pub(super) static GRAMMAR: Grammar = Grammar {
    dialect: Dialect::Cesql,
    lexis: Lexis {
        double_quoted_text: true,
        backslash: true,
        bracketed_names: false,
        hexadecimal_bytes: false,
        java_numbers: false,
        whole_numbers: true,
        names: Names::Alphanumeric,
    },
    keyword,
    unlike: Unlike::Cast,
    powers: Powers {
        or: 10,
        and: 10,
        not: 70,
        comparison: 40,
        test: 65,
        sum: 50,
        product: 60,
        sign: 70,
    },
    sequential: true,
    exclamation: true,
    conditions_are_values: true,
    conditions: Conditions::Values,
    chained_comparisons: true,
    members: Members::Expressions,
    tests_of_names_only: false,
    escape: Escape::Backslash,
    plain_patterns: false,
    whole_numbers: (i32::MIN as i64, i32::MAX as i64),
    null_literal: false,
    exists_takes_brackets: false,
    reserved_hint: "this is a word of the language",
    function_case: false,
    functions: &FUNCTIONS,
    native: false,
    name,
    default: no_default,
};

fn keyword(name: &str) -> Option<Keyword> {
    WORDS
        .iter()
        .find(|(word, _)| word.eq_ignore_ascii_case(name))
        .map(|(_, keyword)| *keyword)
}

fn name(name: &str) -> Result<Path, BadName> {
    if name.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return Ok(Path::attribute(name));
    }
    Err(BadName {
        kind: FilterErrorKind::UnexpectedCharacter,
        expected: "a name of ASCII letters and digits",
    })
}

const WORDS: [(&str, Keyword); 9] = [
    ("AND", Keyword::And),
    ("OR", Keyword::Or),
    ("XOR", Keyword::Xor),
    ("NOT", Keyword::Not),
    ("LIKE", Keyword::Like),
    ("IN", Keyword::In),
    ("EXISTS", Keyword::Exists),
    ("TRUE", Keyword::True),
    ("FALSE", Keyword::False),
];

const fn cloud(
    name: &'static str,
    function: CloudFunction,
    least: usize,
    most: usize,
) -> Signature {
    signature(name, Function::Cloud(function), least, most)
}

const FUNCTIONS: [Signature; 15] = [
    cloud("ABS", CloudFunction::Abs, 1, 1),
    cloud("LENGTH", CloudFunction::Length, 1, 1),
    cloud("CONCAT", CloudFunction::Concat, 0, 32),
    cloud("CONCAT_WS", CloudFunction::ConcatWith, 1, 32),
    cloud("LOWER", CloudFunction::Lower, 1, 1),
    cloud("UPPER", CloudFunction::Upper, 1, 1),
    cloud("TRIM", CloudFunction::Trim, 1, 1),
    cloud("LEFT", CloudFunction::Left, 2, 2),
    cloud("RIGHT", CloudFunction::Right, 2, 2),
    cloud("SUBSTRING", CloudFunction::Substring, 2, 3),
    cloud("INT", CloudFunction::Int, 1, 1),
    cloud("BOOL", CloudFunction::Bool, 1, 1),
    cloud("STRING", CloudFunction::String, 1, 1),
    cloud("IS_INT", CloudFunction::IsInt, 1, 1),
    cloud("IS_BOOL", CloudFunction::IsBool, 1, 1),
];
