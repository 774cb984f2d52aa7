mod faults;
mod operations;
mod requests;
mod table;
mod world;
