//! What an operator holds at this moment, of every kind that could grow: for a driver that watches bounds, and for one that
//! asks whether anything is left when everything should have ended.

use alloc::vec::Vec;

/// How much of one kind an operator holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Holding {
    /// What it is, in words.
    pub what: &'static str,
    /// How much of it there is.
    pub count: usize,
    /// How much of it there may ever be.
    pub most: Option<usize>,
    /// How much of it may be left when nothing is under way; `None` where that is a matter of clients.
    pub at_rest: Option<usize>,
}

/// All that an operator holds.
#[derive(Clone, Debug, Default)]
pub struct Holdings(Vec<Holding>);

impl Holdings {
    /// Something that is there while something is under way, and never else.
    pub(crate) fn passing(&mut self, what: &'static str, count: usize) {
        self.push(what, count, None, Some(0));
    }

    /// The same, where there is a limit.
    pub(crate) fn bounded(&mut self, what: &'static str, count: usize, most: usize) {
        self.push(what, count, Some(most), Some(0));
    }

    /// Something that stays as long as clients are there, within a limit.
    pub(crate) fn kept(&mut self, what: &'static str, count: usize, most: usize) {
        self.push(what, count, Some(most), None);
    }

    /// Something of which so much stays for ever.
    pub(crate) fn staying(&mut self, what: &'static str, count: usize, at_rest: usize) {
        self.push(what, count, None, Some(at_rest));
    }

    /// All of it, in a fixed order.
    pub fn iter(&self) -> impl Iterator<Item = &Holding> {
        self.0.iter()
    }

    /// Forgets everything, so that it can be used again.
    pub fn clear(&mut self) {
        self.0.clear();
    }

    fn push(
        &mut self,
        what: &'static str,
        count: usize,
        most: Option<usize>,
        at_rest: Option<usize>,
    ) {
        self.0.push(Holding {
            what,
            count,
            most,
            at_rest,
        });
    }
}
