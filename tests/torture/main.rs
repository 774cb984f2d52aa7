//! A real cluster under load to which everything happens that happens to clusters: see `scripts/torture`.
//!
//! Three hosts, or one for each instance, and a ZooKeeper of three servers; publishers and subscribers that run the
//! whole time and are checked by an evaluation of their own. One fault after the other, each in a phase of an operation
//! or at rest, all from one seed; after each one everything must settle, be delivered once and in order.

#![allow(
    clippy::print_stdout,
    clippy::wildcard_enum_match_arm,
    reason = "it tells a person what it does, and picks what it knows out of what others may extend"
)]

mod admin;
mod chance;
mod faults;
mod fleet;
mod load;
mod network;
mod options;
mod proxy;
mod record;
mod report;
mod round;
mod verifying;

#[path = "../ensemble/mod.rs"]
mod ensemble;

use std::process::ExitCode;

use round::Torture;

fn main() -> ExitCode {
    let options = match options::parse(std::env::args().skip(1)) {
        Ok(options) => options,
        Err(usage) => {
            eprintln!("{usage}");
            return ExitCode::from(2);
        }
    };
    println!(
        "seed {}; to repeat it: scripts/torture --seed {}",
        options.seed, options.seed
    );
    let seed = options.seed;
    let report = Torture::start(options).run();
    print!("{}", report.table());
    println!("{}", report.json(seed));
    match report.violations() {
        0 => ExitCode::SUCCESS,
        _ => ExitCode::from(3),
    }
}
