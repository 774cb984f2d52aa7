//! A notification as the tests see it: a cell a facet.

use alloc::vec::Vec;

use gomera_filter::evaluate::geometry::position;
use gomera_model::attributes::RawValue;
use gomera_model::{Attributes, ValueRef};

use crate::cell::{Cell, identity_of_float, identity_of_int, identity_of_time};
use crate::facets::{AttributeId, FacetId, FacetKind, Facets};
use crate::symbols::{Spelt, Symbols};

/// The value of a flag that is false.
pub(crate) const FALSE: u32 = 2;
/// The value of a flag that is true.
pub(crate) const TRUE: u32 = 3;
/// The value of whatever is only there or not.
const THERE: u32 = 1;

/// The cells of one notification, reused for the next.
#[derive(Clone, Debug)]
pub(crate) struct Frame {
    cells: Vec<Cell>,
    /// The facets that have a value, without [`FacetId::ALWAYS`].
    present: Vec<FacetId>,
    /// Which attribute came behind which one last time. Notifications of one kind have the same attributes in the same
    /// order, so this spares most look-ups by name.
    followers: Vec<Option<AttributeId>>,
    first: Option<AttributeId>,
    /// Whether every value has a 32-bit form of its own.
    is_exact: bool,
}

impl Frame {
    pub(crate) fn new() -> Self {
        Self {
            cells: [Cell::exact(THERE)].into(),
            present: Vec::new(),
            followers: Vec::new(),
            first: None,
            is_exact: true,
        }
    }

    /// Reads a notification; what the frame held is forgotten.
    pub(crate) fn read(&mut self, flat: &Attributes, facets: &Facets, symbols: &Symbols) {
        for facet in self.present.drain(..) {
            self.cells[facet.index()] = Cell::MISSING;
        }
        if self.cells.len() < facets.bound() {
            self.cells.resize(facets.bound(), Cell::MISSING);
        }
        let mut before = None;
        self.is_exact = true;
        for (name, value) in flat.raw() {
            let Some(attribute) = self.attribute(before, Spelt::of(name), facets) else {
                continue;
            };
            before = Some(attribute);
            for &(kind, facet) in facets.of(attribute) {
                let cell = cell_of(value, kind, symbols);
                if cell.is_present() {
                    self.is_exact &= cell.is_exact();
                    self.cells[facet.index()] = cell;
                    self.present.push(facet);
                }
            }
        }
    }

    /// The attribute of a name: the one that came behind `before` last time, or another.
    #[inline]
    fn attribute(
        &mut self,
        before: Option<AttributeId>,
        name: Spelt<'_>,
        facets: &Facets,
    ) -> Option<AttributeId> {
        let follower = match before {
            None => &mut self.first,
            Some(before) => {
                if self.followers.len() <= before.index() {
                    self.followers.resize(before.index() + 1, None);
                }
                &mut self.followers[before.index()]
            }
        };
        if let Some(known) = *follower
            && facets.is_named(known, name)
        {
            return Some(known);
        }
        let attribute = facets.attribute(name)?;
        *follower = Some(attribute);
        Some(attribute)
    }

    /// Whether every value has a 32-bit form of its own, so that no test is unsure.
    #[inline]
    pub(crate) fn is_exact(&self) -> bool {
        self.is_exact
    }

    /// The value of each facet.
    #[inline]
    pub(crate) fn cells(&self) -> &[Cell] {
        &self.cells
    }

    #[inline]
    pub(crate) fn cell(&self, facet: FacetId) -> Cell {
        self.cells[facet.index()]
    }

    /// The facets that have a value.
    #[inline]
    pub(crate) fn present(&self) -> &[FacetId] {
        &self.present
    }

    pub(crate) fn bytes(&self) -> usize {
        self.cells.capacity() * size_of::<Cell>()
            + self.present.capacity() * size_of::<FacetId>()
            + self.followers.capacity() * size_of::<Option<AttributeId>>()
    }
}

/// What a facet shows of a value.
#[inline]
fn cell_of(value: RawValue<'_>, kind: FacetKind, symbols: &Symbols) -> Cell {
    match value {
        RawValue::Text(text) => cell_of_text(text, kind, symbols),
        RawValue::Other(value) => cell_of_other(value, kind, symbols),
    }
}

#[inline]
fn cell_of_text(text: &[u8], kind: FacetKind, symbols: &Symbols) -> Cell {
    match kind {
        FacetKind::Text | FacetKind::Member => symbol(text, symbols),
        FacetKind::Prefix(length) => symbol_of_part(text.get(..usize::from(length)), symbols),
        FacetKind::Suffix(length) => {
            let start = text.len().checked_sub(usize::from(length));
            symbol_of_part(start.map(|start| &text[start..]), symbols)
        }
        FacetKind::Presence => Cell::exact(THERE),
        FacetKind::Number
        | FacetKind::Identity
        | FacetKind::Flag
        | FacetKind::Time
        | FacetKind::Longitude
        | FacetKind::Latitude => Cell::MISSING,
    }
}

#[inline]
fn cell_of_other(value: ValueRef<'_>, kind: FacetKind, symbols: &Symbols) -> Cell {
    match (kind, value) {
        (FacetKind::Number, ValueRef::Int(value)) => Cell::of_int(value),
        (FacetKind::Number, ValueRef::Float(value)) => Cell::of_float(value),
        (FacetKind::Identity, ValueRef::Int(value)) => symbol(&identity_of_int(value), symbols),
        (FacetKind::Identity, ValueRef::Float(value)) => symbol(&identity_of_float(value), symbols),
        (FacetKind::Identity, ValueRef::Timestamp(time)) => {
            symbol(&identity_of_time(time.0), symbols)
        }
        (FacetKind::Flag, ValueRef::Bool(value)) => Cell::exact(if value { TRUE } else { FALSE }),
        (FacetKind::Time, ValueRef::Timestamp(time)) => Cell::of_int(time.0),
        (FacetKind::Longitude, ValueRef::Point(_) | ValueRef::Object(_)) => {
            position(value).map_or(Cell::MISSING, |point| Cell::of_float(point.lon))
        }
        (FacetKind::Latitude, ValueRef::Point(_) | ValueRef::Object(_)) => {
            position(value).map_or(Cell::MISSING, |point| Cell::of_float(point.lat))
        }
        (FacetKind::Presence, _) => Cell::exact(THERE),
        (FacetKind::Member, ValueRef::Null) => Cell::MISSING,
        (FacetKind::Member, _) => Cell::symbol(Symbols::OTHER),
        _ => Cell::MISSING,
    }
}

fn symbol(bytes: &[u8], symbols: &Symbols) -> Cell {
    Cell::symbol(symbols.find(Spelt::of(bytes)).unwrap_or(Symbols::OTHER))
}

fn symbol_of_part(part: Option<&[u8]>, symbols: &Symbols) -> Cell {
    part.map_or(Cell::symbol(Symbols::OTHER), |part| symbol(part, symbols))
}
