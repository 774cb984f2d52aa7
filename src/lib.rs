//! The drivers around the pure machines: sockets, threads, clocks, files, HTTP and the command line.
//!
//! [`commands`] is the command line, [`settings`] where its flags find their values besides it.

pub mod admin;
pub mod bench_match;
pub mod broker;
pub mod certificates;
pub mod commands;
pub mod cpu;
pub mod demo;
pub mod limits;
pub mod metrics;
pub mod records;
pub mod settings;
pub mod zookeeper;
