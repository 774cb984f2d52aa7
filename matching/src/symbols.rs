//! Texts as numbers: equal texts have the same number as long as somebody holds it.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::hash::{BuildHasher, Hasher};

use foldhash::SharedSeed;
use foldhash::fast::SeedableRandomState;

use crate::table::{Table, Vacant, low, mix};

/// Texts (bytes) that subscriptions speak of.
#[derive(Clone)]
pub(crate) struct Symbols {
    seed: u64,
    /// For long texts.
    hasher: SeedableRandomState,
    table: Table<Place>,
    /// In chunks, so that none is copied when there are more.
    texts: Vec<Vec<Text>>,
    free: Vec<u32>,
    text_bytes: usize,
    /// Symbols acquired lately by name; see [`Symbols::acquire_again`].
    recent: [u32; RECENT],
}

/// Symbols that are remembered as acquired lately: a power of two.
const RECENT: usize = 1 << RECENT_BITS;
const RECENT_BITS: u32 = 10;

/// Where a table says which number some bytes have.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    pub(crate) hash: u32,
    pub(crate) symbol: u32,
}

#[derive(Clone)]
struct Text {
    bytes: Bytes,
    uses: u32,
}

/// The bytes of a text; most are short and need no memory of their own.
#[derive(Clone)]
enum Bytes {
    Short(Short),
    Long(Box<[u8]>),
}

/// The bytes of a short text, zeros behind them, and its length at the end: two are equal where all of this is.
#[derive(Clone, Copy)]
struct Short([u8; SHORT_MAX + 1]);

/// A text to be looked for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Spelt<'a> {
    bytes: &'a [u8],
    /// What a [`Short`] of it is, in two words.
    words: Option<[u64; 2]>,
}

const SHORT_MAX: usize = 15;
/// Texts of a chunk.
const CHUNK: usize = 1024;

impl<'a> Spelt<'a> {
    #[inline(always)]
    pub(crate) fn of(bytes: &'a [u8]) -> Self {
        let words = words(bytes);
        Self { bytes, words }
    }
}

impl Short {
    #[inline]
    fn words(&self) -> [u64; 2] {
        let (low, high) = self.0.split_at(8);
        [low, high].map(|half| u64::from_le_bytes(half.try_into().expect("half of 16 bytes")))
    }
}

impl Bytes {
    fn new(text: Spelt<'_>) -> Self {
        let Some(words) = text.words else {
            return Self::Long(text.bytes.into());
        };
        let mut short = [0; SHORT_MAX + 1];
        for (half, word) in short.chunks_exact_mut(8).zip(words) {
            half.copy_from_slice(&word.to_le_bytes());
        }
        Self::Short(Short(short))
    }

    #[inline]
    fn as_slice(&self) -> &[u8] {
        match self {
            Self::Short(Short(bytes)) => &bytes[..usize::from(bytes[SHORT_MAX])],
            Self::Long(bytes) => bytes,
        }
    }

    #[inline(always)]
    fn is(&self, text: Spelt<'_>) -> bool {
        match (self, text.words) {
            (Self::Short(short), Some(words)) => short.words() == words,
            (Self::Long(bytes), None) => **bytes == *text.bytes,
            (Self::Short(_), None) | (Self::Long(_), Some(_)) => false,
        }
    }

    /// Bytes beyond those of the value itself.
    fn heap_bytes(&self) -> usize {
        match self {
            Self::Short(_) => 0,
            Self::Long(bytes) => bytes.len(),
        }
    }
}

impl Vacant for Place {
    const VACANT: Self = Self {
        hash: 0,
        symbol: u32::MAX,
    };

    fn is_vacant(&self) -> bool {
        self.symbol == u32::MAX
    }
}

impl Symbols {
    /// A text that no subscription speaks of.
    pub(crate) const OTHER: u32 = 1;
    /// Symbols begin here.
    const FIRST: u32 = 2;

    pub(crate) fn new(seed: u64) -> Self {
        Self {
            seed,
            hasher: SeedableRandomState::with_seed(seed, SharedSeed::global_fixed()),
            table: Table::new(),
            texts: Vec::new(),
            free: Vec::new(),
            text_bytes: 0,
            recent: [Self::OTHER; RECENT],
        }
    }

    /// The same as [`Self::acquire`] for texts of which there are few, which come again and again.
    pub(crate) fn acquire_again(&mut self, bytes: &[u8]) -> u32 {
        if let Some(known) = self.acquire_recent(bytes) {
            return known;
        }
        let symbol = self.acquire(bytes);
        self.recent[recent_place(bytes)] = symbol;
        symbol
    }

    /// The symbol of a text that was acquired lately by [`Self::acquire_again`], held once more.
    #[inline(always)]
    pub(crate) fn acquire_recent(&mut self, bytes: &[u8]) -> Option<u32> {
        let known = self.recent[recent_place(bytes)];
        if known == Self::OTHER {
            return None;
        }
        let text = self.get_mut(known);
        if text.uses == 0 || !text.bytes.is(Spelt::of(bytes)) {
            return None;
        }
        text.uses += 1;
        Some(known)
    }

    /// The symbol of a text, held once more.
    #[inline]
    pub(crate) fn acquire(&mut self, bytes: &[u8]) -> u32 {
        self.acquire_spelt(Spelt::of(bytes))
    }

    #[inline]
    fn acquire_spelt(&mut self, text: Spelt<'_>) -> u32 {
        let hash = self.hash(text);
        if let Some(symbol) = self.find_hashed(hash, text) {
            self.get_mut(symbol).uses += 1;
            return symbol;
        }
        self.add(hash, text)
    }

    #[cold]
    fn add(&mut self, hash: u64, text: Spelt<'_>) -> u32 {
        let text = Text {
            bytes: Bytes::new(text),
            uses: 1,
        };
        self.text_bytes += text.bytes.heap_bytes();
        let symbol = self.put(text);
        let place = Place {
            hash: low(hash),
            symbol,
        };
        self.table
            .segment_mut(hash)
            .insert(place, |place| place.hash);
        symbol
    }

    /// Holds a symbol once more.
    pub(crate) fn hold(&mut self, symbol: u32) {
        self.get_mut(symbol).uses += 1;
    }

    /// Lets go of a symbol once; whether that was the last.
    pub(crate) fn release(&mut self, symbol: u32) -> bool {
        let text = self.get_mut(symbol);
        text.uses -= 1;
        if text.uses > 0 {
            return false;
        }
        let bytes = core::mem::replace(&mut text.bytes, Bytes::new(Spelt::of(b"")));
        self.text_bytes -= bytes.heap_bytes();
        let hash = self.hash(Spelt::of(bytes.as_slice()));
        let segment = self.table.segment_mut(hash);
        if let Some(place) = segment.find(low(hash), |place| place.symbol == symbol) {
            segment.remove(place, |place| place.hash);
        }
        self.free.push(symbol);
        true
    }

    /// The symbol of a text that somebody holds.
    #[inline]
    pub(crate) fn find(&self, text: Spelt<'_>) -> Option<u32> {
        self.find_hashed(self.hash(text), text)
    }

    /// The text of a symbol that somebody holds.
    #[inline]
    pub(crate) fn text(&self, symbol: u32) -> &[u8] {
        self.get(symbol).bytes.as_slice()
    }

    /// How many hold a symbol.
    pub(crate) fn uses(&self, symbol: u32) -> u32 {
        self.get(symbol).uses
    }

    pub(crate) fn bytes(&self) -> usize {
        self.table.bytes()
            + self.texts.len() * CHUNK * size_of::<Text>()
            + self.texts.capacity() * size_of::<Vec<Text>>()
            + self.free.capacity() * size_of::<u32>()
            + self.text_bytes
    }

    fn put(&mut self, text: Text) -> u32 {
        if let Some(symbol) = self.free.pop() {
            *self.get_mut(symbol) = text;
            return symbol;
        }
        if self.texts.last().is_none_or(|chunk| chunk.len() == CHUNK) {
            self.texts.push(Vec::with_capacity(CHUNK));
        }
        let before = (self.texts.len() - 1) * CHUNK;
        let chunk = self.texts.last_mut().expect("it was put right before");
        chunk.push(text);
        let count = u32::try_from(before + chunk.len()).expect("fewer than 2^32 texts");
        count - 1 + Self::FIRST
    }

    #[inline]
    fn get(&self, symbol: u32) -> &Text {
        let index = index(symbol);
        &self.texts[index / CHUNK][index % CHUNK]
    }

    #[inline]
    fn get_mut(&mut self, symbol: u32) -> &mut Text {
        let index = index(symbol);
        &mut self.texts[index / CHUNK][index % CHUNK]
    }

    /// Whether a symbol that somebody holds, or once held, stands for this text.
    #[inline]
    pub(crate) fn is_text(&self, symbol: u32, text: Spelt<'_>) -> bool {
        self.get(symbol).bytes.is(text)
    }

    #[inline(always)]
    fn find_hashed(&self, hash: u64, text: Spelt<'_>) -> Option<u32> {
        let segment = self.table.segment(hash);
        let is = |place: &Place| place.hash == low(hash) && self.is_text(place.symbol, text);
        segment
            .find(low(hash), is)
            .map(|place| segment.at(place).symbol)
    }

    #[inline]
    fn hash(&self, text: Spelt<'_>) -> u64 {
        match text.words {
            Some([low, high]) => mix(self.seed, low, high),
            None => self.hash_long(text.bytes),
        }
    }

    fn hash_long(&self, bytes: &[u8]) -> u64 {
        let mut hasher = self.hasher.build_hasher();
        hasher.write(bytes);
        hasher.finish()
    }
}

impl core::fmt::Debug for Symbols {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let texts = self.texts.iter().map(Vec::len).sum::<usize>();
        write!(f, "Symbols({})", texts - self.free.len())
    }
}

/// The bytes of a short text in two words, with its length at the end.
#[inline(always)]
fn words(bytes: &[u8]) -> Option<[u64; 2]> {
    let length = bytes.len();
    if length > SHORT_MAX {
        return None;
    }
    let end = (length as u64) << 56;
    if let (Some((first, _)), Some((_, last))) =
        (bytes.split_first_chunk(), bytes.split_last_chunk())
    {
        // Of the last eight bytes those that are not among the first eight; in two steps, since all may be.
        let rest = u64::from_le_bytes(*last) >> 1 >> (8 * (16 - length) - 1);
        return Some([u64::from_le_bytes(*first), rest | end]);
    }
    if let (Some((first, _)), Some((_, last))) =
        (bytes.split_first_chunk(), bytes.split_last_chunk())
    {
        let last = u64::from(u32::from_le_bytes(*last)) << (8 * (length - 4));
        return Some([u64::from(u32::from_le_bytes(*first)) | last, end]);
    }
    let byte = |at: usize| u64::from(bytes[at]) << (8 * at);
    let word = match length {
        0 => 0,
        _ => byte(0) | byte(length / 2) | byte(length - 1),
    };
    Some([word, end])
}

/// Where a text is remembered: by its length and its end, which is where names differ.
#[inline]
fn recent_place(bytes: &[u8]) -> usize {
    let end = match bytes.split_last_chunk::<4>() {
        Some((_, end)) => u32::from_le_bytes(*end),
        None => bytes
            .iter()
            .fold(0, |end, &byte| end << 8 | u32::from(byte)),
    };
    let length = bytes.len().to_le_bytes()[0];
    let mixed = (end ^ u32::from(length)).wrapping_mul(0x9E37_79B9);
    // The upper bits depend on every byte; lower ones do not on the last, where names differ most.
    (mixed >> (u32::BITS - RECENT_BITS)) as usize
}

#[inline]
fn index(symbol: u32) -> usize {
    (symbol - Symbols::FIRST) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_symbol_lives_as_long_as_it_is_held() {
        let mut symbols = Symbols::new(3);
        let a = symbols.acquire(b"a");
        let b = symbols.acquire(b"b");
        assert_ne!(a, b);
        assert_eq!(symbols.acquire(b"a"), a);
        assert!(!symbols.release(a));
        assert_eq!(symbols.find(Spelt::of(b"a")), Some(a));
        assert!(symbols.release(a));
        assert_eq!(symbols.find(Spelt::of(b"a")), None);
        assert_eq!(symbols.find(Spelt::of(b"b")), Some(b));
        assert_eq!(symbols.acquire_again(b"c"), a);
        assert_eq!(symbols.acquire_again(b"c"), a);
        assert_eq!(symbols.uses(a), 2);
        symbols.release(a);
        assert!(symbols.release(a));
        let empty = symbols.acquire_again(b"");
        assert_eq!(symbols.text(empty), b"");
        symbols.release(empty);
        assert_eq!(symbols.acquire(b"d"), a);
        assert_eq!(symbols.acquire_again(b"c"), symbols.acquire(b"c"));
        assert_eq!(symbols.uses(a), 1);
    }

    #[test]
    fn names_that_differ_at_the_end_are_remembered_apart() {
        let names = (0..100).map(|number| alloc::format!("quantity{number}"));
        let places = names.map(|name| recent_place(name.as_bytes()));
        let places = places.collect::<alloc::collections::BTreeSet<_>>();
        assert!(places.len() > 80, "{}", places.len());
    }

    #[test]
    fn texts_of_every_length_are_told_apart() {
        let mut symbols = Symbols::new(3);
        let long = b"0123456789abcdef0123456789";
        let mut known = Vec::new();
        for length in 0..long.len() {
            for text in [
                long[..length].to_vec(),
                alloc::vec![0; length],
                alloc::vec![0xff; length],
            ] {
                let symbol = symbols.acquire(&text);
                assert_eq!(symbols.text(symbol), text);
                assert_eq!(symbols.find(Spelt::of(&text)), Some(symbol));
                for (other, other_text) in &known {
                    assert_eq!(*other == symbol, *other_text == text);
                    assert_eq!(
                        symbols.is_text(*other, Spelt::of(&text)),
                        *other_text == text
                    );
                }
                known.push((symbol, text));
            }
        }
    }
}
