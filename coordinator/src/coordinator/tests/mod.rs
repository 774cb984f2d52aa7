//! The machine among scripted stores and instances: when all goes well, and when everything fails.

mod draining;
mod faults;
mod interleavings;
mod operations;
mod recovery;
mod requests;
mod table;
mod world;
