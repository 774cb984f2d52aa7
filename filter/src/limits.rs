//! Every limit of the language, with its reason. Each has an error of its own.

/// Text of a filter, bytes: a page of text; a longer list belongs into a subscription of its own.
pub const TEXT_BYTES_MAX: usize = gomera_model::limits::FILTER_BYTES_MAX;
/// Depth of brackets, of NOT, of functions. Bounds the stack of every walk over the tree.
pub const NESTING_MAX: usize = 32;
/// Predicates of one filter.
pub const PREDICATES_MAX: usize = 256;
/// Members of an `IN` list.
pub const MEMBERS_MAX: usize = 1000;
/// Pattern of `LIKE` or `MATCHES`, bytes.
pub const PATTERN_BYTES_MAX: usize = 1024;
/// Regular expressions of one filter: compiling one takes up to some milliseconds.
pub const EXPRESSIONS_MAX: usize = 8;
/// A regular expression as a program, bytes.
pub const REGEX_PROGRAM_BYTES_MAX: usize = 64 * 1024;
/// A regular expression as a table of states, bytes. So every text is searched with one look-up a byte.
pub const REGEX_AUTOMATON_BYTES_MAX: usize = 256 * 1024;
/// Text that `CONCAT` puts together, bytes: beyond, it has no value. Else nested ones would grow without bound.
pub const JOINED_BYTES_MAX: usize = gomera_model::limits::CONTENT_BYTES_MAX;
/// Rows of conjunctions that normalisation expands a filter to; beyond, it stays a tree.
pub const ROWS_MAX: usize = 12;
/// Text of an `amqp-sql` filter, characters: the limit of that specification.
pub const AMQP_CHARACTERS_MAX: usize = 4096;
/// Tokens of an `amqp-sql` filter: the limit of that specification.
pub const AMQP_TOKENS_MAX: usize = 200;
/// Levels of a tree: brackets, and operations in a row such as `a + b + c`.
pub const DEPTH_MAX: usize = 128;
