//! Every limit of the index, with its reason.

/// Bytes of a chunk of an arena: one allocation, small enough to cost an insertion nothing that is felt.
pub(crate) const ARENA_CHUNK_BYTES: usize = 64 * 1024;
/// Items of the longest run that shares a chunk; longer ones have their own.
pub(crate) const ARENA_RUN_ITEMS_MAX: usize = 2048;
/// Postings in a bucket that lie side by side; beyond, it has columns by facet. Columns are scanned many at a time, but
/// where facets are many, each has few postings, and going from one to the next costs more than it saves.
pub(crate) const SMALL_BUCKET_MAX: usize = 192;
/// Postings that a column should have on average for a bucket to have columns before that.
pub(crate) const COLUMN_WORTH: usize = 16;
/// Postings of one facet in a large bucket from which they have a column: it is passed over as a whole where a
/// notification does not have the facet, but getting to it costs as much as looking at some postings side by side.
pub(crate) const COLUMN_FROM: usize = 6;
/// Postings of a large bucket, in a block of those without columns.
pub(crate) const LOOSE_BLOCK: usize = 128;
/// Postings in a bucket from which a second equality is taken into the key: below, scanning them is cheaper than
/// one more look-up.
pub(crate) const PAIR_FROM: usize = 8;
/// Pairs of facets that make keys. Each costs every notification that has both one look-up.
pub(crate) const PAIR_SHAPES_MAX: usize = 64;
/// Part of the notifications from which a key is looked at again, when there is traffic to learn from.
pub(crate) const SHARE_DEAR: f32 = 0.001;
/// Postings that a pair of lists may make of one row.
pub(crate) const PAIR_POSTINGS_MAX: usize = 16;
/// Lengths of prefixes, and of suffixes, that are cut out of one attribute: each costs every notification one look-up.
pub(crate) const AFFIX_BYTES_MAX: usize = 48;
/// Sides of an OR that get a key each where the filter has too many rows; beyond, it is asked of every notification.
pub(crate) const ALTERNATIVES_MAX: usize = 256;
/// Columns of a group: more bounds than that are rare, and a comparison of them all costs more than a row.
pub(crate) const COLUMNS_MAX: usize = 4;
/// Postings of a group: so many targets are looked through in some 100 nanoseconds, and moved in some microseconds.
pub(crate) const GROUP_MAX: usize = 2048;
/// Sizes at which a group of one column is looked at whether it should have more.
pub(crate) const WIDEN_AT: [usize; 5] = [64, 128, 256, 512, 1024];
