//! How fast the records of a verification are checked: `cargo bench -p gomera-loadgen --bench checking -- [NOTIFICATIONS]`.
//!
//! The records are made up, in the form that `loadgen/src/verify/trail/` describes, of a run in which all is right. What
//! matches is worked out here, so a mistake of the judge would show as a violation.

#![allow(clippy::print_stdout, reason = "it prints what it measured")]

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use gomera_loadgen::random::Random;
use gomera_loadgen::verify::judge::{Rules, check};
use gomera_loadgen::verify::trail::Files;
use rustix::time::{ClockId, clock_gettime};

const PUBLISHERS: usize = 4;
const SUBSCRIBERS: usize = 10;
const FILTERS_EACH: usize = 10;
const KINDS: [&str; 12] = [
    "gull", "kite", "tern", "swift", "raven", "finch", "heron", "petrel", "plover", "shag", "skua",
    "wren",
];

/// Two kinds, a range of levels, and not the lowest ratios: one notification of a hundred satisfies it.
struct Filter {
    kinds: [usize; 2],
    low: usize,
}

struct Notification {
    kind: usize,
    level: usize,
    ratio_permille: usize,
}

impl Filter {
    fn text(&self) -> String {
        let [one, other] = self.kinds.map(|kind| KINDS[kind]);
        let (low, high) = (self.low, self.low + 99);
        format!(
            "verify = 'bench' AND kind IN ('{one}', '{other}') AND level BETWEEN {low} AND {high} AND NOT (ratio < 0.25)"
        )
    }

    fn is_true(&self, notification: &Notification) -> bool {
        self.kinds.contains(&notification.kind)
            && (self.low..self.low + 100).contains(&notification.level)
            && notification.ratio_permille >= 250
    }
}

fn main() {
    let count = std::env::args().nth(1).and_then(|text| text.parse().ok());
    let count: usize = count.unwrap_or(1_000_000);
    let directory = std::env::temp_dir().join(format!("gomera-checking-{}", std::process::id()));
    fs::create_dir_all(&directory).expect("a temporary directory can be made");
    make_up(&directory, count);
    let bytes: u64 = fs::read_dir(&directory)
        .expect("it was made above")
        .filter_map(|file| Some(file.ok()?.metadata().ok()?.len()))
        .sum();
    let (begun, cpu) = (Instant::now(), cpu_time());
    let files = Files::read(&directory).expect("they were written above");
    let read = begun.elapsed();
    let verdict = check(&files, Rules::default()).expect("the records are right");
    let (took, cpu) = (begun.elapsed(), cpu_time() - cpu);
    fs::remove_dir_all(&directory).expect("nobody else uses it");
    let figures = &verdict.figures;
    assert!(verdict.is_clean(), "{:?}", verdict.findings);
    assert_eq!(
        figures.pairs_checked,
        (count * SUBSCRIBERS * FILTERS_EACH) as u64
    );
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let seconds = took.as_secs_f64();
    println!(
        "{} notifications against {} filters: {} pairs ({} true), {} MB of records, in {seconds:.2} s on {cores} cores \
         ({:.2} s of it reading), {:.2} s of processor time: {:.1} million pairs a second",
        figures.notifications,
        SUBSCRIBERS * FILTERS_EACH,
        figures.pairs_checked,
        figures.pairs_true,
        bytes / 1_000_000,
        read.as_secs_f64(),
        cpu.as_secs_f64(),
        (count * SUBSCRIBERS * FILTERS_EACH) as f64 / seconds / 1e6,
    );
}

/// What the process has used of all cores: what others use at the same time does not count.
fn cpu_time() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::try_from(time).expect("it does not go backwards")
}

fn make_up(directory: &Path, count: usize) {
    let mut random = Random::new(1);
    let filters: Vec<Vec<Filter>> = (0..SUBSCRIBERS)
        .map(|_| {
            let filter = |_| Filter {
                kinds: [random.below(12), random.below(12)],
                low: random.below(900),
            };
            (0..FILTERS_EACH).map(filter).collect()
        })
        .collect();
    let mut publishers = vec![String::new(); PUBLISHERS];
    let mut subscribers: Vec<String> = filters.iter().map(|filters| subscribed(filters)).collect();
    for (id, text) in publishers.iter_mut().enumerate() {
        let _ = writeln!(text, "0 o {:x}", id + 1);
    }
    for index in 0..count {
        let (publisher, seq) = (index % PUBLISHERS, index / PUBLISHERS + 1);
        let at = 1_000_000 + index as u64 * 10_000;
        let notification = Notification {
            kind: random.below(12),
            level: random.below(1_000),
            ratio_permille: random.below(1_000),
        };
        let matched = delivered(
            &mut subscribers,
            &filters,
            (publisher, seq, at),
            (index, &notification),
        );
        let text = &mut publishers[publisher];
        let Notification {
            kind,
            level,
            ratio_permille,
        } = notification;
        let _ = writeln!(
            text,
            "{at} p {seq} {at} 7 verify=sbench kind=s{} level=i{level} ratio=f0.{ratio_permille:03} flag=b1 name=s{}-{level:03} lon=f-15.25 lat=f28.5",
            KINDS[kind], KINDS[kind],
        );
        let _ = writeln!(text, "{} a {seq} {matched}", at + 300_000);
    }
    for (index, text) in publishers.into_iter().enumerate() {
        write(
            directory,
            &format!("publisher-{index:04}.log"),
            text + "99000000000000 f\n",
        );
    }
    for (index, text) in subscribers.into_iter().enumerate() {
        write(
            directory,
            &format!("subscriber-{index:04}.log"),
            text + "99000000000000 f\n",
        );
    }
    write(directory, "cluster.log", "0 t 1 nothing\n".to_owned());
    write(directory, "run", "run=bench\n".to_owned());
}

fn subscribed(filters: &[Filter]) -> String {
    let mut text = "0 o 5\n".to_owned();
    for (number, filter) in filters.iter().enumerate() {
        let _ = writeln!(text, "10 s {number} {}\n20 k {number}", filter.text());
    }
    text
}

/// Writes a notification into the records of all that it is for, and says for how many subscriptions.
fn delivered(
    subscribers: &mut [String],
    filters: &[Vec<Filter>],
    (publisher, seq, at): (usize, usize, u64),
    (index, notification): (usize, &Notification),
) -> usize {
    let mut matched = 0;
    for (text, filters) in subscribers.iter_mut().zip(filters) {
        let hits = filters
            .iter()
            .enumerate()
            .filter(|(_, filter)| filter.is_true(notification));
        let hits: Vec<String> = hits
            .map(|(number, _)| format!("{number}:{}", number + 1))
            .collect();
        if !hits.is_empty() {
            matched += hits.len();
            let (at, stamp) = (at + 200_000, index + 1);
            let _ = writeln!(
                text,
                "{at} v 1 {stamp} 1 {:x} {seq} 7 {}",
                publisher + 1,
                hits.join(",")
            );
        }
    }
    matched
}

fn write(directory: &Path, name: &str, text: String) {
    fs::write(directory.join(name), text).expect("there is room in the temporary directory");
}
