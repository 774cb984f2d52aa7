//! What kind of run a seed gives: how large the cluster is, how much happens, how unkind the weather.

use gomera_coordinator::rules::Rules as Offices;
use gomera_model::Layer;
use gomera_operators::access_point::Window;
use gomera_operators::rules::Rules;

use crate::faults::Faults;
use crate::rng::Rng;

/// The shape of one run, drawn from its seed.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// Connection points.
    pub connection_points: u32,
    /// Access points.
    pub access_points: u32,
    /// Matchers at the start.
    pub matchers: u32,
    /// Exit points.
    pub exit_points: u32,
    /// Publishers.
    pub publishers: usize,
    /// Subscribers.
    pub subscribers: usize,
    /// Subscriptions of each subscriber have numbers below this.
    pub numbers: u64,
    /// Publications of all publishers.
    pub publications: u32,
    /// Publications that a publisher may have outstanding.
    pub window: usize,
    /// What an access point admits before it is released.
    pub admission: Window,
    /// Subscribes, replaces and unsubscribes of all subscribers.
    pub requests: u32,
    /// Requests to scale, one after the other.
    pub scalings: u32,
    /// The layers that are scaled.
    pub layers: Vec<Layer>,
    /// Hosts; with more than one, exit points have backups.
    pub hosts: u64,
    /// How many further matchers hold each slot: none but where that is asked for.
    pub matcher_replicas: u32,
    /// How often of a thousand a scaling names several layers.
    pub rows_per_mille: u64,
    /// How often of a thousand a scaling shares slots unevenly.
    pub weights_per_mille: u64,
    /// How often of a thousand an operation is asked to abort at a random moment.
    pub aborts_per_mille: u64,
    /// Instances or hosts that die, one after the other: none but where that is asked for.
    pub deaths: u32,
    /// How often of a thousand one that is taken for dead runs on.
    pub zombies_per_mille: u64,
    /// Connections that are lost.
    pub losses: u32,
    /// Sessions that their applications end.
    pub endings: u32,
    /// How often of a thousand a scaling follows the strategy `buffered`.
    pub buffered_per_mille: u64,
    /// Coordinators that are followed by another one, which knows what the store says.
    pub successions: u32,
    /// How often of a thousand the coordinator does not learn whether a write was applied.
    pub murk_per_mille: u64,
    /// What goes wrong besides.
    pub faults: Faults,
    /// How often of a thousand a publication is sent twice.
    pub repeats_per_mille: u64,
    /// How many of a thousand steps are something that a client or a person does.
    pub eagerness_per_mille: u64,
    /// Publications at once, at most.
    pub burst: u64,
    /// How often of a thousand a turn takes several inputs.
    pub batches_per_mille: u64,
    /// How often of a thousand turns something becomes slow for a while.
    pub slowness_per_mille: u64,
    /// How often of a thousand a matcher's lanes to the exit points are slow when slots change hands.
    pub partings_per_mille: u64,
    /// How often of a thousand a step of an operation reaches some instances late.
    pub laziness_per_mille: u64,
}

/// How a run is made.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// Which rules of the protocol hold in the operators.
    pub rules: Rules,
    /// Which rules hold in the coordinators.
    pub offices: Offices,
    /// What the coordinator is told that is not so.
    pub forgery: Option<Forgery>,
    /// The only layer that is scaled, instead of those that the seed draws.
    pub focus: Option<Layer>,
    /// How many hosts there are, instead of what the seed draws.
    pub hosts: Option<u64>,
    /// How many further matchers hold each slot.
    pub matcher_replicas: u32,
    /// How many instances die.
    pub deaths: Option<u32>,
    /// Who may die, if not everybody may.
    pub mortal: Option<Mortal>,
    /// Whether nothing goes wrong with hosts and store, whatever the seed draws.
    pub is_calm: bool,
    /// Whether everything that is done is taken into a number, by which two runs can be compared.
    pub is_digested: bool,
}

/// Who may die.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mortal {
    /// Instances of this layer, one at a time.
    Layer(Layer),
    /// Hosts, with all that runs there.
    Hosts,
}

/// A lie to the coordinator, which takes one of its rules away: it goes on where it should wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Forgery {
    /// When one has confirmed a plan, all are said to have.
    Confirmed,
    /// Whoever confirms a plan is said to have every END as well.
    Ended,
    /// When one access point has flipped, everybody is said to have joined and drained.
    Drained,
    /// When one exit point has joined, every one is said to be filled.
    Filled,
    /// When one access point has flipped, whoever leaves is said to be empty.
    Emptied,
    /// When one exit point says how far it has released, all are said to be that far.
    Released,
    /// The store writes without looking at versions.
    Unversioned,
    /// Hosts obey leaders that lead no longer.
    StaleLeader,
}

/// Mostly one layer, so that its operations follow one another; sometimes all of them.
fn layers(rng: &mut Rng) -> Vec<Layer> {
    if rng.per_mille(250) {
        return Layer::ALL.into();
    }
    let often = [
        Layer::Matchers,
        Layer::Matchers,
        Layer::ExitPoints,
        Layer::ExitPoints,
        Layer::AccessPoints,
        Layer::ConnectionPoints,
    ];
    vec![*rng.pick(&often)]
}

impl Scenario {
    /// The scenario of a seed.
    #[must_use]
    pub fn draw(rng: &mut Rng) -> Self {
        let small = |rng: &mut Rng, least, most| {
            u32::try_from(rng.between(least, most)).expect("small numbers")
        };
        let quiet = rng.per_mille(100);
        Self {
            connection_points: small(rng, 1, 2),
            access_points: small(rng, 1, 3),
            matchers: small(rng, 1, 3),
            exit_points: small(rng, 1, 3),
            publishers: rng.index(3) + 1,
            subscribers: rng.index(3) + 2,
            numbers: rng.between(2, 12),
            publications: small(rng, 60, 180),
            window: *rng.pick(&[1, 2, 3, 16, 64, 64]),
            admission: Window {
                notifications: *rng.pick(&[1, 2, 3, 64, 1000, 1000]),
                bytes: 1 << 20,
            },
            requests: small(rng, 30, 90),
            scalings: small(rng, 1, 4),
            layers: layers(rng),
            hosts: *rng.pick(&[1, 1, 2, 3]),
            matcher_replicas: 0,
            rows_per_mille: *rng.pick(&[0, 0, 400]),
            weights_per_mille: *rng.pick(&[0, 300]),
            aborts_per_mille: if rng.per_mille(300) { 400 } else { 0 },
            deaths: 0,
            zombies_per_mille: *rng.pick(&[0, 400]),
            losses: if rng.per_mille(400) {
                small(rng, 1, 6)
            } else {
                0
            },
            endings: u32::from(rng.per_mille(200)),
            buffered_per_mille: *rng.pick(&[0, 0, 500, 1000]),
            successions: if rng.per_mille(200) {
                small(rng, 1, 3)
            } else {
                0
            },
            murk_per_mille: *rng.pick(&[0, 0, 0, 100]),
            faults: Faults::draw(&mut rng.fork()),
            repeats_per_mille: *rng.pick(&[0, 0, 50]),
            eagerness_per_mille: *rng.pick(&[20, 40, 80, 150]),
            burst: *rng.pick(&[1, 1, 4, 10]),
            batches_per_mille: *rng.pick(&[0, 300, 800]),
            slowness_per_mille: if quiet { 0 } else { rng.between(1, 30) },
            partings_per_mille: if quiet { 0 } else { *rng.pick(&[0, 500, 1000]) },
            laziness_per_mille: if quiet { 0 } else { rng.between(200, 900) },
        }
    }
}
