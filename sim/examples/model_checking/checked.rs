//! The model that the checker walks through, and what it has to find.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use stateright::{Checker, HasDiscoveries, Model, Property};

use crate::coordination::Memory;
use crate::shape::Shape;
use crate::world::{Action, Ground, World};

/// A shape under the checker.
#[derive(Clone, Debug)]
pub(crate) struct Checked {
    ground: Arc<Ground>,
    ends: Arc<AtomicU64>,
}

/// What a walk came to.
#[derive(Debug)]
pub(crate) struct Finding {
    /// States that were reached, each as often as it was.
    pub(crate) states: usize,
    /// Different ones.
    pub(crate) unique: usize,
    /// Different ones in which nothing can happen any more.
    pub(crate) ends: u64,
    /// Actions on the longest way.
    pub(crate) depth: usize,
    /// How long it took.
    pub(crate) took: Duration,
    /// Whether nothing is left to walk through.
    pub(crate) is_exhaustive: bool,
    /// What is wrong, with the way there.
    pub(crate) counterexample: Option<String>,
}

impl Model for Checked {
    type State = World;
    type Action = Action;

    fn init_states(&self) -> Vec<World> {
        vec![World::new(&self.ground)]
    }

    fn actions(&self, state: &World, actions: &mut Vec<Action>) {
        state.actions(actions);
    }

    fn next_state(&self, last: &World, action: Action) -> Option<World> {
        let mut next = last.clone();
        let step = || {
            next.act(action, &self.ground);
            next
        };
        Some(
            catch_unwind(AssertUnwindSafe(step)).unwrap_or_else(|panic| {
                let words = panic.downcast_ref::<String>().cloned();
                let words =
                    words.or_else(|| panic.downcast_ref::<&str>().map(|&text| text.to_owned()));
                let mut failed = last.clone();
                failed.panic = Some(words.unwrap_or_default().into());
                failed
            }),
        )
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always(NOT_FALSE, |_, world: &World| world.clients.breach.is_none()),
            Property::always(NO_PANIC, |_, world: &World| world.panic.is_none()),
            Property::always(ALL_IN_THE_END, Self::is_well_ended),
        ]
    }
}

/// As many as the smallest machine has that builds this.
const THREADS: usize = 2;

const NOT_FALSE: &str = "nothing comes twice, falsely or out of order";
const NO_PANIC: &str = "no operator stops at an assertion";
const ALL_IN_THE_END: &str = "where nothing can happen any more, everything has come and is done";

impl Checked {
    pub(crate) fn new(shape: Shape) -> Self {
        let ground = Ground {
            shape,
            memory: Memory::default(),
        };
        Self {
            ground: Arc::new(ground),
            ends: Arc::default(),
        }
    }

    /// Walks through everything up to a depth, as long as there is time.
    pub(crate) fn walk(self, depth: Option<usize>, patience: Duration) -> Finding {
        let started = Instant::now();
        let ends = Arc::clone(&self.ends);
        let mut builder = self
            .checker()
            .threads(THREADS)
            .timeout(patience)
            .finish_when(HasDiscoveries::AnyFailures);
        if let Some(depth) = depth {
            builder = builder.target_max_depth(depth);
        }
        let walked = builder.spawn_dfs().join();
        let took = started.elapsed();
        let counterexample = walked.discoveries().into_iter().next();
        let counterexample = counterexample.map(|(name, path)| {
            let world = path.last_state();
            let breaches: Vec<_> = world.judge().iter().map(ToString::to_string).collect();
            let panic = world.panic.clone();
            let actions: Vec<_> = path
                .into_actions()
                .iter()
                .map(|a| format!("{a:?}"))
                .collect();
            format!(
                "not so: {name}\n{breaches:#?} {panic:?}\n{}",
                actions.join("\n")
            )
        });
        Finding {
            states: walked.state_count(),
            unique: walked.unique_state_count(),
            ends: ends.load(Ordering::Relaxed),
            depth: walked.max_depth(),
            took,
            is_exhaustive: counterexample.is_none()
                && took < patience
                && depth.is_none_or(|depth| walked.max_depth() < depth),
            counterexample,
        }
    }

    fn is_well_ended(&self, world: &World) -> bool {
        let mut actions = Vec::new();
        world.actions(&mut actions);
        if !actions.is_empty() || world.panic.is_some() || world.clients.breach.is_some() {
            return true;
        }
        self.ends.fetch_add(1, Ordering::Relaxed);
        world.judge().is_empty()
    }
}
