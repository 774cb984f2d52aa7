//! Many subscriptions at once, as they are copied from elsewhere.
//!
//! ```text
//! spots -> known ones are left or taken out -> canonical -> plan -> choice -> postings
//! ```
//!
//! Some go through these stages side by side: while the memory that one needs is on its way, the others are worked on.

use gomera_filter::MalformedFilter;
use gomera_model::operation::StoredSubscription;

use super::Index;
use super::install::Scratch;
use crate::entries::{Entry, NOWHERE, Spot};

/// A subscription that is being installed.
#[derive(Clone, Debug, Default)]
pub(super) struct Loading {
    handle: u32,
    /// The condition that asks the whole filter.
    whole: Option<u32>,
    scratch: Scratch,
}

/// Subscriptions that are installed side by side: more than lines that a core can wait for at once gain nothing.
const SIDE_BY_SIDE: usize = 16;

impl Loading {
    pub(super) fn bytes(&self) -> usize {
        size_of::<Self>() + self.scratch.bytes()
    }
}

impl Index {
    /// Installs subscriptions that are stored elsewhere, each unless the same operation or a later one has set it here.
    /// Faster than one by one, and no different otherwise.
    ///
    /// # Errors
    ///
    /// If a filter was not made by this version. Then its subscription is not there any more, and all others are.
    pub fn insert_many(
        &mut self,
        subscriptions: &[StoredSubscription],
    ) -> Result<(), MalformedFilter> {
        let mut loading = core::mem::take(&mut self.loading);
        loading.resize_with(SIDE_BY_SIDE, Loading::default);
        let mut result = Ok(());
        for some in subscriptions.chunks(SIDE_BY_SIDE) {
            result = self.insert_some(some, &mut loading).and(result);
        }
        self.loading = loading;
        result
    }

    fn insert_some(
        &mut self,
        some: &[StoredSubscription],
        loading: &mut [Loading],
    ) -> Result<(), MalformedFilter> {
        let spots: [Option<Spot>; SIDE_BY_SIDE] = core::array::from_fn(|at| {
            let spot = self.entries.spot(some.get(at)?.id);
            self.entries.fetch_spot(&spot);
            Some(spot)
        });
        let (mut result, mut count) = (Ok(()), 0);
        for (stored, spot) in some.iter().zip(spots.iter().flatten()) {
            if let Some(handle) = self.entries.find(spot) {
                let known = self.entries.get(handle);
                if known.operation >= stored.operation {
                    continue;
                }
                if known.record == NOWHERE {
                    // It came twice in a row.
                    self.place_all(&mut loading[..count]);
                    count = 0;
                }
                self.take_out(handle);
            }
            match self.begin(stored, spot, &mut loading[count]) {
                Ok(()) => count += 1,
                Err(error) => result = Err(error),
            }
        }
        self.place_all(&mut loading[..count]);
        result
    }

    /// Reads and plans a filter, and asks for the memory that the choice of its keys needs.
    fn begin(
        &mut self,
        stored: &StoredSubscription,
        spot: &Spot,
        loading: &mut Loading,
    ) -> Result<(), MalformedFilter> {
        self.acquire(&stored.filter, &mut loading.scratch)?;
        loading.whole = self.plan_acquired(&mut loading.scratch);
        self.fetch_keys(&loading.scratch);
        let entry = Entry::new(spot, stored.operation);
        loading.handle = self.entries.insert(entry, spot);
        Ok(())
    }

    fn place_all(&mut self, loading: &mut [Loading]) {
        for one in loading.iter_mut() {
            self.choose_all(&mut one.scratch);
            self.fetch_chosen(&one.scratch);
        }
        for one in loading {
            self.place_chosen(one.handle, &mut one.scratch, one.whole);
        }
    }
}
