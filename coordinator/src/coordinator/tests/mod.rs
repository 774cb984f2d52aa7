mod faults;
mod interleavings;
mod operations;
mod requests;
mod table;
mod world;
