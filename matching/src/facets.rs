//! Facets: the ways in which tests look at an attribute. One attribute may have several: its number, its text, the
//! first three bytes of its text. Each that some subscription speaks of has a cell in the frame of a notification.

use alloc::vec::Vec;

use crate::symbols::{Spelt, Symbols};

/// A facet that some subscription speaks of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct FacetId(pub(crate) u32);

impl FacetId {
    /// A facet that every notification has, with the value 1: for rows that have nothing to put into a column.
    pub(crate) const ALWAYS: Self = Self(0);

    /// Set where a posting asks for a set of bits instead of an interval.
    const BITS: u32 = 1 << 31;

    #[inline]
    pub(crate) fn index(self) -> usize {
        (self.0 & !Self::BITS) as usize
    }

    /// The same facet, asked for a set of bits.
    pub(crate) fn with_bits(self) -> Self {
        Self(self.0 | Self::BITS)
    }

    #[inline]
    pub(crate) fn has_bits(self) -> bool {
        self.0 & Self::BITS != 0
    }
}

/// An attribute that some subscription speaks of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct AttributeId(u32);

impl AttributeId {
    #[inline]
    pub(crate) fn index(self) -> usize {
        self.0 as usize
    }
}

/// What a facet shows of its attribute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FacetKind {
    /// A number's place among numbers.
    Number,
    /// The symbol of a number, exact in all of its bits: for equality where the place among numbers is not exact.
    Identity,
    /// The symbol of a text.
    Text,
    /// A bool.
    Flag,
    /// A point in time, as a number.
    Time,
    /// That the attribute is there, null or not.
    Presence,
    /// The symbol of a text; of any other value but null that it is none.
    Member,
    /// Degrees east of a position.
    Longitude,
    /// Degrees north of a position.
    Latitude,
    /// The symbol of the first so many bytes of a text.
    Prefix(u16),
    /// The symbol of the last so many bytes of a text.
    Suffix(u16),
}

impl FacetKind {
    /// Whether its values are symbols, which are held by whoever stores them.
    pub(crate) fn has_symbols(self) -> bool {
        match self {
            Self::Identity | Self::Text | Self::Member | Self::Prefix(_) | Self::Suffix(_) => true,
            Self::Number
            | Self::Flag
            | Self::Time
            | Self::Presence
            | Self::Longitude
            | Self::Latitude => false,
        }
    }
}

/// All facets, by attribute.
#[derive(Clone, Debug)]
pub(crate) struct Facets {
    names: Symbols,
    /// By the symbol of the name.
    attributes: Vec<Vec<(FacetKind, FacetId)>>,
    facets: Vec<Facet>,
    free: Vec<FacetId>,
}

#[derive(Clone, Copy, Debug)]
struct Facet {
    /// The symbol of the attribute's name.
    name: u32,
    kind: FacetKind,
    uses: u32,
}

impl Facets {
    pub(crate) fn new(seed: u64) -> Self {
        let always = Facet {
            name: 0,
            kind: FacetKind::Presence,
            uses: 1,
        };
        Self {
            names: Symbols::new(seed),
            attributes: Vec::new(),
            facets: [always].into(),
            free: Vec::new(),
        }
    }

    /// The symbol of an attribute's name, held once more.
    pub(crate) fn acquire_name(&mut self, name: &[u8]) -> u32 {
        self.names.acquire_again(name)
    }

    /// The same, if it was spoken of lately.
    #[inline(always)]
    pub(crate) fn acquire_recent_name(&mut self, name: &[u8]) -> Option<u32> {
        self.names.acquire_recent(name)
    }

    /// Lets go of a name once.
    pub(crate) fn release_name(&mut self, name: u32) {
        self.names.release(name);
    }

    /// All names.
    pub(crate) fn names(&self) -> &Symbols {
        &self.names
    }

    /// A facet of an attribute, held once more.
    pub(crate) fn acquire(&mut self, name: &str, kind: FacetKind) -> FacetId {
        let symbol = self.names.acquire(name.as_bytes());
        let id = self.of_name(symbol, kind);
        self.hold(id);
        self.names.release(symbol);
        id
    }

    /// A facet of an attribute by the symbol of its name; a new one is held by nobody yet.
    #[inline]
    pub(crate) fn of_name(&mut self, name: u32, kind: FacetKind) -> FacetId {
        let known = self.attributes.get(name as usize);
        let same = |(other, _): &&(FacetKind, FacetId)| *other == kind;
        match known.and_then(|known| known.iter().find(same)) {
            Some((_, id)) => *id,
            None => self.add(name, kind),
        }
    }

    /// Holds a facet once more.
    #[inline]
    pub(crate) fn hold(&mut self, id: FacetId) {
        self.facets[id.index()].uses += 1;
    }

    /// Lets go of a facet once.
    #[inline]
    pub(crate) fn release(&mut self, id: FacetId) {
        let facet = &mut self.facets[id.index()];
        facet.uses -= 1;
        let Facet { name, uses, .. } = *facet;
        if uses == 0 {
            self.attributes[name as usize].retain(|(_, other)| *other != id);
            self.free.push(id);
            self.names.release(name);
        }
    }

    pub(crate) fn kind(&self, id: FacetId) -> FacetKind {
        self.facets[id.index()].kind
    }

    /// How often a facet is held.
    pub(crate) fn uses(&self, id: FacetId) -> u32 {
        self.facets[id.index()].uses
    }

    /// The attribute of a name, if some subscription speaks of it.
    #[inline]
    pub(crate) fn attribute(&self, name: Spelt<'_>) -> Option<AttributeId> {
        self.names.find(name).map(AttributeId)
    }

    /// Whether an attribute has this name, maybe without any facet left.
    #[inline]
    pub(crate) fn is_named(&self, attribute: AttributeId, name: Spelt<'_>) -> bool {
        self.names.is_text(attribute.0, name)
    }

    /// The facets of an attribute.
    #[inline]
    pub(crate) fn of(&self, attribute: AttributeId) -> &[(FacetKind, FacetId)] {
        self.attributes
            .get(attribute.index())
            .map_or(&[], Vec::as_slice)
    }

    /// Above the number of every facet.
    pub(crate) fn bound(&self) -> usize {
        self.facets.len()
    }

    pub(crate) fn bytes(&self) -> usize {
        let lists = self.attributes.iter().map(Vec::capacity).sum::<usize>();
        self.names.bytes()
            + lists * size_of::<(FacetKind, FacetId)>()
            + self.attributes.capacity() * size_of::<Vec<(FacetKind, FacetId)>>()
            + self.facets.capacity() * size_of::<Facet>()
    }

    fn add(&mut self, name: u32, kind: FacetKind) -> FacetId {
        if self.attributes.len() <= name as usize {
            self.attributes.resize_with(name as usize + 1, Vec::new);
        }
        self.names.hold(name);
        let id = self.put(Facet {
            name,
            kind,
            uses: 0,
        });
        self.attributes[name as usize].push((kind, id));
        id
    }

    fn put(&mut self, facet: Facet) -> FacetId {
        if let Some(id) = self.free.pop() {
            self.facets[id.index()] = facet;
            return id;
        }
        self.facets.push(facet);
        let count = u32::try_from(self.facets.len()).expect("fewer than 2^28 facets");
        assert!(count < 1 << 28, "a test keeps its facet in 28 bits");
        FacetId(count - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn facets_come_and_go_with_those_who_hold_them() {
        let mut facets = Facets::new(1);
        let number = facets.acquire("a", FacetKind::Number);
        let text = facets.acquire("a", FacetKind::Text);
        assert_eq!(facets.acquire("a", FacetKind::Number), number);
        let a = facets.attribute(Spelt::of(b"a")).unwrap();
        assert_eq!(facets.of(a).len(), 2);
        facets.release(number);
        assert_eq!(facets.of(a).len(), 2);
        facets.release(number);
        assert_eq!(facets.of(a), [(FacetKind::Text, text)]);
        facets.release(text);
        assert_eq!(facets.attribute(Spelt::of(b"a")), None);
        assert_eq!(facets.acquire("b", FacetKind::Flag), text);
    }
}
