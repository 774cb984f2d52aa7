//! Regular expressions of `MATCHES`, compiled with bounds on time and size.

use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;

use regex_automata::dfa::{Automaton, dense};
use regex_automata::nfa::thompson::{self, pikevm::PikeVM};
use regex_automata::{Input, MatchKind};
use smol_str::SmolStr;

use crate::limits::{REGEX_AUTOMATON_BYTES_MAX, REGEX_PROGRAM_BYTES_MAX};

/// A compiled regular expression. Two are equal if their texts are.
#[derive(Clone)]
pub struct Regex {
    text: SmolStr,
    program: Arc<Program>,
}

struct Program {
    /// One table look-up a byte.
    automaton: dense::DFA<Vec<u32>>,
    /// For what the table cannot say: word boundaries beside characters that are not ASCII.
    machine: PikeVM,
}

impl Regex {
    /// Compiles an expression. `\d`, `\w`, `\s` and `\b` mean ASCII: those of all scripts make large tables.
    ///
    /// # Errors
    ///
    /// If it is none or becomes too large.
    pub fn new(text: &str) -> Result<Self, RegexError> {
        let program = compile(text)?;
        Ok(Self {
            text: text.into(),
            program: Arc::new(program),
        })
    }

    /// The expression.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether it is found somewhere in `text`; in time linear in the text.
    #[must_use]
    pub fn is_found_in(&self, text: &str) -> bool {
        let input = Input::new(text).earliest(true);
        let Program { automaton, machine } = &*self.program;
        match automaton.try_search_fwd(&input) {
            Ok(found) => found.is_some(),
            Err(_) => machine.is_match(&mut machine.create_cache(), input),
        }
    }
}

impl PartialEq for Regex {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl fmt::Debug for Regex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Regex({:?})", self.text)
    }
}

/// Why a regular expression was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RegexError {
    /// It is none.
    #[error("no regular expression that is known here")]
    Invalid,
    /// Compiled it has more than [`REGEX_PROGRAM_BYTES_MAX`] or [`REGEX_AUTOMATON_BYTES_MAX`].
    #[error("a regular expression that becomes too large")]
    TooLarge,
}

fn compile(text: &str) -> Result<Program, RegexError> {
    let config = thompson::Config::new().nfa_size_limit(Some(REGEX_PROGRAM_BYTES_MAX));
    let machine = PikeVM::builder()
        .thompson(config)
        .build(&in_ascii(text))
        .map_err(|error| match error.size_limit() {
            Some(_) => RegexError::TooLarge,
            None => RegexError::Invalid,
        })?;
    let config = dense::Config::new()
        .match_kind(MatchKind::All)
        .unicode_word_boundary(true)
        .dfa_size_limit(Some(REGEX_AUTOMATON_BYTES_MAX))
        .determinize_size_limit(Some(REGEX_AUTOMATON_BYTES_MAX));
    let automaton = dense::Builder::new()
        .configure(config)
        .build_from_nfa(machine.get_nfa())
        .map_err(|_| RegexError::TooLarge)?;
    Ok(Program { automaton, machine })
}

/// The expression with the classes of Perl spelt out in ASCII; they may stand within brackets too.
fn in_ascii(text: &str) -> String {
    let mut spelt = String::with_capacity(text.len() + 16);
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        if character != '\\' {
            spelt.push(character);
            continue;
        }
        match characters.next() {
            Some('d') => spelt.push_str("[0-9]"),
            Some('D') => spelt.push_str("[^0-9]"),
            Some('w') => spelt.push_str("[0-9A-Za-z_]"),
            Some('W') => spelt.push_str("[^0-9A-Za-z_]"),
            Some('s') => spelt.push_str("[\\t-\\r ]"),
            Some('S') => spelt.push_str("[^\\t-\\r ]"),
            Some('b') => spelt.push_str("(?-u:\\b)"),
            Some('B') => spelt.push_str("(?-u:\\B)"),
            Some(other) => spelt.extend(['\\', other]),
            None => spelt.push('\\'),
        }
    }
    spelt
}
