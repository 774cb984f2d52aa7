//! The bytes of what travels between hosts, one line a frame, against the file beside this one: hosts of different builds
//! understand each other only if these are the same, and [`FORMAT`] is what tells them apart.
//!
//! `UPDATE_PACKED=1 cargo test -p gomera-model --test packed_golden` writes the file anew; where a line of it changes, raise
//! [`FORMAT`] first.

use std::fmt::Write;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use gomera_model::control::{Control, Copied, Report};
use gomera_model::lane::{
    AccessPointFrame, Attach, BackupFrame, ConnectionPointFrame, Delivery, DeliveryItem,
    ExitPointFrame, FillPiece, FilterText, Handed, Handover, Identity, LaneFrame, LiveSubscription,
    Matched, MatcherFrame, Moved, Open, OverflowPolicy, Publication, Share, SlotPart, StandbyFrame,
    SubscriptionRequest,
};
use gomera_model::link::FORMAT;
use gomera_model::operation::{
    CanonicalFilter, Change, Digest, Hit, StoredSubscription, SubscriptionOperation,
};
use gomera_model::silbo::{Acknowledgement, Refusal, RefusalCode};
use gomera_model::{
    AttributesBuilder, Body, Content, Cursor, Epoch, Gap, Generation, Incarnation, Notification,
    OperationId, OperationNumber, PublisherId, PublisherSeq, Seq, SessionId, SessionToken, SlotId,
    Stamp, SubscriptionId, SubscriptionNumber, Timestamp, Value, packed,
};

const EPOCH: Epoch = Epoch(300);
const OPERATION: OperationId = OperationId(4);
const SESSION: SessionId = SessionId(0x0123_4567_89ab_cdef);
const GENERATION: Generation = Generation(2);
const PUBLISHER: PublisherId = PublisherId(0xfedc_ba98);

#[test]
fn what_travels_between_hosts_has_the_bytes_on_file() {
    let mut found = format!("format {FORMAT}\n");
    for frame in lane_frames() {
        line(&mut found, &frame);
    }
    controls()
        .iter()
        .for_each(|control| line(&mut found, control));
    reports().iter().for_each(|report| line(&mut found, report));
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/packed_golden.txt");
    if std::env::var_os("UPDATE_PACKED").is_some() {
        std::fs::write(&file, &found).expect("the file can be written");
    }
    let expected = std::fs::read_to_string(&file).expect("the file is there");
    assert_eq!(
        found.lines().count(),
        expected.lines().count(),
        "frames were added: write the file anew"
    );
    for (found, expected) in found.lines().zip(expected.lines()) {
        assert_eq!(
            found, expected,
            "other bytes than on file: raise FORMAT, then write the file anew"
        );
    }
}

/// `NAME BYTES`, the name as far as it is one word.
fn line<T>(lines: &mut String, value: &T)
where
    T: serde::Serialize + serde::de::DeserializeOwned + PartialEq + std::fmt::Debug,
{
    let mut bytes = Vec::new();
    packed::put(value, &mut bytes);
    assert_eq!(packed::take::<T>(&bytes).as_ref(), Ok(value));
    let told = format!("{value:?}");
    let names = told.split(['(', ' ', '{']).filter(|name| !name.is_empty());
    let names: Vec<_> = names.take(2).collect();
    let _ = write!(lines, "{} ", names.join("."));
    for byte in bytes {
        let _ = write!(lines, "{byte:02x}");
    }
    lines.push('\n');
}

fn lane_frames() -> Vec<LaneFrame> {
    let mut frames = Vec::new();
    frames.extend(connection_point_frames().map(LaneFrame::ConnectionPoint));
    frames.extend(access_point_frames().map(LaneFrame::AccessPoint));
    frames.extend(matcher_frames().map(LaneFrame::Matcher));
    frames.extend(exit_point_frames().map(LaneFrame::ExitPoint));
    frames
}

fn connection_point_frames() -> impl Iterator<Item = ConnectionPointFrame> {
    let share = Share {
        publications: 5,
        bytes: 65_536,
    };
    let (publisher, generation) = (PUBLISHER, GENERATION);
    let delivery = |item| Delivery {
        session: SESSION,
        generation,
        item,
    };
    let notification = DeliveryItem::Notification {
        notification: notification(),
        hits: vec![hit()],
    };
    let gap = DeliveryItem::Gap(gap());
    [
        ConnectionPointFrame::PublisherOpened {
            publisher,
            generation,
            last: PublisherSeq(1),
            share,
        },
        ConnectionPointFrame::Share(share),
        ConnectionPointFrame::Published {
            publisher,
            generation,
            last: PublisherSeq(1),
            matched: vec![0, 300],
        },
        ConnectionPointFrame::PublicationRefused {
            publisher,
            generation,
            seq: PublisherSeq(9),
            refusal: refusal(),
        },
        ConnectionPointFrame::PublisherRefused {
            publisher,
            generation,
            refusal: refusal(),
        },
        ConnectionPointFrame::Answered {
            session: SESSION,
            generation,
            operation: OperationNumber(1),
            refused: Some(refusal()),
        },
        ConnectionPointFrame::Attached {
            session: SESSION,
            generation,
            resumed: true,
            epoch: EPOCH,
        },
        ConnectionPointFrame::Detached {
            session: SESSION,
            generation,
            code: RefusalCode::ALL[1],
        },
        ConnectionPointFrame::Deliveries(vec![delivery(notification), delivery(gap)]),
    ]
    .into_iter()
}

fn access_point_frames() -> impl Iterator<Item = AccessPointFrame> {
    let (publisher, generation) = (PUBLISHER, GENERATION);
    let request = SubscriptionRequest {
        operation: OperationNumber(9),
        unanswered_from: OperationNumber(8),
        number: SubscriptionNumber(3),
        filter: Some(FilterText {
            dialect: "sql".into(),
            text: "a > 1".into(),
        }),
    };
    [
        AccessPointFrame::OpenPublisher {
            publisher,
            generation,
            acknowledgement: Acknowledgement::Received,
            welcomed_by: Some(Incarnation(6)),
        },
        AccessPointFrame::ClosePublisher {
            publisher,
            generation,
        },
        AccessPointFrame::Publish {
            publisher,
            generation,
            publications: vec![Publication {
                seq: PublisherSeq(1),
                published_at: Timestamp(-1),
                content: content(),
            }],
        },
        AccessPointFrame::Refuse {
            publisher,
            generation,
            seq: PublisherSeq(9),
            refusal: refusal(),
        },
        AccessPointFrame::Request {
            session: SESSION,
            generation,
            epoch: EPOCH,
            request,
        },
        AccessPointFrame::Unsubscribe {
            epoch: EPOCH,
            operations: vec![operation(Change::Unset)],
        },
        AccessPointFrame::SessionEnded(SESSION),
        AccessPointFrame::TakenUp(EPOCH),
        AccessPointFrame::Released {
            epoch: EPOCH,
            seq: Seq(2),
            matched: vec![(Seq(1), 300)],
        },
    ]
    .into_iter()
    .chain(handovers())
}

/// What access points say to each other of publishers that change hands.
fn handovers() -> impl Iterator<Item = AccessPointFrame> {
    let (publisher, generation) = (PUBLISHER, GENERATION);
    let handed = Handed {
        last: PublisherSeq(9),
        refused: vec![(PublisherSeq(8), refusal())],
        matched: vec![300],
    };
    [
        AccessPointFrame::HandOver {
            publisher,
            generation,
        },
        AccessPointFrame::HandedOver {
            publisher,
            generation,
            handover: Handover::Elsewhere(Incarnation(6)),
        },
        AccessPointFrame::Remember {
            publishers: vec![
                (publisher, generation, Handover::Done(Some(handed))),
                (publisher, generation, Handover::Newer),
            ],
            complete: Some(EPOCH),
        },
        AccessPointFrame::NothingMore(EPOCH),
    ]
    .into_iter()
}

fn matcher_frames() -> impl Iterator<Item = MatcherFrame> {
    let taken = || Box::new(operation(Change::Set(filter())));
    let subscriptions = || vec![stored_subscription()];
    let part = SlotPart {
        slot: SlotId(7),
        begins: true,
        subscriptions: subscriptions(),
    };
    [
        MatcherFrame::Open(Open {
            epoch: EPOCH,
            next: Seq(2),
        }),
        MatcherFrame::Notifications(vec![notification()]),
        MatcherFrame::Operation(taken()),
        MatcherFrame::Close(OPERATION),
        MatcherFrame::Flip {
            epoch: EPOCH,
            first: Seq(2),
        },
        MatcherFrame::Restart {
            epoch: EPOCH,
            first: Seq(2),
        },
        MatcherFrame::NothingMore(EPOCH),
        MatcherFrame::Chunk {
            operation: OPERATION,
            subscriptions: subscriptions(),
        },
        MatcherFrame::ChunkTaken(OPERATION),
        MatcherFrame::Follow {
            operation: OPERATION,
            taken: taken(),
        },
        MatcherFrame::End(OPERATION),
        MatcherFrame::Differing {
            epoch: EPOCH,
            slots: vec![SlotId(4095)],
        },
        MatcherFrame::Restore {
            epoch: EPOCH,
            subscriptions: subscriptions(),
        },
        MatcherFrame::RestoreEnd(EPOCH),
        MatcherFrame::Standby(StandbyFrame::Parts {
            epoch: EPOCH,
            slots: vec![part],
        }),
        MatcherFrame::Standby(StandbyFrame::Taken),
        MatcherFrame::Standby(StandbyFrame::Follow {
            epoch: EPOCH,
            taken: taken(),
        }),
    ]
    .into_iter()
}

fn exit_point_frames() -> impl Iterator<Item = ExitPointFrame> {
    let (session, generation) = (SESSION, GENERATION);
    let digest = Digest {
        count: 2,
        sum: u64::MAX,
    };
    [
        ExitPointFrame::Hits {
            access_point: Incarnation(2),
            matched: vec![Matched {
                notification: notification(),
                sessions: vec![(session, vec![hit()])],
            }],
            done: Seq(3),
        },
        ExitPointFrame::Registration(Box::new(operation(Change::Set(filter())))),
        ExitPointFrame::Flip {
            access_point: Incarnation(2),
            epoch: EPOCH,
            first: Seq(2),
        },
        ExitPointFrame::Restart {
            access_point: Incarnation(2),
            epoch: EPOCH,
            first: Seq(2),
        },
        ExitPointFrame::EndSession {
            session,
            generation,
        },
        ExitPointFrame::Attach(Attach {
            session,
            token: SessionToken([7; 16]),
            generation,
            resume: true,
            cursors: cursors(),
            policy: OverflowPolicy::Disconnect,
            epoch: EPOCH,
            moved: Some(Moved {
                sent: cursors(),
                unanswered: vec![(OperationNumber(1), SubscriptionNumber(2))],
            }),
        }),
        ExitPointFrame::Detach {
            session,
            generation,
        },
        ExitPointFrame::Acknowledge {
            session,
            generation,
            cursors: cursors(),
        },
        ExitPointFrame::Compare {
            epoch: EPOCH,
            slots: vec![(SlotId(300), digest)],
        },
    ]
    .into_iter()
    .chain(backup_frames().map(ExitPointFrame::Backup))
}

/// What the exit points of one session slot say to each other.
fn backup_frames() -> impl Iterator<Item = BackupFrame> {
    let (session, generation) = (SESSION, GENERATION);
    let identity = Identity {
        token: SessionToken([7; 16]),
        policy: OverflowPolicy::Gap,
        generation,
    };
    let live = LiveSubscription {
        since: OperationNumber(9),
        filter: filter(),
    };
    let pieces = [
        FillPiece::Session {
            identity,
            cursors: cursors(),
            newest: OperationNumber(9),
        },
        FillPiece::Subscription {
            number: SubscriptionNumber(130),
            newest: OperationNumber(9),
            live: Some(live),
        },
        FillPiece::Lost {
            gap: gap(),
            sent: vec![Seq(2)],
        },
        FillPiece::Item {
            item: DeliveryItem::Gap(gap()),
            was_sent: true,
        },
        FillPiece::End,
    ];
    [
        BackupFrame::Session { session, identity },
        BackupFrame::Safe(vec![(session, cursors())]),
        BackupFrame::Ended(session),
        BackupFrame::Fill {
            epoch: EPOCH,
            pieces: pieces.map(|piece| (session, piece)).into(),
        },
        BackupFrame::FillTaken(EPOCH),
        BackupFrame::FillEnd(EPOCH),
        BackupFrame::Yield(EPOCH),
        BackupFrame::Bye {
            session,
            generation,
        },
        BackupFrame::LastReleased {
            epoch: EPOCH,
            marks: cursors(),
        },
        BackupFrame::Known(session),
        BackupFrame::Confirm(vec![(subscription(), OperationNumber(9))]),
    ]
    .into_iter()
}

fn controls() -> [Control; 3] {
    [
        Control::Copy(OPERATION),
        Control::Close(OPERATION),
        Control::Abort(OPERATION),
    ]
}

fn reports() -> [Report; 10] {
    let (operation, epoch) = (OPERATION, EPOCH);
    let copied = Copied {
        slots: 1,
        subscriptions: u64::MAX,
        bytes: 3,
    };
    [
        Report::Confirmed(operation),
        Report::Copying { operation, copied },
        Report::Copied { operation, copied },
        Report::Ended(operation),
        Report::Drained(epoch),
        Report::Joined(epoch),
        Report::Filled(epoch),
        Report::Emptied(epoch),
        Report::Flipped {
            epoch,
            held: 1,
            held_ns_max: 2,
        },
        Report::Settled(epoch),
    ]
}

fn notification() -> Arc<Notification> {
    let content = content();
    Arc::new(Notification {
        stamp: Stamp {
            access_point: Incarnation(2),
            seq: Seq(300),
            epoch: EPOCH,
        },
        publisher: PUBLISHER,
        publisher_seq: PublisherSeq(5),
        published_at: Timestamp(1_000_000),
        flat: content.attributes.clone(),
        content,
    })
}

fn content() -> Content {
    let mut attributes = AttributesBuilder::new();
    attributes.push("site", &Value::from("pier"));
    attributes.push("level", &Value::from(-3_i64));
    attributes.push("mean", &Value::from(0.5_f64));
    attributes.push("wet", &Value::from(true));
    Content {
        attributes: attributes.build().expect("four small values can be built"),
        body: Body::Json(Bytes::from_static(b"{}")),
    }
}

fn operation(change: Change) -> SubscriptionOperation {
    SubscriptionOperation {
        subscription: subscription(),
        number: OperationNumber(9),
        unanswered_from: OperationNumber(8),
        change,
    }
}

fn stored_subscription() -> StoredSubscription {
    StoredSubscription {
        id: subscription(),
        operation: OperationNumber(9),
        filter: filter(),
    }
}

fn subscription() -> SubscriptionId {
    SubscriptionId {
        session: SESSION,
        number: SubscriptionNumber(130),
    }
}

fn filter() -> CanonicalFilter {
    CanonicalFilter(Bytes::from_static(&[1, 2, 3]))
}

fn cursors() -> Vec<Cursor> {
    vec![Cursor {
        access_point: Incarnation(2),
        seq: Seq(1000),
    }]
}

fn gap() -> Gap {
    Gap {
        access_point: Incarnation(2),
        first: Seq(1),
        last: Seq(300),
        count: 7,
    }
}

fn hit() -> Hit {
    Hit {
        number: SubscriptionNumber(130),
        operation: OperationNumber(9),
    }
}

fn refusal() -> Refusal {
    Refusal {
        code: RefusalCode::ALL[0],
        reason: "why".into(),
    }
}
