//! A whole cluster with its clients in one thread: fake time, one source of chance, every interleaving possible.
//!
//! ```text
//!   load ──► clients ◄──Up, Down──► connection points ◄──lanes──► access points, matchers, exit points
//!                                        ▲  │                           ▲  │
//!                                     Order Report                   Order Report
//!                                        │  ▼                           │  ▼
//!                                       host ◄───────── Word ─────────► host
//!                                        └──────────► ensemble ◄────────┘
//! ```
//!
//! A run has two phases: in the first anything may go wrong that is drawn; then it heals, and everything has to end.
//!
//! A step is one turn of one receiver: it takes an input from a queue that chance chose, perhaps some more, and what it
//! wants done goes into queues again. Chance is steered by pace (see `weather.rs`), so that rare orders come often.

mod bounds;
mod carry;
mod clients;
mod cluster;
mod connections;
mod deaths;
mod ensemble;
mod instances;
mod keeping;
mod load;
mod office;
mod post;
mod rest;
mod safety;
mod strikes;
mod told;
mod weather;

use gomera_model::{Duration, HostId, Incarnation, Time};
use gomera_operators::Holdings;

use crate::checker::{Bounds, Breach, Decisions, History, judge, judge_cluster, judge_end};
use crate::digest::Digest;
use crate::faults::Faults;
use crate::reach::Reach;
use crate::rng::Rng;
use crate::scenario::{Mortal, Options, Scenario};
use crate::story::Story;

use clients::{Clients, Party};
use cluster::Cluster;
use connections::Connections;
use deaths::Dead;
use instances::Instances;
use load::Load;
use post::{Cargo, Post, Route};
use strikes::Strikes;
use weather::Weather;

/// Steps after which a run that does not come to rest is stuck.
const STEPS_MAX: u64 = 100_000;

/// Who takes a turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Receiver {
    Instance(Incarnation),
    /// The thread of a host that coordinates.
    Host(HostId),
    /// A host's dealings with the store.
    Keeper(HostId),
    Ensemble,
    /// Whoever leads.
    Leader,
    Client(Party),
    /// Whose connection is gone: takes nothing.
    Nobody,
}

/// A run under way.
#[derive(Debug)]
pub struct World {
    now: Time,
    rng: Rng,
    scenario: Scenario,
    post: Post,
    weather: Weather,
    cluster: Cluster,
    instances: Instances,
    connections: Connections,
    clients: Clients,
    load: Load,
    history: History,
    decisions: Decisions,
    bounds: Bounds,
    /// Used again and again.
    holdings: Holdings,
    strikes: Strikes,
    reach: Reach,
    digest: Digest,
    /// Whether two runs are to be compared.
    is_digested: bool,
    story: Story,
    /// Nothing goes wrong any more, and everything has to end.
    is_healing: bool,
    healed_at: Time,
    /// Who may die, if not everybody may.
    mortal: Option<Mortal>,
    dead: Dead,
    /// What must not happen at all, and did.
    failures: Vec<Breach>,
    /// Wakes in a row that led to nothing.
    idle_wakes: u64,
}

/// What a run came to.
#[derive(Debug)]
pub struct Outcome {
    /// What was broken; empty if all is well.
    pub breaches: Vec<Breach>,
    /// What was reached.
    pub reach: Reach,
    /// A number made of every effect; the same for the same seed.
    pub digest: u64,
    /// The run in words.
    pub story: Story,
    /// What clients saw.
    pub history: History,
}

impl World {
    /// The world of a seed, at its beginning.
    #[must_use]
    pub fn new(seed: u64, options: &Options, story: Story) -> Self {
        let mut rng = Rng::new(seed);
        let mut scenario = Scenario::draw(&mut rng);
        scenario.layers = options.focus.map_or(scenario.layers, |layer| vec![layer]);
        scenario.hosts = options.hosts.unwrap_or(scenario.hosts);
        scenario.matcher_replicas = options.matcher_replicas;
        scenario.deaths = options.deaths.unwrap_or(scenario.deaths);
        if options.is_calm {
            scenario.faults = Faults::none();
        }
        let mut history = History::new();
        let clients = Clients::new(&scenario, &mut rng, &mut history);
        Self {
            now: Time(0),
            post: Post::default(),
            weather: Weather::default(),
            cluster: Cluster::new(&scenario, options),
            mortal: options.mortal,
            dead: Dead::default(),
            instances: Instances::new(options, &scenario),
            connections: Connections::default(),
            clients,
            load: Load::new(&scenario),
            history,
            decisions: Decisions::default(),
            bounds: Bounds::default(),
            holdings: Holdings::default(),
            strikes: Strikes::new(&scenario.faults),
            reach: Reach::default(),
            digest: Digest::default(),
            is_digested: options.is_digested,
            story,
            is_healing: false,
            healed_at: Time(0),
            failures: Vec::new(),
            idle_wakes: 0,
            scenario,
            rng,
        }
    }

    /// Runs until everything has come to rest, then judges.
    #[must_use]
    pub fn run(mut self) -> Outcome {
        self.start_hosts();
        self.go_on(|world| world.cluster.is_ready());
        self.start_clients();
        self.go_on(|_| false);
        if self.reach.steps >= STEPS_MAX {
            self.fail(format!(
                "it goes on and on: {STEPS_MAX} steps without coming to rest"
            ));
            for what in self.leftovers().unfinished {
                self.fail(what);
            }
        }
        let mut breaches = core::mem::take(&mut self.failures);
        breaches.extend(judge(&self.history));
        breaches.extend(judge_cluster(&self.decisions, &self.bounds));
        if breaches.is_empty() {
            breaches = judge_end(&self.history, &self.leftovers(), &self.census());
        }
        self.reach.finish(&self.history, &self.bounds);
        Outcome {
            breaches,
            reach: self.reach,
            digest: self.digest.value(),
            story: self.story,
            history: self.history,
        }
    }

    /// Takes turns until something is so, or nothing is left to do.
    fn go_on(&mut self, is_so: impl Fn(&Self) -> bool) {
        while !is_so(self) && self.reach.steps < STEPS_MAX && self.step() {
            self.reach.steps += 1;
        }
    }

    /// One turn; `false` when nothing is left to do.
    fn step(&mut self) -> bool {
        self.now = self.now + Duration::from_nanos(self.rng.between(1_000, 50_000));
        self.change_weather();
        self.befall();
        let eagerness = self.eagerness();
        if eagerness == 0 && self.clients.have_started && !self.is_healing {
            self.heal();
        }
        if eagerness > 0 && self.rng.per_mille(eagerness) {
            self.act();
            return true;
        }
        let due = self.due();
        let wakes = due.len() as u64 * post::BRISK;
        let urge = self.urge();
        match self.rng.weighted(&[urge, wakes]) {
            Some(0) => self.deliver(),
            Some(_) => {
                let receiver = *self.rng.pick(&due);
                self.wake(receiver);
            }
            None if eagerness > 0 && self.rng.per_mille(500) => self.act(),
            None => return self.leap() || eagerness > 0,
        }
        true
    }

    /// Nothing can happen now: goes on to when somebody wants to be woken.
    fn leap(&mut self) -> bool {
        let next = self
            .next_wake()
            .into_iter()
            .chain(self.weather.next_change());
        let Some(next) = next.min() else {
            return false;
        };
        self.now = self.now.max(next);
        !self.is_at_rest()
    }

    fn deliver(&mut self) {
        let Some(first) = self.post.choose(&mut self.rng) else {
            return;
        };
        let receiver = self.connections.receiver(first);
        self.feed(receiver, first);
        while self.rng.per_mille(self.scenario.batches_per_mille) {
            let (connections, instances) = (&self.connections, &self.instances);
            let others = self.post.brisk(|route| {
                connections.receiver(route) == receiver && instances.hears(receiver, route)
            });
            if others.is_empty() {
                break;
            }
            let next = *self.rng.pick(&others);
            self.feed(receiver, next);
        }
        self.end_turn(receiver);
    }

    fn feed(&mut self, receiver: Receiver, route: Route) {
        let Some(cargo) = self.post.take(route) else {
            return;
        };
        self.reach.inputs += 1;
        if !cargo.is_routine() {
            self.idle_wakes = 0;
        }
        match receiver {
            Receiver::Instance(instance) => self.feed_instance(instance, route, cargo),
            Receiver::Host(host) => self.feed_host(host, route, cargo),
            Receiver::Keeper(host) => self.feed_keeper(host, cargo),
            Receiver::Ensemble => self.feed_ensemble(route, cargo),
            Receiver::Leader => self.feed_leader(cargo),
            Receiver::Client(party) => self.feed_client(party, route, cargo),
            Receiver::Nobody => {}
        }
    }

    fn end_turn(&mut self, receiver: Receiver) {
        match receiver {
            Receiver::Instance(instance) => self.end_turn_of(instance),
            Receiver::Host(host) => self.carry_host(host),
            Receiver::Client(party) => self.carry_client(party),
            Receiver::Keeper(_) | Receiver::Ensemble | Receiver::Leader | Receiver::Nobody => {}
        }
    }

    fn wake(&mut self, receiver: Receiver) {
        self.idle_wakes += 1;
        match receiver {
            Receiver::Instance(instance) => self.wake_instance(instance),
            Receiver::Host(host) => self.wake_host(host),
            Receiver::Keeper(host) => self.look_soon(host),
            Receiver::Client(party) => self.wake_client(party),
            Receiver::Ensemble | Receiver::Leader | Receiver::Nobody => {}
        }
    }

    /// Everybody whose wish to be woken has come due.
    fn due(&self) -> Vec<Receiver> {
        let wishes = self.wishes();
        wishes
            .filter(|(at, _)| *at <= self.now)
            .map(|(_, receiver)| receiver)
            .collect()
    }

    fn next_wake(&self) -> Option<Time> {
        self.wishes().map(|(at, _)| at).min()
    }

    fn wishes(&self) -> impl Iterator<Item = (Time, Receiver)> {
        let hosts = self.cluster.wishes().flat_map(|(id, leading, look)| {
            let leading = leading.map(|at| (at, Receiver::Host(id)));
            leading
                .into_iter()
                .chain(look.map(|at| (at, Receiver::Keeper(id))))
        });
        self.instances
            .wishes()
            .chain(hosts)
            .chain(self.clients.wishes())
            .filter(|(_, receiver)| !self.weather.is_paused(*receiver))
    }

    fn urge(&mut self) -> u64 {
        let (weather, connections, instances) = (&self.weather, &self.connections, &self.instances);
        let is_led = self.cluster.leader().is_some();
        let urge = self.post.urge(|route| {
            // Who is suspected is so until somebody leads who can do something about it.
            if route == Route::Rumour && !is_led {
                0
            } else {
                pace(route, weather, connections, instances)
            }
        });
        // What is slow for two reasons is slow, but it comes.
        urge.div_ceil(post::BRISK)
    }

    fn put(&mut self, route: Route, cargo: Cargo) {
        self.post.send(route, cargo);
    }
}

/// How fast the receiver of a queue is; not at all before it may hear it.
fn pace(route: Route, weather: &Weather, connections: &Connections, instances: &Instances) -> u64 {
    let receiver = connections.receiver(route);
    if instances.hears(receiver, route) {
        weather.pace(receiver)
    } else {
        0
    }
}
