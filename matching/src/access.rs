//! Access keys: one or two facets that must have given values, and the bucket of what has that key.

use alloc::vec::Vec;

use crate::bucket::Bucket;
use crate::facets::FacetId;
use crate::frame::Frame;
use crate::limits::PAIR_SHAPES_MAX;
use crate::scan::fetch;
use crate::table::{Table, Vacant, low, mix};

/// Which facets a key speaks of: none, one, or a pair.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Shape(pub(crate) u32);

/// A shape and its values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Key {
    pub(crate) shape: Shape,
    pub(crate) first: u32,
    /// 0 where the shape has one facet.
    pub(crate) second: u32,
}

impl Shape {
    /// No facet: the root, where every notification looks.
    pub(crate) const ROOT: Self = Self(0);
    const LIMIT: u32 = 1 << 24;

    /// One facet. Facet 0 has no values of its own, so it cannot be taken for the root.
    pub(crate) fn single(facet: FacetId) -> Self {
        assert!(facet.0 < Self::LIMIT / 2, "a shape has 24 bits");
        Self(facet.0 << 1)
    }

    fn pair(number: u32) -> Self {
        assert!(number < Self::LIMIT / 2, "a shape has 24 bits");
        Self(number << 1 | 1)
    }

    /// Whether it has two facets.
    pub(crate) fn is_pair(self) -> bool {
        self.0 & 1 == 1
    }

    /// How many facets it has.
    pub(crate) fn facets(self) -> usize {
        usize::from(self != Self::ROOT) + usize::from(self.is_pair())
    }
}

impl Key {
    /// A value of one facet.
    pub(crate) fn single(facet: FacetId, value: u32) -> Self {
        Self {
            shape: Shape::single(facet),
            first: value,
            second: 0,
        }
    }

    pub(crate) const ROOT: Self = Self {
        shape: Shape::ROOT,
        first: 0,
        second: 0,
    };
}

/// Key and bucket in 16 bytes, four in a cache line.
#[derive(Clone, Copy, Debug)]
struct Place {
    first: u32,
    second: u32,
    /// Shape in the upper 24 bits; below the length of a small bucket, or [`LARGE`].
    shape_len: u32,
    bucket: u32,
}

/// The length that says that a bucket is large.
const LARGE: u8 = u8::MAX;

impl Place {
    fn new(key: Key, bucket: Bucket) -> Self {
        let (len, bucket) = match bucket {
            Bucket::Small { len, offset } => (len, offset),
            Bucket::Large(large) => (LARGE, large),
        };
        Self {
            first: key.first,
            second: key.second,
            shape_len: key.shape.0 << 8 | u32::from(len),
            bucket,
        }
    }

    #[inline]
    fn key(&self) -> Key {
        Key {
            shape: Shape(self.shape_len >> 8),
            first: self.first,
            second: self.second,
        }
    }

    #[inline]
    fn bucket(&self) -> Bucket {
        let [len, ..] = self.shape_len.to_le_bytes();
        if len == LARGE {
            Bucket::Large(self.bucket)
        } else {
            Bucket::Small {
                len,
                offset: self.bucket,
            }
        }
    }
}

impl Vacant for Place {
    const VACANT: Self = Self {
        first: 0,
        second: 0,
        shape_len: u32::MAX,
        bucket: 0,
    };

    fn is_vacant(&self) -> bool {
        self.shape_len == u32::MAX
    }
}

/// The buckets by key.
#[derive(Clone, Debug)]
pub(crate) struct Access {
    seed: u64,
    table: Table<Place>,
    shapes: Shapes,
}

impl Access {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            seed,
            table: Table::new(),
            shapes: Shapes::default(),
        }
    }

    pub(crate) fn shapes(&self) -> &Shapes {
        &self.shapes
    }

    pub(crate) fn shapes_mut(&mut self) -> &mut Shapes {
        &mut self.shapes
    }

    #[inline]
    pub(crate) fn find(&self, key: Key) -> Option<Bucket> {
        let hash = self.hash(key);
        let segment = self.table.segment(hash);
        let place = segment.find(low(hash), |place| place.key() == key)?;
        Some(segment.at(place).bucket())
    }

    /// Asks for what [`Self::find`] will read.
    #[inline]
    pub(crate) fn fetch(&self, key: Key) {
        let hash = self.hash(key);
        if let Some(place) = self.table.segment(hash).first(low(hash)) {
            fetch(place);
        }
    }

    /// Changes the bucket of a key: `change` is given the bucket, if there is one, and gives what shall be there.
    pub(crate) fn change(
        &mut self,
        key: Key,
        change: impl FnOnce(Option<Bucket>) -> Option<Bucket>,
    ) {
        let seed = self.seed;
        let hash = self.hash(key);
        let segment = self.table.segment_mut(hash);
        let hash_of = |place: &Place| low(hash_key(seed, place.key()));
        let Some(place) = segment.find(low(hash), |place| place.key() == key) else {
            if let Some(bucket) = change(None) {
                segment.insert(Place::new(key, bucket), hash_of);
            }
            return;
        };
        match change(Some(segment.at(place).bucket())) {
            Some(bucket) => *segment.at_mut(place) = Place::new(key, bucket),
            None => {
                segment.remove(place, hash_of);
            }
        }
    }

    pub(crate) fn bytes(&self) -> usize {
        self.table.bytes() + self.shapes.bytes()
    }

    #[inline]
    fn hash(&self, key: Key) -> u64 {
        hash_key(self.seed, key)
    }
}

#[inline]
fn hash_key(seed: u64, key: Key) -> u64 {
    let values = u64::from(key.first) << 32 | u64::from(key.second);
    mix(seed, values, u64::from(key.shape.0))
}

/// The shapes in use, so that a notification looks for no other.
#[derive(Clone, Debug, Default)]
pub(crate) struct Shapes {
    /// How many postings have a key without facets.
    root: u32,
    /// How many postings have a key of this facet alone.
    singles: Vec<u32>,
    pairs: Vec<Pair>,
    free: Vec<u32>,
}

#[derive(Clone, Copy, Debug)]
struct Pair {
    facets: [FacetId; 2],
    uses: u32,
}

impl Shapes {
    /// Counts more postings of a shape.
    pub(crate) fn acquire(&mut self, shape: Shape, count: usize) {
        *self.count(shape) += u32::try_from(count).expect("a list has a thousand members at most");
    }

    /// Counts one less.
    pub(crate) fn release(&mut self, shape: Shape) {
        let count = self.count(shape);
        *count -= 1;
        if *count == 0 && shape.is_pair() {
            self.free.push(shape.0 >> 1);
        }
    }

    /// The shape of a pair, if it is in use or may come into use. The lower facet comes first.
    pub(crate) fn pair(&mut self, facets: [FacetId; 2]) -> Option<Shape> {
        if let Some(number) = self.find(facets) {
            return Some(Shape::pair(number));
        }
        if self.pairs.len() - self.free.len() >= PAIR_SHAPES_MAX {
            return None;
        }
        let pair = Pair { facets, uses: 0 };
        let number = self.free.pop().unwrap_or_else(|| {
            self.pairs.push(pair);
            u32::try_from(self.pairs.len() - 1).expect("bounded by PAIR_SHAPES_MAX")
        });
        self.pairs[number as usize] = pair;
        Some(Shape::pair(number))
    }

    /// The facets of a shape.
    pub(crate) fn facets(&self, shape: Shape) -> impl Iterator<Item = FacetId> + use<> {
        let [first, second] = if shape == Shape::ROOT {
            [None, None]
        } else if shape.is_pair() {
            self.pairs[(shape.0 >> 1) as usize].facets.map(Some)
        } else {
            [Some(FacetId(shape.0 >> 1)), None]
        };
        first.into_iter().chain(second)
    }

    /// All keys under which something may lie that holds for a notification.
    #[inline]
    pub(crate) fn keys(&self, frame: &Frame, keys: &mut Vec<Key>) {
        if self.root > 0 {
            keys.push(Key::ROOT);
        }
        for &facet in frame.present() {
            if self
                .singles
                .get(facet.index())
                .is_some_and(|&uses| uses > 0)
            {
                let cell = frame.cell(facet);
                if cell.is_exact() {
                    keys.push(Key {
                        shape: Shape::single(facet),
                        first: cell.low,
                        second: 0,
                    });
                }
            }
        }
        for (number, pair) in (0..).zip(&self.pairs) {
            let [first, second] = pair.facets.map(|facet| frame.cell(facet));
            if pair.uses > 0 && first.is_exact() && second.is_exact() {
                keys.push(Key {
                    shape: Shape::pair(number),
                    first: first.low,
                    second: second.low,
                });
            }
        }
    }

    fn find(&self, facets: [FacetId; 2]) -> Option<u32> {
        let is = |pair: &Pair| pair.uses > 0 && pair.facets == facets;
        let number = self.pairs.iter().position(is)?;
        u32::try_from(number).ok()
    }

    fn count(&mut self, shape: Shape) -> &mut u32 {
        let number = (shape.0 >> 1) as usize;
        if shape == Shape::ROOT {
            return &mut self.root;
        }
        if shape.is_pair() {
            return &mut self.pairs[number].uses;
        }
        if self.singles.len() <= number {
            self.singles.resize(number + 1, 0);
        }
        &mut self.singles[number]
    }

    fn bytes(&self) -> usize {
        (self.singles.capacity() + self.free.capacity()) * size_of::<u32>()
            + self.pairs.capacity() * size_of::<Pair>()
    }
}
