//! Whatever travels between two hosts comes out as it went in, and nothing that comes from outside breaks anything.

use std::sync::Arc;

use bytes::Bytes;
use gomera_model::control::{Control, Plan, Strategy as How};
use gomera_model::lane::{
    AccessPointFrame, Attach, ConnectionPointFrame, Delivery, DeliveryItem, ExitPointFrame,
    FilterText, LaneFrame, Matched, MatcherFrame, Moved, Open, OverflowPolicy, Publication, Share,
    SlotPart, StandbyFrame, SubscriptionRequest,
};
use gomera_model::link::{
    self, Hello, LinkLife, LinkRefusal, ParcelNumber, ReceiverFrame, SenderFrame,
};
use gomera_model::operation::{
    CanonicalFilter, Change, Digest, Hit, StoredSubscription, SubscriptionOperation,
};
use gomera_model::silbo::codec::{Frame, FrameReader};
use gomera_model::silbo::{Acknowledgement, Refusal, RefusalCode};
use gomera_model::topology::ExitPoints;
use gomera_model::{
    Attributes, AttributesBuilder, Body, Content, Cursor, Epoch, Gap, Generation, HostId,
    Incarnation, Instance, InstanceId, Layer, Notification, OperationId, OperationNumber,
    PublisherId, PublisherSeq, SLOTS, Seq, SessionId, SessionToken, SlotId, Stamp, SubscriptionId,
    SubscriptionNumber, Timestamp, Topology, Value, packed,
};
use proptest::collection::vec;
use proptest::prelude::*;

#[test]
fn what_is_named_here_survives() {
    for control in controls() {
        survives(&control);
    }
}

#[test]
fn frames_of_a_link_survive() {
    let hello = Hello {
        from: HostId(1),
        to: HostId(300),
        life: LinkLife(7),
        format: 1,
    };
    let content = Bytes::from_static(b"anything");
    let number = ParcelNumber(u64::MAX);
    for frame in [
        SenderFrame::Hello(hello),
        SenderFrame::Parcel { number, content },
    ] {
        check_frame(&frame);
    }
    for frame in [
        ReceiverFrame::Welcome(ParcelNumber(0)),
        ReceiverFrame::Refused(LinkRefusal::Stranger),
        ReceiverFrame::Refused(LinkRefusal::Outlived),
        ReceiverFrame::Refused(LinkRefusal::OtherFormat),
        ReceiverFrame::Taken(number),
    ] {
        check_frame(&frame);
    }
}

#[test]
fn attributes_that_lie_are_refused() {
    let mut bytes = Vec::new();
    packed::put(&Bytes::from_static(&[1, 200, b'a']), &mut bytes);
    assert!(packed::take::<Attributes>(&bytes).is_err());
    bytes.clear();
    packed::put(&(Epoch(1), Epoch(2)), &mut bytes);
    assert!(packed::take::<Epoch>(&bytes).is_err());
}

proptest! {
    #[test]
    fn lane_frames_survive(frame in lane_frame()) {
        survives(&frame);
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in vec(any::<u8>(), 0..200)) {
        link::fuzz::decode(&bytes);
    }

    #[test]
    fn streams_of_a_link_are_read_or_refused(kind in any::<u8>(), payload in vec(any::<u8>(), 0..40)) {
        let mut bytes = u32::try_from(payload.len() + 1).expect("short").to_le_bytes().to_vec();
        bytes.push(kind % 0x84);
        bytes.extend(payload);
        link::fuzz::decode(&bytes);
    }

    #[test]
    fn a_frame_cut_short_or_changed_is_read_or_refused(
        frame in lane_frame(),
        cut in any::<prop::sample::Index>(),
        byte in any::<u8>(),
    ) {
        let mut bytes = Vec::new();
        packed::put(&frame, &mut bytes);
        let at = cut.index(bytes.len());
        assert!(packed::take::<LaneFrame>(&bytes[..at]).is_err());
        bytes[at] = byte;
        link::fuzz::decode(&bytes);
    }
}

fn survives<T>(value: &T)
where
    T: serde::Serialize + serde::de::DeserializeOwned + PartialEq + std::fmt::Debug,
{
    let mut bytes = vec![];
    packed::put(value, &mut bytes);
    assert_eq!(packed::take::<T>(&bytes).as_ref(), Ok(value));
}

fn check_frame<F: Frame + PartialEq + std::fmt::Debug + Clone>(frame: &F) {
    let mut bytes = Vec::new();
    frame.encode(&mut bytes);
    let mut reader = FrameReader::<F>::new();
    for byte in bytes {
        assert_eq!(reader.next(), Ok(None));
        reader.push(Bytes::from(vec![byte]));
    }
    assert_eq!(reader.next(), Ok(Some(frame.clone())));
}

fn lane_frame() -> impl Strategy<Value = LaneFrame> {
    prop_oneof![
        connection_point_frame().prop_map(LaneFrame::ConnectionPoint),
        access_point_frame().prop_map(LaneFrame::AccessPoint),
        matcher_frame().prop_map(LaneFrame::Matcher),
        exit_point_frame().prop_map(LaneFrame::ExitPoint),
    ]
}

fn matcher_frame() -> impl Strategy<Value = MatcherFrame> {
    let operation = any::<u64>().prop_map(OperationId);
    let epoch = any::<u64>().prop_map(Epoch);
    prop_oneof![
        (any::<u64>(), any::<u64>()).prop_map(|(epoch, next)| MatcherFrame::Open(Open {
            epoch: Epoch(epoch),
            next: Seq(next)
        })),
        vec(notification(), 0..4).prop_map(MatcherFrame::Notifications),
        subscription_operation().prop_map(|o| MatcherFrame::Operation(Box::new(o))),
        operation.clone().prop_map(MatcherFrame::Close),
        (epoch.clone(), any::<u64>().prop_map(Seq))
            .prop_map(|(epoch, first)| MatcherFrame::Flip { epoch, first }),
        (operation.clone(), vec(stored_subscription(), 0..4)).prop_map(
            |(operation, subscriptions)| MatcherFrame::Chunk {
                operation,
                subscriptions
            }
        ),
        operation.clone().prop_map(MatcherFrame::ChunkTaken),
        (operation.clone(), subscription_operation()).prop_map(|(operation, taken)| {
            let taken = Box::new(taken);
            MatcherFrame::Follow { operation, taken }
        }),
        operation.prop_map(MatcherFrame::End),
        (epoch.clone(), vec(slot(), 0..4))
            .prop_map(|(epoch, slots)| MatcherFrame::Differing { epoch, slots }),
        (epoch.clone(), vec(stored_subscription(), 0..4)).prop_map(|(epoch, subscriptions)| {
            MatcherFrame::Restore {
                epoch,
                subscriptions,
            }
        }),
        epoch.prop_map(MatcherFrame::RestoreEnd),
        standby_frame().prop_map(MatcherFrame::Standby),
    ]
}

fn slot() -> impl Strategy<Value = SlotId> {
    (0..4096_u16).prop_map(SlotId)
}

fn standby_frame() -> impl Strategy<Value = StandbyFrame> {
    let part = (slot(), any::<bool>(), vec(stored_subscription(), 0..3));
    let part = part.prop_map(|(slot, begins, subscriptions)| SlotPart {
        slot,
        begins,
        subscriptions,
    });
    prop_oneof![
        (any::<u64>(), vec(part, 0..3)).prop_map(|(epoch, slots)| StandbyFrame::Parts {
            epoch: Epoch(epoch),
            slots,
        }),
        Just(StandbyFrame::Taken),
        (any::<u64>(), subscription_operation()).prop_map(|(epoch, taken)| {
            StandbyFrame::Follow {
                epoch: Epoch(epoch),
                taken: Box::new(taken),
            }
        }),
    ]
}

fn exit_point_frame() -> impl Strategy<Value = ExitPointFrame> {
    let matched = (
        notification(),
        vec((any::<u64>().prop_map(SessionId), vec(hit(), 1..4)), 0..4),
    )
        .prop_map(|(notification, sessions)| Matched {
            notification,
            sessions,
        });
    let session = any::<u64>().prop_map(SessionId);
    let generation = any::<u32>().prop_map(Generation);
    prop_oneof![
        (any::<u64>(), vec(matched, 0..4), any::<u64>()).prop_map(|(from, matched, done)| {
            ExitPointFrame::Hits {
                access_point: Incarnation(from),
                matched,
                done: Seq(done),
            }
        }),
        subscription_operation().prop_map(|o| ExitPointFrame::Registration(Box::new(o))),
        (session.clone(), generation.clone(), vec(cursor(), 0..4)).prop_map(
            |(session, generation, cursors)| ExitPointFrame::Attach(Attach {
                session,
                token: SessionToken([7; 16]),
                generation,
                resume: true,
                cursors,
                policy: OverflowPolicy::Disconnect,
                epoch: Epoch(3),
                moved: Some(Moved {
                    sent: Vec::new(),
                    unanswered: vec![(OperationNumber(1), SubscriptionNumber(2))],
                }),
            })
        ),
        (session.clone(), generation.clone()).prop_map(|(session, generation)| {
            ExitPointFrame::Detach {
                session,
                generation,
            }
        }),
        (session, generation, vec(cursor(), 0..4)).prop_map(|(session, generation, cursors)| {
            ExitPointFrame::Acknowledge {
                session,
                generation,
                cursors,
            }
        }),
        (any::<u64>(), vec((slot(), digest()), 0..4)).prop_map(|(epoch, slots)| {
            ExitPointFrame::Compare {
                epoch: Epoch(epoch),
                slots,
            }
        }),
    ]
}

fn digest() -> impl Strategy<Value = Digest> {
    (any::<u32>(), any::<u64>()).prop_map(|(count, sum)| Digest { count, sum })
}

fn request() -> impl Strategy<Value = SubscriptionRequest> {
    (any::<u64>(), any::<Option<String>>()).prop_map(|(operation, text)| SubscriptionRequest {
        operation: OperationNumber(operation),
        unanswered_from: OperationNumber(operation / 2),
        number: SubscriptionNumber(3),
        filter: text.map(|text| FilterText {
            dialect: "sql".into(),
            text,
        }),
    })
}

fn access_point_frame() -> impl Strategy<Value = AccessPointFrame> {
    let publisher = any::<u64>().prop_map(PublisherId);
    let generation = any::<u32>().prop_map(Generation);
    let publication = (any::<u64>(), any::<i64>(), content()).prop_map(|(seq, at, content)| {
        let published_at = Timestamp(at);
        let seq = PublisherSeq(seq);
        Publication {
            seq,
            published_at,
            content,
        }
    });
    prop_oneof![
        (publisher.clone(), generation.clone()).prop_map(|(publisher, generation)| {
            AccessPointFrame::OpenPublisher {
                publisher,
                generation,
                acknowledgement: Acknowledgement::Received,
                welcomed_by: Some(Incarnation(6)),
            }
        }),
        (
            publisher.clone(),
            generation.clone(),
            vec(publication, 0..4)
        )
            .prop_map(
                |(publisher, generation, publications)| AccessPointFrame::Publish {
                    publisher,
                    generation,
                    publications
                }
            ),
        (publisher, generation.clone(), refusal()).prop_map(|(publisher, generation, refusal)| {
            AccessPointFrame::Refuse {
                publisher,
                generation,
                seq: PublisherSeq(9),
                refusal,
            }
        }),
        (any::<u64>(), generation, request()).prop_map(|(session, generation, request)| {
            let session = SessionId(session);
            AccessPointFrame::Request {
                session,
                generation,
                epoch: Epoch(5),
                request,
            }
        }),
        (any::<u64>(), vec(subscription_operation(), 0..4)).prop_map(|(epoch, operations)| {
            AccessPointFrame::Unsubscribe {
                epoch: Epoch(epoch),
                operations,
            }
        }),
        (
            any::<u64>(),
            any::<u64>(),
            vec((any::<u64>().prop_map(Seq), any::<u32>()), 0..4)
        )
            .prop_map(|(epoch, seq, matched)| AccessPointFrame::Released {
                epoch: Epoch(epoch),
                seq: Seq(seq),
                matched
            }),
    ]
}

fn connection_point_frame() -> impl Strategy<Value = ConnectionPointFrame> {
    let publisher = any::<u64>().prop_map(PublisherId);
    let generation = any::<u32>().prop_map(Generation);
    let share = Share {
        publications: 5,
        bytes: u64::MAX,
    };
    let item = prop_oneof![
        (notification(), vec(hit(), 1..4))
            .prop_map(|(notification, hits)| DeliveryItem::Notification { notification, hits }),
        any::<[u64; 4]>().prop_map(|[from, first, last, count]| DeliveryItem::Gap(Gap {
            access_point: Incarnation(from),
            first: Seq(first),
            last: Seq(last),
            count
        })),
    ];
    let delivery =
        (any::<u64>(), generation.clone(), item).prop_map(|(session, generation, item)| Delivery {
            session: SessionId(session),
            generation,
            item,
        });
    prop_oneof![
        (publisher.clone(), generation.clone()).prop_map(move |(publisher, generation)| {
            ConnectionPointFrame::PublisherOpened {
                publisher,
                generation,
                last: PublisherSeq(1),
                share,
            }
        }),
        Just(ConnectionPointFrame::Share(share)),
        (
            publisher.clone(),
            generation.clone(),
            vec(any::<u32>(), 0..4)
        )
            .prop_map(
                |(publisher, generation, matched)| ConnectionPointFrame::Published {
                    publisher,
                    generation,
                    last: PublisherSeq(1),
                    matched
                }
            ),
        (publisher, generation.clone(), refusal()).prop_map(|(publisher, generation, refusal)| {
            ConnectionPointFrame::PublisherRefused {
                publisher,
                generation,
                refusal,
            }
        }),
        (any::<u64>(), generation, proptest::option::of(refusal())).prop_map(
            |(session, generation, refused)| ConnectionPointFrame::Answered {
                session: SessionId(session),
                generation,
                operation: OperationNumber(1),
                refused
            }
        ),
        vec(delivery, 0..4).prop_map(ConnectionPointFrame::Deliveries),
    ]
}

fn notification() -> impl Strategy<Value = Arc<Notification>> {
    (any::<[u64; 5]>(), any::<i64>(), content()).prop_map(|(numbers, at, content)| {
        let [access_point, seq, epoch, publisher, publisher_seq] = numbers;
        Arc::new(Notification {
            stamp: Stamp {
                access_point: Incarnation(access_point),
                seq: Seq(seq),
                epoch: Epoch(epoch),
            },
            publisher: PublisherId(publisher),
            publisher_seq: PublisherSeq(publisher_seq),
            published_at: Timestamp(at),
            flat: content.attributes.clone(),
            content,
        })
    })
}

fn content() -> impl Strategy<Value = Content> {
    let value = prop_oneof![
        any::<i64>().prop_map(Value::from),
        any::<f64>()
            .prop_filter("a number", |f| f.is_finite())
            .prop_map(Value::from),
        any::<bool>().prop_map(Value::from),
        ".{0,12}".prop_map(|text| Value::from(text.as_str())),
    ];
    let body = prop_oneof![
        Just(Body::None),
        Just(Body::Json(Bytes::from_static(b"{\"a\": 1}"))),
        vec(any::<u8>(), 0..50).prop_map(|bytes| Body::Opaque(bytes.into())),
    ];
    (vec(value, 0..4), body).prop_map(|(values, body)| {
        let mut attributes = AttributesBuilder::new();
        for (index, value) in values.iter().enumerate() {
            attributes.push(&format!("name{index}"), value);
        }
        let attributes = attributes.build().expect("a few small values can be built");
        Content { attributes, body }
    })
}

fn subscription_operation() -> impl Strategy<Value = SubscriptionOperation> {
    (any::<[u64; 3]>(), any::<u32>(), any::<Option<[u8; 9]>>()).prop_map(
        |([session, number, from], id, filter)| SubscriptionOperation {
            subscription: SubscriptionId {
                session: SessionId(session),
                number: SubscriptionNumber(id),
            },
            number: OperationNumber(number),
            unanswered_from: OperationNumber(from),
            change: filter.map_or(Change::Unset, |filter| {
                Change::Set(CanonicalFilter(Bytes::copy_from_slice(&filter)))
            }),
        },
    )
}

fn stored_subscription() -> impl Strategy<Value = StoredSubscription> {
    (any::<u64>(), any::<u32>(), vec(any::<u8>(), 0..30)).prop_map(|(session, number, filter)| {
        StoredSubscription {
            id: SubscriptionId {
                session: SessionId(session),
                number: SubscriptionNumber(number),
            },
            operation: OperationNumber(session / 3),
            filter: CanonicalFilter(filter.into()),
        }
    })
}

fn hit() -> impl Strategy<Value = Hit> {
    (any::<u32>(), any::<u64>()).prop_map(|(number, operation)| Hit {
        number: SubscriptionNumber(number),
        operation: OperationNumber(operation),
    })
}

fn cursor() -> impl Strategy<Value = Cursor> {
    (any::<u64>(), any::<u64>()).prop_map(|(access_point, seq)| Cursor {
        access_point: Incarnation(access_point),
        seq: Seq(seq),
    })
}

fn refusal() -> impl Strategy<Value = Refusal> {
    (0..RefusalCode::ALL.len(), ".{0,20}").prop_map(|(code, reason)| Refusal {
        code: RefusalCode::ALL[code],
        reason,
    })
}

fn controls() -> Vec<Control> {
    let topology = topology();
    let operation = OperationId(4);
    let plan = Plan {
        operation,
        layer: Layer::Matchers,
        strategy: How::Buffered,
        next: topology.clone(),
        then: Vec::new(),
        moves: Vec::new(),
        lost: Vec::new(),
    };
    vec![
        Control::Topology(Arc::new(topology)),
        Control::Prepare(Arc::new(plan)),
        Control::Copy(operation),
        Control::Close(operation),
        Control::Abort(operation),
    ]
}

/// With and without what is left out where it is not there.
fn topology() -> Topology {
    let instance = |incarnation, layer, leaving| Instance {
        id: InstanceId(0),
        incarnation: Incarnation(incarnation),
        layer,
        host: HostId(2),
        zone: "east".into(),
        leaving,
    };
    let points = |backup| ExitPoints {
        primary: Incarnation(3),
        backup,
        further: None,
    };
    let mut exit_points_of = vec![points(None); SLOTS];
    exit_points_of[7] = points(Some(Incarnation(4)));
    let mut standby_of = vec![None; SLOTS];
    standby_of[5] = Some(Incarnation(6));
    Topology {
        epoch: Epoch(9),
        instances: vec![
            instance(2, Layer::Matchers, false),
            instance(3, Layer::ExitPoints, false),
            instance(4, Layer::ExitPoints, true),
            instance(6, Layer::Matchers, false),
        ],
        retired: vec![Incarnation(1)],
        cut: Epoch(8),
        matcher_replicas: 1,
        standby_of,
        matcher_of: vec![Incarnation(2); SLOTS],
        exit_points_of,
    }
}
