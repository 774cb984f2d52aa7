//! What is checked: small clusters with one operation of the cluster, one of a subscription, and two notifications.

use gomera_coordinator::Wishes;
use gomera_model::Layer;
use gomera_model::control::Strategy;
use gomera_operators::Rules;

/// One configuration.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    /// How the cluster changes.
    pub(crate) scaling: Scaling,
    /// What the session asks for while it does.
    pub(crate) request: Request,
    /// Notifications that are published.
    pub(crate) notifications: usize,
    /// Who publishes them.
    pub(crate) publications: Publications,
    /// Which rules of the protocol hold in the operators.
    pub(crate) rules: Rules,
}

/// How the cluster changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scaling {
    /// One matcher becomes two.
    MatchersOut,
    /// Two matchers become one.
    MatchersIn,
    /// A quarter of the slots goes from one of two matchers to the other.
    MatchersMoved,
    /// One matcher becomes two, the paper's way.
    MatchersOutBuffered,
    /// One exit point becomes two.
    ExitPointsOut,
}

/// What the session asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Request {
    /// Nothing.
    Nothing,
    /// A second subscription.
    Subscribe,
    /// Another filter for the first one.
    Replace,
    /// The end of the first one.
    Unsubscribe,
}

/// Who publishes the two notifications.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Publications {
    /// Two publishers, each through an access point of its own.
    Apart,
    /// One publisher, one after the other.
    Together,
}

impl Scaling {
    pub(crate) const ALL: [(&'static str, Self); 5] = [
        ("matchers-out", Self::MatchersOut),
        ("matchers-in", Self::MatchersIn),
        ("matchers-moved", Self::MatchersMoved),
        ("matchers-out-buffered", Self::MatchersOutBuffered),
        ("exit-points-out", Self::ExitPointsOut),
    ];

    /// Matchers and exit points at the beginning.
    pub(crate) fn start(self) -> [(Layer, u32); 4] {
        let matchers = match self {
            Self::MatchersIn | Self::MatchersMoved => 2,
            Self::MatchersOut | Self::MatchersOutBuffered | Self::ExitPointsOut => 1,
        };
        [
            (Layer::ConnectionPoints, 1),
            (Layer::AccessPoints, 2),
            (Layer::Matchers, matchers),
            (Layer::ExitPoints, 1),
        ]
    }

    /// The layer that changes.
    pub(crate) fn layer(self) -> Layer {
        match self {
            Self::MatchersOut
            | Self::MatchersIn
            | Self::MatchersMoved
            | Self::MatchersOutBuffered => Layer::Matchers,
            Self::ExitPointsOut => Layer::ExitPoints,
        }
    }

    /// What the coordinator is asked for.
    pub(crate) fn wishes(self) -> Wishes {
        let count = match self {
            Self::MatchersIn => 1,
            Self::MatchersOut
            | Self::MatchersMoved
            | Self::MatchersOutBuffered
            | Self::ExitPointsOut => 2,
        };
        let mut wishes = Wishes::from([(self.layer(), count)]);
        if self == Self::MatchersMoved {
            wishes.weights.insert(Layer::Matchers, vec![3, 1]);
        }
        wishes
    }

    /// How it shall do it.
    pub(crate) fn strategy(self) -> Strategy {
        match self {
            Self::MatchersOutBuffered => Strategy::Buffered,
            Self::MatchersOut | Self::MatchersIn | Self::MatchersMoved | Self::ExitPointsOut => {
                Strategy::Live
            }
        }
    }
}

impl Request {
    pub(crate) const ALL: [(&'static str, Self); 4] = [
        ("nothing", Self::Nothing),
        ("subscribe", Self::Subscribe),
        ("replace", Self::Replace),
        ("unsubscribe", Self::Unsubscribe),
    ];
}

impl Shape {
    /// Every shape, with its name.
    pub(crate) fn all() -> impl Iterator<Item = (String, Self)> {
        Scaling::ALL
            .into_iter()
            .flat_map(|(scaling_name, scaling)| {
                Request::ALL
                    .into_iter()
                    .map(move |(request_name, request)| {
                        let shape = Self {
                            scaling,
                            request,
                            notifications: 2,
                            publications: Publications::Apart,
                            rules: Rules::default(),
                        };
                        (format!("{scaling_name}-{request_name}"), shape)
                    })
            })
    }
}
