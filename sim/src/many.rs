//! Many seeds on all cores. Each seed is independent of the others, and what is said of them does not depend on how many
//! threads there are: of several that break a promise the lowest is told.

use std::cell::RefCell;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use gomera_sim::{Options, Reach, Verdict, run};

/// How often the rate is told.
const TELL_EVERY: Duration = Duration::from_secs(10);

/// A seed that did not end well.
#[derive(Debug)]
pub(crate) struct Failure {
    /// Which.
    pub(crate) seed: u64,
    /// How.
    pub(crate) how: Broken,
}

/// How a seed did not end well.
#[derive(Debug)]
pub(crate) enum Broken {
    /// A promise was broken.
    Promise(Box<Verdict>),
    /// Something stopped at one of its own assertions.
    Panic(String),
}

/// What is said by a worker.
enum Word {
    Done(Box<Reach>),
    Failed(Failure),
    Ended,
}

/// What a worker knows of the others.
#[derive(Clone)]
struct Bench {
    next: Arc<AtomicU64>,
    end: u64,
    /// The lowest seed that failed.
    lowest: Arc<AtomicU64>,
    words: Sender<Word>,
}

thread_local! {
    /// The seed that this thread runs, and whom it tells if it stops there.
    static AT_WORK: RefCell<Option<(u64, Bench)>> = const { RefCell::new(None) };
}

/// Runs seeds; their sum, or the lowest that failed. `tell` is told of the rate now and then.
pub(crate) fn run_all(
    (from, count): (u64, u64),
    options: &Options,
    threads: usize,
    tell: impl Fn(&str),
) -> Result<Reach, Failure> {
    let (words, heard) = channel();
    let bench = Bench {
        next: Arc::new(AtomicU64::new(from)),
        end: from.saturating_add(count),
        lowest: Arc::new(AtomicU64::new(u64::MAX)),
        words,
    };
    tell_of_panics();
    for _ in 0..threads {
        let (bench, options) = (bench.clone(), *options);
        thread::spawn(move || work(&bench, &options));
    }
    drop(bench);
    listen(&heard, threads, &tell)
}

fn work(bench: &Bench, options: &Options) {
    let words = &bench.words;
    loop {
        let seed = bench.next.fetch_add(1, Ordering::Relaxed);
        // What is above a seed that failed does not matter any more; what is below does.
        if seed >= bench.end || seed > bench.lowest.load(Ordering::Relaxed) {
            break;
        }
        AT_WORK.set(Some((seed, bench.clone())));
        let verdict = run(seed, options);
        let word = if verdict.breaches.is_empty() {
            Word::Done(Box::new(verdict.reach))
        } else {
            bench.lowest.fetch_min(seed, Ordering::Relaxed);
            let how = Broken::Promise(Box::new(verdict));
            Word::Failed(Failure { seed, how })
        };
        if words.send(word).is_err() {
            return;
        }
    }
    AT_WORK.set(None);
    // Nobody listens when a failure has been told already.
    let _ = words.send(Word::Ended);
}

fn listen(heard: &Receiver<Word>, threads: usize, tell: &impl Fn(&str)) -> Result<Reach, Failure> {
    let (begin, mut told) = (Instant::now(), Instant::now());
    let (mut total, mut seeds, mut at_work) = (Reach::default(), 0_u64, threads);
    let mut failure: Option<Failure> = None;
    while at_work > 0 {
        match heard.recv_timeout(TELL_EVERY) {
            Ok(Word::Done(reach)) => {
                total += &*reach;
                seeds += 1;
            }
            Ok(Word::Failed(failed)) => {
                // Who stopped at an assertion goes no further.
                at_work -= usize::from(matches!(failed.how, Broken::Panic(_)));
                if failure
                    .as_ref()
                    .is_none_or(|lower| failed.seed < lower.seed)
                {
                    failure = Some(failed);
                }
            }
            Ok(Word::Ended) => at_work -= 1,
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => break,
        }
        if told.elapsed() >= TELL_EVERY {
            told = Instant::now();
            tell(&rate(seeds, total.steps, begin.elapsed()));
        }
    }
    match failure {
        Some(failure) => Err(failure),
        None => {
            tell(&rate(seeds, total.steps, begin.elapsed()));
            Ok(total)
        }
    }
}

fn rate(seeds: u64, steps: u64, elapsed: Duration) -> String {
    let seconds = elapsed.as_secs_f64();
    #[expect(clippy::cast_precision_loss, reason = "rates are for people")]
    let (seeds_rate, steps_rate) = (seeds as f64 / seconds, steps as f64 / seconds);
    format!("{seeds} seeds in {seconds:.1} s: {seeds_rate:.1} seeds/s, {steps_rate:.0} steps/s")
}

/// Where a panic would end the process, the seed that led to it is told first; its thread waits for the end of the others.
fn tell_of_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let Some((seed, bench)) = AT_WORK.take() else {
            return;
        };
        bench.lowest.fetch_min(seed, Ordering::Relaxed);
        let how = Broken::Panic(panic.to_string());
        if bench
            .words
            .send(Word::Failed(Failure { seed, how }))
            .is_ok()
        {
            loop {
                thread::park();
            }
        }
    }));
}
