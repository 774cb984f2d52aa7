//! Memory for many small runs of one type, by offset instead of by pointer: chunks that never move, and a free list
//! for each length. Growing costs one chunk, never a copy of everything, and memory is first touched when it is used:
//! what a system charges for fresh pages is paid a page at a time.

use alloc::vec::Vec;

use crate::limits::{ARENA_CHUNK_BYTES, ARENA_RUN_ITEMS_MAX};

/// Runs of `T`, each of a length in steps of `STEP`.
#[derive(Clone, Debug)]
pub(crate) struct Arena<T, const STEP: usize> {
    /// Each with room for all of it from the start.
    chunks: Vec<Vec<T>>,
    /// Steps used of the last chunk for small runs.
    used: usize,
    /// Which chunk that is.
    open: usize,
    /// Freed runs, by length in steps.
    free: Vec<Vec<u32>>,
    /// Numbers of chunks that held a long run and are given back.
    free_chunks: Vec<usize>,
    bytes: usize,
}

impl<T: Copy + Default, const STEP: usize> Arena<T, STEP> {
    /// Steps in a chunk; a power of two, so that an offset splits into chunk and place by shifts.
    const CHUNK: usize = {
        let steps = ARENA_CHUNK_BYTES / (size_of::<T>() * STEP);
        assert!(steps.is_power_of_two(), "an offset is split by shifts");
        steps
    };

    pub(crate) fn new() -> Self {
        Self {
            chunks: Vec::new(),
            used: Self::CHUNK,
            open: 0,
            free: Vec::new(),
            free_chunks: Vec::new(),
            bytes: 0,
        }
    }

    /// A run of at least `len` items, with whatever was there before.
    pub(crate) fn allocate(&mut self, len: usize) -> u32 {
        let steps = len.div_ceil(STEP).max(1);
        if steps * STEP > ARENA_RUN_ITEMS_MAX || steps > Self::CHUNK {
            return self.allocate_long(steps);
        }
        if let Some(offset) = self.free.get_mut(steps).and_then(Vec::pop) {
            return offset;
        }
        if self.used + steps > Self::CHUNK {
            self.open_chunk();
        }
        let offset = self.open * Self::CHUNK + self.used;
        self.used += steps;
        if self.chunks[self.open].len() < self.used * STEP {
            self.prepare();
        }
        offset_of(offset)
    }

    /// Gives back what [`Self::allocate`] gave for this length.
    pub(crate) fn free(&mut self, offset: u32, len: usize) {
        let steps = len.div_ceil(STEP).max(1);
        if steps * STEP > ARENA_RUN_ITEMS_MAX || steps > Self::CHUNK {
            let chunk = offset as usize / Self::CHUNK;
            self.bytes -= self.chunks[chunk].capacity() * size_of::<T>();
            self.chunks[chunk] = Vec::new();
            self.free_chunks.push(chunk);
        } else {
            self.put_free(offset, steps);
        }
    }

    #[inline]
    pub(crate) fn get(&self, offset: u32, len: usize) -> &[T] {
        let (chunk, start) = Self::place(offset);
        &self.chunks[chunk][start..start + len]
    }

    #[inline]
    pub(crate) fn get_mut(&mut self, offset: u32, len: usize) -> &mut [T] {
        let (chunk, start) = Self::place(offset);
        &mut self.chunks[chunk][start..start + len]
    }

    /// Copies so many items from one run to another one, which is not the same.
    pub(crate) fn copy(&mut self, from: u32, to: u32, len: usize) {
        let ((source, start), (target, end)) = (Self::place(from), Self::place(to));
        if source == target {
            self.chunks[source].copy_within(start..start + len, end);
        } else if let Ok([source, target]) = self.chunks.get_disjoint_mut([source, target]) {
            target[end..end + len].copy_from_slice(&source[start..start + len]);
        }
    }

    /// From `offset` to the end of what is used of its chunk.
    #[inline]
    pub(crate) fn tail(&self, offset: u32) -> &[T] {
        let (chunk, start) = Self::place(offset);
        &self.chunks[chunk][start..]
    }

    /// Bytes held, used or not.
    pub(crate) fn bytes(&self) -> usize {
        let lists = self.free.iter().map(Vec::capacity).sum::<usize>() * size_of::<u32>();
        self.bytes + self.chunks.capacity() * size_of::<Vec<T>>() + lists
    }

    #[inline]
    fn place(offset: u32) -> (usize, usize) {
        let offset = offset as usize;
        (offset / Self::CHUNK, offset % Self::CHUNK * STEP)
    }

    fn open_chunk(&mut self) {
        let left = Self::CHUNK - self.used;
        if left > 0 {
            self.chunks[self.open].resize(Self::CHUNK * STEP, T::default());
            self.put_free(offset_of(self.open * Self::CHUNK + self.used), left);
        }
        self.open = self.add_chunk(Self::CHUNK);
        self.used = 0;
    }

    /// Makes items ready as far as they are used, and some ahead.
    fn prepare(&mut self) {
        let ahead = (PREPARED_BYTES / size_of::<T>()).max(1);
        let len = (self.used * STEP).next_multiple_of(ahead);
        self.chunks[self.open].resize(len.min(Self::CHUNK * STEP), T::default());
    }

    fn allocate_long(&mut self, steps: usize) -> u32 {
        let chunk = self.add_chunk(steps);
        self.chunks[chunk].resize(steps * STEP, T::default());
        offset_of(chunk * Self::CHUNK)
    }

    fn add_chunk(&mut self, steps: usize) -> usize {
        let memory = Vec::with_capacity(steps * STEP);
        self.bytes += memory.capacity() * size_of::<T>();
        if let Some(chunk) = self.free_chunks.pop() {
            self.chunks[chunk] = memory;
            return chunk;
        }
        self.chunks.push(memory);
        self.chunks.len() - 1
    }

    fn put_free(&mut self, offset: u32, steps: usize) {
        if self.free.len() <= steps {
            self.free.resize_with(steps + 1, Vec::new);
        }
        self.free[steps].push(offset);
    }
}

/// Bytes that are made ready at a time: a page.
const PREPARED_BYTES: usize = 4096;

fn offset_of(offset: usize) -> u32 {
    u32::try_from(offset).expect("an arena ends at 2^32 steps, far beyond what a matcher holds")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_keep_what_is_written_and_are_used_again() {
        let mut arena = Arena::<u32, 1>::new();
        let runs: Vec<(u32, usize)> = (1..2000)
            .map(|n| (arena.allocate(n % 40), n % 40))
            .collect();
        for (index, &(offset, len)) in runs.iter().enumerate() {
            arena
                .get_mut(offset, len)
                .fill(u32::try_from(index).unwrap());
        }
        for (index, &(offset, len)) in runs.iter().enumerate() {
            let expected = u32::try_from(index).unwrap();
            assert!(arena.get(offset, len).iter().all(|&item| item == expected));
        }
        let copy = arena.allocate(39);
        for &(offset, len) in &runs {
            arena.copy(offset, copy, len);
            assert_eq!(arena.get(copy, len), arena.get(offset, len));
        }
        let bytes = arena.bytes();
        for &(offset, len) in &runs {
            arena.free(offset, len);
        }
        for n in 1..2000 {
            arena.allocate(n % 40);
        }
        assert!(arena.bytes() < bytes + 70_000);
    }

    #[test]
    fn long_runs_have_chunks_of_their_own_and_give_them_back() {
        let mut arena = Arena::<u8, 8>::new();
        let long = arena.allocate(300_000);
        let short = arena.allocate(9);
        arena.get_mut(long, 300_000).fill(7);
        arena.get_mut(short, 9).fill(3);
        assert!(arena.get(long, 300_000).iter().all(|&byte| byte == 7));
        let bytes = arena.bytes();
        arena.free(long, 300_000);
        assert!(arena.bytes() < bytes - 290_000);
        assert_eq!(arena.get(short, 9), [3; 9]);
    }
}
