//! Some operators with lanes between them, by hand: a lane delivers when the test lets it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use gomera_matching::CpuLevel;
use gomera_model::control::{Control, Report};
use gomera_model::lane::{
    AccessPointFrame, FilterText, LaneFrame, Publication, SubscriptionRequest,
};
use gomera_model::silbo::{Acknowledgement, ClientFrame, Connect, RefusalCode, ServerFrame};
use gomera_model::topology::ExitPoints;
use gomera_model::{
    AttributesBuilder, Body, Content, Epoch, Generation, HostId, Incarnation, Instance, InstanceId,
    Layer, OperationNumber, PublisherId, PublisherSeq, SLOTS, SessionId, SessionToken,
    SubscriptionNumber, Time, Timestamp, Topology,
};
use gomera_operators::{
    AccessPoint, ConnectionId, ConnectionPoint, Effect, Effects, ExitPoint, FreshSession, Matcher,
    Operator,
};

pub(crate) const MATCHER: Incarnation = Incarnation(1);
pub(crate) const EXIT_POINT: Incarnation = Incarnation(2);
/// Connection points.
pub(crate) const HERE: Incarnation = Incarnation(3);
pub(crate) const THERE: Incarnation = Incarnation(4);
/// Access points.
pub(crate) const OLD: Incarnation = Incarnation(11);
pub(crate) const NEW: Incarnation = Incarnation(12);
pub(crate) const THIRD: Incarnation = Incarnation(13);

/// The subscriber's connection.
pub(crate) const SUBSCRIBER: ConnectionId = ConnectionId(1000);

/// Who is listed, with the leaving ones marked.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Shape<'a> {
    pub(crate) access_points: &'a [Incarnation],
    pub(crate) leaving: &'a [Incarnation],
}

pub(crate) fn topology(epoch: u64, shape: Shape<'_>) -> Arc<Topology> {
    let instance = |incarnation, layer| Instance {
        id: InstanceId(1),
        incarnation,
        layer,
        host: HostId(1),
        zone: String::new(),
        leaving: shape.leaving.contains(&incarnation),
    };
    let mut instances = vec![
        instance(MATCHER, Layer::Matchers),
        instance(EXIT_POINT, Layer::ExitPoints),
        instance(HERE, Layer::ConnectionPoints),
        instance(THERE, Layer::ConnectionPoints),
    ];
    let points = shape.access_points.iter();
    instances.extend(points.map(|point| instance(*point, Layer::AccessPoints)));
    let exit_points = ExitPoints {
        primary: EXIT_POINT,
        backup: None,
        further: None,
    };
    Arc::new(Topology {
        epoch: Epoch(epoch),
        instances,
        retired: Vec::new(),
        cut: Epoch(0),
        matcher_replicas: 0,
        standby_of: Vec::new(),
        matcher_of: vec![MATCHER; SLOTS],
        exit_points_of: vec![exit_points; SLOTS],
    })
}

/// The operators, their lanes, and what they said to clients and the coordinator.
pub(crate) struct Net {
    pub(crate) now: Time,
    operators: BTreeMap<Incarnation, Operator>,
    lanes: BTreeMap<(Incarnation, Incarnation), VecDeque<LaneFrame>>,
    /// Lanes that deliver nothing for now.
    held: BTreeSet<(Incarnation, Incarnation)>,
    /// What each connection heard, in order.
    heard: BTreeMap<ConnectionId, Vec<ServerFrame>>,
    pub(crate) paused: BTreeSet<ConnectionId>,
    pub(crate) closed: BTreeMap<ConnectionId, RefusalCode>,
    reports: Vec<(Incarnation, Report)>,
    wishes: BTreeMap<Incarnation, Time>,
}

impl Net {
    /// Everybody who is listed, in epoch 1, with one subscriber whom everything reaches.
    pub(crate) fn start(access_points: &[Incarnation]) -> Self {
        let mut net = Self {
            now: Time(1),
            operators: BTreeMap::new(),
            lanes: BTreeMap::new(),
            held: BTreeSet::new(),
            heard: BTreeMap::new(),
            paused: BTreeSet::new(),
            closed: BTreeMap::new(),
            reports: Vec::new(),
            wishes: BTreeMap::new(),
        };
        let first = topology(
            1,
            Shape {
                access_points,
                leaving: &[],
            },
        );
        for instance in &first.instances {
            net.join(instance.incarnation, instance.layer);
        }
        net.tell_all(&first);
        net.run();
        net.subscribe();
        net
    }

    /// Starts an operator.
    pub(crate) fn join(&mut self, incarnation: Incarnation, layer: Layer) {
        let operator = match layer {
            Layer::ConnectionPoints => {
                Operator::ConnectionPoint(Box::new(ConnectionPoint::new(incarnation, 1)))
            }
            Layer::AccessPoints => {
                Operator::AccessPoint(Box::new(AccessPoint::new(incarnation, 1)))
            }
            Layer::Matchers => {
                let matcher = Matcher::new(incarnation, 1, CpuLevel::Scalar);
                Operator::Matcher(Box::new(matcher))
            }
            Layer::ExitPoints => Operator::ExitPoint(Box::new(ExitPoint::new(incarnation, 1))),
        };
        self.operators.insert(incarnation, operator);
    }

    pub(crate) fn tell(&mut self, to: Incarnation, topology: &Arc<Topology>) {
        let control = Control::Topology(Arc::clone(topology));
        self.with(to, |operator, now, effects| {
            operator.control(now, control, effects);
        });
    }

    pub(crate) fn tell_all(&mut self, topology: &Arc<Topology>) {
        let all: Vec<_> = self.operators.keys().copied().collect();
        for to in all {
            self.tell(to, topology);
        }
    }

    pub(crate) fn hold(&mut self, from: Incarnation, to: Incarnation) {
        self.held.insert((from, to));
    }

    pub(crate) fn free(&mut self, from: Incarnation, to: Incarnation) {
        self.held.remove(&(from, to));
    }

    /// Delivers everything that is not held, and what that leads to.
    pub(crate) fn run(&mut self) {
        loop {
            let ready = self.lanes.iter().find(|(lane, frames)| {
                !frames.is_empty()
                    && !self.held.contains(lane)
                    && self.operators.contains_key(&lane.1)
            });
            let Some((&(from, to), _)) = ready else {
                return;
            };
            let frame = self
                .lanes
                .get_mut(&(from, to))
                .and_then(VecDeque::pop_front);
            let frame = frame.expect("found above");
            self.with(to, |operator, now, effects| {
                operator.receive(now, from, frame, effects);
            });
        }
    }

    /// Lets the time go on to what somebody asked for.
    pub(crate) fn sleep(&mut self) {
        let wishes = std::mem::take(&mut self.wishes);
        for (who, at) in wishes {
            self.now = self.now.max(at);
            self.with(who, |operator, now, effects| operator.wake(now, effects));
        }
        self.run();
    }

    /// A client's frame at a connection point.
    pub(crate) fn client(&mut self, at: Incarnation, connection: ConnectionId, frame: ClientFrame) {
        self.with(at, |operator, now, effects| {
            let Operator::ConnectionPoint(point) = operator else {
                panic!("clients talk to connection points");
            };
            if let ClientFrame::Connect(connect) = frame {
                let fresh = FreshSession {
                    session: SessionId(77),
                    token: SessionToken([7; 16]),
                };
                point.connect(now, connection, connect, fresh, effects);
            } else {
                point.frame(now, connection, frame, effects);
            }
        });
    }

    /// A client's connection is gone.
    pub(crate) fn lose(&mut self, at: Incarnation, connection: ConnectionId) {
        self.with(at, |operator, now, effects| {
            if let Operator::ConnectionPoint(point) = operator {
                point.closed(now, connection, effects);
            }
        });
    }

    pub(crate) fn open(
        &mut self,
        at: Incarnation,
        (connection, generation): (u64, u32),
        publisher: PublisherId,
        welcomed_by: Option<Incarnation>,
    ) {
        let open = ClientFrame::OpenPublisher {
            publisher,
            generation: Generation(generation),
            acknowledgement: Acknowledgement::Joined,
            welcomed_by,
        };
        self.client(at, ConnectionId(connection), open);
    }

    pub(crate) fn publish(
        &mut self,
        at: Incarnation,
        connection: u64,
        seqs: std::ops::RangeInclusive<u64>,
    ) {
        for seq in seqs {
            let attributes = AttributesBuilder::new().with("a", 1_i64).build();
            let publication = Publication {
                seq: PublisherSeq(seq),
                published_at: Timestamp(0),
                content: Content {
                    attributes: attributes.expect("one attribute"),
                    body: Body::None,
                },
            };
            let frame = ClientFrame::Publish(publication);
            self.client(at, ConnectionId(connection), frame);
        }
    }

    pub(crate) fn refuse(&mut self, at: Incarnation, connection: u64, seq: u64) {
        let refusal = gomera_model::silbo::Refusal::new(RefusalCode::InvalidContent, "no");
        let seq = PublisherSeq(seq);
        let frame = ClientFrame::Unacceptable { seq, refusal };
        self.client(at, ConnectionId(connection), frame);
    }

    /// What a connection has heard since the last call.
    pub(crate) fn heard(&mut self, connection: u64) -> Vec<ServerFrame> {
        let heard = self.heard.get_mut(&ConnectionId(connection));
        heard.map(std::mem::take).unwrap_or_default()
    }

    /// The publisher's numbers in the order in which the subscriber got them, since the last call.
    pub(crate) fn delivered(&mut self) -> Vec<u64> {
        let heard = self.heard(SUBSCRIBER.0);
        let mut numbers = Vec::new();
        for frame in heard {
            if let ServerFrame::Deliver(deliver) = frame {
                numbers.push(deliver.publisher_seq.0);
            }
        }
        numbers
    }

    pub(crate) fn reports(&self, from: Incarnation) -> Vec<Report> {
        let of = self.reports.iter().filter(|(who, _)| *who == from);
        of.map(|(_, report)| report.clone()).collect()
    }

    /// Frames that wait in a lane.
    pub(crate) fn waiting(&self, from: Incarnation, to: Incarnation) -> usize {
        self.lanes.get(&(from, to)).map_or(0, VecDeque::len)
    }

    pub(crate) fn send(&mut self, from: Incarnation, to: Incarnation, frame: AccessPointFrame) {
        let lane = self.lanes.entry((from, to)).or_default();
        lane.push_back(LaneFrame::AccessPoint(frame));
    }

    pub(crate) fn operator(&self, incarnation: Incarnation) -> &Operator {
        &self.operators[&incarnation]
    }

    fn subscribe(&mut self) {
        let connect = Connect {
            resume: None,
            generation: Generation(1),
            cursors: Vec::new(),
            policy: gomera_model::lane::OverflowPolicy::Gap,
        };
        self.client(HERE, SUBSCRIBER, ClientFrame::Connect(connect));
        self.run();
        let request = SubscriptionRequest {
            operation: OperationNumber(1),
            unanswered_from: OperationNumber(1),
            number: SubscriptionNumber(0),
            filter: Some(FilterText {
                dialect: "sql".into(),
                text: "a = 1".into(),
            }),
        };
        self.client(HERE, SUBSCRIBER, ClientFrame::Request(request));
        self.run();
        let heard = self.heard(SUBSCRIBER.0);
        let answer = heard.last();
        assert!(
            matches!(answer, Some(ServerFrame::Answered { refused: None, .. })),
            "{answer:?}"
        );
    }

    /// Gives an operator one input, ends the turn, carries out what it wants.
    fn with(&mut self, who: Incarnation, input: impl FnOnce(&mut Operator, Time, &mut Effects)) {
        let mut effects = Effects::new();
        let operator = self.operators.get_mut(&who).expect("it runs");
        input(operator, self.now, &mut effects);
        operator.turn_ended(self.now, &mut effects);
        for effect in effects.drain() {
            match effect {
                Effect::Send { to, frame } => {
                    self.lanes.entry((who, to)).or_default().push_back(frame);
                }
                Effect::Report(report) => self.reports.push((who, report)),
                Effect::WakeAt(at) => {
                    let wish = self.wishes.entry(who).or_insert(at);
                    *wish = at.min(*wish);
                }
                Effect::ToClient {
                    connection, frame, ..
                } => self.heard.entry(connection).or_default().push(frame),
                Effect::PausePublisher(connection) => {
                    assert!(self.paused.insert(connection), "paused twice");
                }
                Effect::ResumePublisher(connection) => {
                    assert!(self.paused.remove(&connection), "resumed unpaused");
                }
                Effect::Close {
                    connection,
                    refusal,
                } => {
                    self.closed.insert(connection, refusal.code);
                }
            }
        }
    }
}

/// A publisher that belongs to `own` where `access_points` are there.
pub(crate) fn publisher_of(own: Incarnation, access_points: &[Incarnation]) -> PublisherId {
    let weight = |number, point: &Incarnation| gomera_model::id::weight(number, *point);
    let heaviest = |number| {
        access_points
            .iter()
            .copied()
            .max_by_key(|point| weight(number, point))
    };
    let number = (1..).find(|number| heaviest(*number) == Some(own));
    PublisherId(number.expect("each has its share"))
}

/// How often each publication was acknowledged or refused, by its number; with the counts of matches.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Acknowledged {
    pub(crate) last: u64,
    pub(crate) matched: Vec<u32>,
    pub(crate) refused: Vec<u64>,
}

/// What the acknowledgements among the frames say together.
pub(crate) fn acknowledged(frames: &[ServerFrame]) -> Acknowledged {
    let mut all = Acknowledged::default();
    for frame in frames {
        if let ServerFrame::Published { last, matched } = frame {
            assert!(last.0 >= all.last, "acknowledgements rise: {frames:?}");
            all.last = last.0;
            all.matched.extend(matched);
        }
        if let ServerFrame::PublicationRefused { seq, .. } = frame {
            all.refused.push(seq.0);
        }
    }
    all
}
