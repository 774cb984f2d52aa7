//! What a check found, and how it is told.

use std::fmt;

/// Something that breaks a rule of the house.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    /// The file, from the root of the repository.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// What is wrong.
    pub what: String,
    /// What to do.
    pub mend: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}:{}: {}\n    {}",
            self.file, self.line, self.what, self.mend
        )
    }
}

/// Fails the test if there is anything to tell, and tells all of it.
pub fn expect_none(mut findings: Vec<Finding>) {
    findings.sort();
    let told: Vec<String> = findings.iter().map(Finding::to_string).collect();
    assert!(
        told.is_empty(),
        "{} findings:\n\n{}\n",
        told.len(),
        told.join("\n")
    );
}
