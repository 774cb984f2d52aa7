//! Regular expressions of `MATCHES`, compiled with bounds on time and size.

use alloc::boxed::Box;
use alloc::sync::Arc;
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

enum Program {
    /// Fast: one table look-up a byte.
    Automaton(Box<dense::DFA<alloc::vec::Vec<u32>>>),
    /// Where the table would be too large: still linear in the text, with a factor.
    Machine(Box<PikeVM>),
}

impl Regex {
    /// Compiles an expression.
    ///
    /// # Errors
    ///
    /// The reason in a few words, if it is none or becomes too large.
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
        match &*self.program {
            Program::Automaton(automaton) => automaton
                .try_search_fwd(&input)
                .expect("neither quit bytes nor word boundaries are compiled in")
                .is_some(),
            Program::Machine(machine) => machine.is_match(&mut machine.create_cache(), input),
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
    /// Compiled it has more than [`REGEX_PROGRAM_BYTES_MAX`].
    #[error("a regular expression that becomes larger than {REGEX_PROGRAM_BYTES_MAX} bytes")]
    TooLarge,
}

fn compile(text: &str) -> Result<Program, RegexError> {
    let config = thompson::Config::new().nfa_size_limit(Some(REGEX_PROGRAM_BYTES_MAX));
    let machine = PikeVM::builder()
        .thompson(config)
        .build(text)
        .map_err(|error| match error.size_limit() {
            Some(_) => RegexError::TooLarge,
            None => RegexError::Invalid,
        })?;
    let config = dense::Config::new()
        .match_kind(MatchKind::All)
        .dfa_size_limit(Some(REGEX_AUTOMATON_BYTES_MAX))
        .determinize_size_limit(Some(REGEX_AUTOMATON_BYTES_MAX));
    let automaton = dense::Builder::new()
        .configure(config)
        .build_from_nfa(machine.get_nfa());
    Ok(match automaton {
        Ok(automaton) => Program::Automaton(Box::new(automaton)),
        Err(_) => Program::Machine(Box::new(machine)),
    })
}
