//! The drivers around the pure machines: sockets, threads, clocks, files, HTTP and the command line.
//!
//! [`commands`] is the command line, [`settings`] where its flags find their values besides it.

pub mod bench_match;
pub mod broker;
pub mod certificates;
pub mod commands;
pub mod limits;
pub mod settings;
