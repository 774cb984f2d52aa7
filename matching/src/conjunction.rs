//! Tests that are joined by AND, gathered while a filter is read: the plan of most filters, without reading what is kept
//! of them once more.

use alloc::vec::Vec;

use crate::rows::{Lists, Test};

/// What a filter was found to be while it was read.
#[derive(Clone, Debug, Default)]
pub(crate) struct Acquired {
    /// What is kept of it.
    pub(crate) kept: Vec<u8>,
    pub(crate) all: Conjunction,
}

/// The tests of a filter so far, as long as it is nothing but an AND of them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Conjunction {
    tests: Vec<Test>,
    /// What lists of tests speak of.
    values: Lists,
    /// Whether what is read now is a part of the AND, and no deeper.
    is_open: bool,
    /// Whether there is something else in the filter.
    is_broken: bool,
}

impl Acquired {
    /// Begins a filter.
    pub(crate) fn clear(&mut self) {
        self.kept.clear();
        self.all.tests.clear();
        self.all.values.clear();
        self.all.is_open = true;
        self.all.is_broken = false;
    }

    pub(crate) fn bytes(&self) -> usize {
        self.kept.capacity()
            + self.all.tests.capacity() * size_of::<Test>()
            + self.all.values.bytes()
    }
}

impl Conjunction {
    /// The next test, if it is a part of the AND; made with the lists that its values go to.
    #[inline]
    pub(crate) fn push(&mut self, test: impl FnOnce(&mut Lists) -> Test) {
        if self.is_open {
            let test = test(&mut self.values);
            self.tests.push(test);
        }
    }

    /// What follows is more than one test: the filter is more than an AND of tests.
    pub(crate) fn give_up(&mut self) {
        self.is_broken = true;
        self.is_open = false;
    }

    /// The next part of the AND begins.
    pub(crate) fn open(&mut self) {
        self.is_open = true;
    }

    /// Whether the filter is the AND of these tests, and of no more than a plan has numbers for.
    pub(crate) fn is_whole(&self) -> bool {
        !self.is_broken && self.tests.len() <= usize::from(u16::MAX)
    }

    pub(crate) fn tests(&self) -> &[Test] {
        &self.tests
    }

    /// Hands the tests over, and takes others that are in the way.
    pub(crate) fn swap(&mut self, tests: &mut Vec<Test>, values: &mut Lists) {
        core::mem::swap(&mut self.tests, tests);
        core::mem::swap(&mut self.values, values);
    }
}
