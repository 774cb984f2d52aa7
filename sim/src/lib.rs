//! The whole system in one thread, from one seed: the operators, the coordinator and the clients' machines, with fake
//! time and first-in-first-out lanes whose speed chance decides; and one checker per promise of the contract.
//!
//! ```text
//! seed ──► scenario ──► world ──► history ──► checkers ──► breaches: none
//!                         └─────► story (in words)
//! ```
//!
//! `cargo run --release -p gomera-sim -- --seed 1 --trace` tells a run.

mod census;
pub mod checker;
mod content;
mod digest;
pub mod faults;
pub mod mutants;
pub mod reach;
pub mod rng;
pub mod run;
pub mod scenario;
pub mod story;
mod words;
mod world;

pub use census::census;
pub use checker::{Breach, Promise};
pub use faults::Fault;
pub use mutants::{MUTANTS, Mutant, RARE_MUTANTS};
pub use reach::Reach;
pub use run::{Verdict, run, tell};
pub use scenario::{Mortal, Options, Scenario};
pub use story::{Chapter, Focus, Story};
pub use world::{Outcome, World};
