//! A number made of everything that was done in a run: two runs of one seed must have the same.

use core::fmt::{self, Write};

/// The number so far.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Digest(u64);

impl Digest {
    /// Takes something in, by its words.
    pub(crate) fn add(&mut self, thing: &impl fmt::Debug) {
        write!(self, "{thing:?}").expect("a number takes any text");
    }

    /// Takes bytes in.
    pub(crate) fn add_bytes(&mut self, bytes: &[u8]) {
        let mut chunks = bytes.chunks_exact(8);
        for chunk in &mut chunks {
            self.mix(u64::from_le_bytes(
                chunk.try_into().expect("chunks of eight bytes"),
            ));
        }
        let rest = chunks.remainder();
        let mut last = [0; 8];
        last[..rest.len()].copy_from_slice(rest);
        self.mix(u64::from_le_bytes(last) ^ (rest.len() as u64) << 56);
    }

    /// The number.
    #[must_use]
    pub(crate) fn value(self) -> u64 {
        self.0
    }

    fn mix(&mut self, word: u64) {
        self.0 = (self.0.rotate_left(5) ^ word).wrapping_mul(0x517C_C1B7_2722_0A95);
    }
}

impl Write for Digest {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.add_bytes(text.as_bytes());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_thing_or_another_order_gives_another_number() {
        let digest = |things: &[&str]| {
            let mut digest = Digest::default();
            things.iter().for_each(|thing| digest.add(thing));
            digest.value()
        };
        assert_eq!(digest(&["a", "b"]), digest(&["a", "b"]));
        assert_ne!(digest(&["a", "b"]), digest(&["b", "a"]));
        assert_ne!(digest(&["a"]), digest(&["c"]));
    }
}
