//! Frames survive the way over the wire; whatever else comes is refused by name and never panics.

use alloc::string::String;
use alloc::vec::Vec;

use bytes::Bytes;
use proptest::prelude::*;

use super::{Frame, FrameError, FrameReader, FrameWriter, fuzz};
use crate::attributes::{Attributes, AttributesBuilder};
use crate::id::{
    Epoch, Incarnation, OperationNumber, PublisherId, PublisherSeq, Seq, SessionId,
    SubscriptionNumber,
};
use crate::lane::{FilterText, OverflowPolicy, Publication, SubscriptionRequest};
use crate::limits::{CONTENT_BYTES_MAX, CURSORS_MAX, FRAME_BYTES_MAX, TEXT_BYTES_MAX};
use crate::notification::{Body, Content, Stamp};
use crate::operation::Hit;
use crate::session::{Cursor, Gap, Generation, SessionToken};
use crate::silbo::{
    Acknowledgement, ClientFrame, Connect, Deliver, Refusal, RefusalCode, ServerFrame,
};
use crate::time::Timestamp;
use crate::varint;

fn read<F: Frame>(bytes: &[u8]) -> Result<F, FrameError> {
    let mut reader = FrameReader::new();
    reader.push(Bytes::copy_from_slice(bytes));
    let frame = reader.next()?.expect("a whole frame");
    assert!(!reader.is_amid_frame(), "bytes are left over");
    Ok(frame)
}

fn encoded<F: Frame>(frame: &F) -> Vec<u8> {
    let mut bytes = Vec::new();
    frame.encode(&mut bytes);
    bytes
}

/// A client's frame from its parts, whatever they are.
fn frame(kind: u8, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len() + 1).unwrap();
    let mut bytes = Vec::from(length.to_le_bytes());
    bytes.push(kind);
    bytes.extend_from_slice(payload);
    bytes
}

#[test]
fn codes_and_their_numbers_are_one_to_one() {
    for (index, code) in RefusalCode::ALL.into_iter().enumerate() {
        assert_eq!(usize::from(code.number()), index + 1);
        assert_eq!(RefusalCode::from_number(code.number().into()), Some(code));
    }
    assert_eq!(RefusalCode::from_number(0), None);
    assert_eq!(RefusalCode::from_number(17), None);
    let close = Refusal::from_close(11, b"a newer connection");
    let refusal = Refusal::new(RefusalCode::TakenOver, "a newer connection");
    assert_eq!(close, Some(refusal));
    assert_eq!(Refusal::from_close(0, b""), None);
}

#[test]
fn what_is_no_frame_is_refused_by_name() {
    let check = |bytes: &[u8], code| {
        let error = read::<ClientFrame>(bytes).unwrap_err();
        assert_eq!(error.refusal().code, code, "{bytes:02x?}: {error}");
    };
    check(&[0, 0, 0, 0], RefusalCode::Malformed);
    check(&frame(0x55, &[]), RefusalCode::UnknownFrame);
    check(&encoded(&ServerFrame::Goaway), RefusalCode::UnknownFrame);
    let long = u32::try_from(FRAME_BYTES_MAX + 1).unwrap().to_le_bytes();
    check(&long, RefusalCode::FrameTooLarge);
    check(&[0xff; 4], RefusalCode::FrameTooLarge);
    check(&frame(0x05, &[0]), RefusalCode::Malformed);
    check(&frame(0x04, &[0x80, 0]), RefusalCode::Malformed);
    check(&frame(0x01, &[2]), RefusalCode::Malformed);
    let filter = [1, 1, 1, 1, 1, b's', 2, 0xff, 0xff];
    check(&frame(0x02, &filter), RefusalCode::Malformed);
    let many = [&[0, 1][..], &[0x81, 0x02], &[1; 2 * CURSORS_MAX + 2]].concat();
    check(&frame(0x01, &many), RefusalCode::Malformed);
}

#[test]
fn a_bad_length_is_refused_as_soon_as_it_is_there() {
    for bytes in [[0; 4], [0xff; 4]] {
        for piece in 1..=4 {
            fuzz::decode(&bytes, piece);
        }
    }
}

#[test]
fn a_stream_that_failed_stays_failed() {
    let mut reader = FrameReader::<ClientFrame>::new();
    reader.push(Bytes::from_static(&[0; 4]));
    reader.push(encoded(&ClientFrame::Bye).into());
    assert_eq!(reader.next(), Err(FrameError::Empty));
    assert_eq!(reader.next(), Err(FrameError::Empty));
}

fn publish(attributes: &[u8], body: &[u8]) -> Vec<u8> {
    let mut payload = Vec::from([7]);
    payload.extend_from_slice(&[0; 8]);
    varint::put(&mut payload, attributes.len() as u64);
    payload.extend_from_slice(attributes);
    payload.extend_from_slice(body);
    frame(0x07, &payload)
}

#[test]
fn content_that_cannot_be_accepted_costs_the_publication_only() {
    let check = |bytes: &[u8], expected| {
        let frame = read(bytes).unwrap();
        let ClientFrame::Unacceptable { seq, refusal } = frame else {
            panic!("accepted {frame:?}");
        };
        assert_eq!((seq, refusal.code), (PublisherSeq(7), expected));
    };
    let not_a_number = [&[1, 1, b'a', 4][..], &f64::NAN.to_le_bytes()].concat();
    check(&publish(&not_a_number, &[0]), RefusalCode::InvalidContent);
    let not_utf8 = [1, 1, 0xff, 0];
    check(&publish(&not_utf8, &[0]), RefusalCode::InvalidContent);
    let many = [0x81, 0x02];
    check(&publish(&many, &[0]), RefusalCode::InvalidContent);
    let large = alloc::vec![0; CONTENT_BYTES_MAX + 1];
    check(&publish(&large, &[0]), RefusalCode::ContentTooLarge);
    let mut body = Vec::from([2]);
    varint::put(&mut body, CONTENT_BYTES_MAX as u64);
    body.extend_from_slice(&large[1..]);
    check(&publish(&[0], &body), RefusalCode::ContentTooLarge);
    let no_json = [1, 2, b'{', b']'];
    check(&publish(&[0], &no_json), RefusalCode::InvalidContent);
    let no_such_body = read::<ClientFrame>(&publish(&[0], &[3, 0])).unwrap_err();
    assert_eq!(no_such_body.refusal().code, RefusalCode::Malformed);
}

#[test]
fn a_long_reason_is_cut_where_a_character_ends() {
    let reason = "é".repeat(TEXT_BYTES_MAX);
    let refused = ServerFrame::Refused(Refusal::new(RefusalCode::Ended, &*reason));
    let Ok(ServerFrame::Refused(refusal)) = read(&encoded(&refused)) else {
        panic!("a refusal");
    };
    assert_eq!(refusal.reason, reason[..TEXT_BYTES_MAX]);
}

#[test]
fn large_content_is_shared_and_small_content_is_not() {
    let opaque = Bytes::from(alloc::vec![7; 8192]);
    let large = deliver(Attributes::empty(), Body::Opaque(opaque.clone()));
    let small = deliver(Attributes::empty(), Body::None);
    let mut writer = FrameWriter::new();
    for frame in [&small, &large, &small] {
        writer.push(frame);
    }
    let bytes = [encoded(&small), encoded(&large), encoded(&small)].concat();
    assert_eq!(writer.bytes(), bytes.len());
    let chunks = writer.take_chunks();
    assert!(writer.is_empty());
    assert_eq!(chunks.concat(), bytes);
    assert_eq!(chunks.len(), 3);
    assert_eq!(chunks[1].as_ptr(), opaque.as_ptr());
}

#[test]
fn an_unfinished_frame_does_not_keep_the_buffer_of_the_transport() {
    let bytes = Bytes::from(encoded(&ServerFrame::Pong(1)));
    let mut reader = FrameReader::<ServerFrame>::new();
    for at in 0..bytes.len() - 1 {
        reader.push(bytes.slice(at..=at));
        assert_eq!(reader.next(), Ok(None));
        assert!(bytes.is_unique() && reader.is_amid_frame());
    }
    reader.push(bytes.slice(bytes.len() - 1..));
    assert_eq!(reader.next(), Ok(Some(ServerFrame::Pong(1))));
    assert!(!reader.is_amid_frame());
}

#[test]
fn content_does_not_keep_the_buffer_of_the_transport() {
    let attributes = AttributesBuilder::new().with("a", 1_i64).build().unwrap();
    let bytes = Bytes::from(encoded(&deliver(attributes, Body::None)));
    let mut reader = FrameReader::new();
    reader.push(bytes.clone());
    let frame: Option<ServerFrame> = reader.next().unwrap();
    drop(reader);
    assert!(bytes.is_unique() && frame.is_some());
}

fn deliver(attributes: Attributes, body: Body) -> ServerFrame {
    ServerFrame::Deliver(Deliver {
        stamp: Stamp {
            access_point: Incarnation(3),
            seq: Seq(4),
            epoch: Epoch(5),
        },
        publisher: PublisherId(6),
        publisher_seq: PublisherSeq(7),
        published_at: Timestamp(8),
        hits: Vec::new(),
        content: Content { attributes, body },
    })
}

fn content() -> impl Strategy<Value = Content> {
    let attributes = prop::collection::btree_map("[a-zé]{1,5}", any::<(i64, String)>(), 0..5);
    let body = prop_oneof![
        Just(Body::None),
        any::<u32>().prop_map(|x| Body::Json(alloc::format!("{{\"x\": {x}}}").into())),
        prop::collection::vec(any::<u8>(), 0..6000).prop_map(|bytes| Body::Opaque(bytes.into())),
    ];
    (attributes, body).prop_map(|(fields, body)| {
        let mut builder = AttributesBuilder::new();
        for (name, (number, text)) in fields {
            builder = builder
                .with(&name, number)
                .with(&(name.clone() + "-"), text);
        }
        Content::new(builder.build().unwrap(), body).unwrap()
    })
}

fn cursors() -> impl Strategy<Value = Vec<Cursor>> {
    let cursor = any::<(u64, u64)>().prop_map(|(access_point, seq)| Cursor {
        access_point: Incarnation(access_point),
        seq: Seq(seq),
    });
    prop::collection::vec(cursor, 0..5)
}

fn refusal() -> impl Strategy<Value = Refusal> {
    let code = prop::sample::select(&RefusalCode::ALL[..]);
    (code, ".{0,100}").prop_map(|(code, reason)| Refusal { code, reason })
}

fn client_frame() -> impl Strategy<Value = ClientFrame> {
    let connect = (any::<Option<(u64, [u8; 16])>>(), any::<u32>(), cursors()).prop_map(
        |(resume, generation, cursors)| {
            ClientFrame::Connect(Connect {
                resume: resume.map(|(id, token)| (SessionId(id), SessionToken(token))),
                generation: Generation(generation),
                cursors,
                policy: OverflowPolicy::Disconnect,
            })
        },
    );
    let filter = prop::option::of(("[a-z]{0,5}", ".{0,50}"));
    let request = (any::<[u64; 2]>(), any::<u32>(), filter).prop_map(
        |([operation, unanswered_from], number, filter)| {
            ClientFrame::Request(SubscriptionRequest {
                operation: OperationNumber(operation),
                unanswered_from: OperationNumber(unanswered_from),
                number: SubscriptionNumber(number),
                filter: filter.map(|(dialect, text)| FilterText { dialect, text }),
            })
        },
    );
    let open =
        any::<(u64, u32, Option<u64>)>().prop_map(|(publisher, generation, access_point)| {
            ClientFrame::OpenPublisher {
                publisher: PublisherId(publisher),
                generation: Generation(generation),
                acknowledgement: Acknowledgement::Durable,
                welcomed_by: access_point.map(Incarnation),
            }
        });
    let publish = (any::<(u64, i64)>(), content()).prop_map(|((seq, at), content)| {
        ClientFrame::Publish(Publication {
            seq: PublisherSeq(seq),
            published_at: Timestamp(at),
            content,
        })
    });
    prop_oneof![
        connect,
        request,
        cursors().prop_map(ClientFrame::Acknowledge),
        any::<u64>().prop_map(ClientFrame::Ping),
        Just(ClientFrame::Bye),
        open,
        publish,
    ]
}

fn deliver_frame() -> impl Strategy<Value = ServerFrame> {
    let hits = prop::collection::btree_map(0..u32::MAX, any::<u64>(), 0..6);
    (any::<[u64; 5]>(), any::<i64>(), hits, content()).prop_map(|(ids, at, hits, content)| {
        let [access_point, seq, epoch, publisher, publisher_seq] = ids;
        let hit = |(number, operation)| Hit {
            number: SubscriptionNumber(number),
            operation: OperationNumber(operation),
        };
        ServerFrame::Deliver(Deliver {
            stamp: Stamp {
                access_point: Incarnation(access_point),
                seq: Seq(seq),
                epoch: Epoch(epoch),
            },
            publisher: PublisherId(publisher),
            publisher_seq: PublisherSeq(publisher_seq),
            published_at: Timestamp(at),
            hits: hits.into_iter().map(hit).collect(),
            content,
        })
    })
}

fn server_frame() -> impl Strategy<Value = ServerFrame> {
    let connected = any::<(u64, [u8; 16], bool)>().prop_map(|(session, token, resumed)| {
        ServerFrame::Connected {
            session: SessionId(session),
            token: SessionToken(token),
            resumed,
        }
    });
    let answered = (any::<u64>(), prop::option::of(refusal())).prop_map(|(number, refused)| {
        ServerFrame::Answered {
            operation: OperationNumber(number),
            refused,
        }
    });
    let gap = any::<[u64; 4]>().prop_map(|[access_point, first, last, count]| {
        ServerFrame::Gap(Gap {
            access_point: Incarnation(access_point),
            first: Seq(first),
            last: Seq(last),
            count,
        })
    });
    let published =
        (any::<u64>(), prop::collection::vec(any::<u32>(), 0..9)).prop_map(|(last, matched)| {
            ServerFrame::Published {
                last: PublisherSeq(last),
                matched,
            }
        });
    let refused =
        (any::<u64>(), refusal()).prop_map(|(seq, refusal)| ServerFrame::PublicationRefused {
            seq: PublisherSeq(seq),
            refusal,
        });
    prop_oneof![
        connected,
        answered,
        deliver_frame(),
        gap,
        any::<u64>().prop_map(ServerFrame::Pong),
        Just(ServerFrame::Goaway),
        refusal().prop_map(ServerFrame::Refused),
        any::<(u64, u64)>().prop_map(|(last, access_point)| ServerFrame::PublisherOpened {
            last: PublisherSeq(last),
            access_point: Incarnation(access_point),
        }),
        published,
        refused,
    ]
}

proptest! {
    #[test]
    fn client_frames_survive_the_round_trip(frame in client_frame()) {
        prop_assert_eq!(read::<ClientFrame>(&encoded(&frame)), Ok(frame));
    }

    #[test]
    fn server_frames_survive_the_round_trip(frame in server_frame()) {
        prop_assert_eq!(read::<ServerFrame>(&encoded(&frame)), Ok(frame));
    }

    #[test]
    fn the_writer_writes_what_encode_writes(frames in prop::collection::vec(server_frame(), 1..9)) {
        let mut writer = FrameWriter::new();
        let mut bytes = Vec::new();
        for frame in &frames {
            writer.push(frame);
            frame.encode(&mut bytes);
        }
        prop_assert_eq!(writer.take_chunks().concat(), bytes);
    }

    #[test]
    fn random_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), piece in 1_usize..9) {
        fuzz::decode(&bytes, piece);
    }

    #[test]
    fn mutated_frames_never_panic(
        client in client_frame(),
        server in server_frame(),
        changes in prop::collection::vec(any::<(prop::sample::Index, u8)>(), 0..4),
        cut in any::<prop::sample::Index>(),
        piece in 1_usize..64,
    ) {
        for mut bytes in [encoded(&client), encoded(&server)] {
            let last = encoded(&ClientFrame::Bye);
            // The length stays: mutated it would mostly make the frame wait for bytes that never come.
            let payload = bytes.len() - super::LENGTH_BYTES;
            for (index, byte) in &changes {
                bytes[super::LENGTH_BYTES + index.index(payload)] ^= byte;
            }
            bytes.extend_from_slice(&last);
            fuzz::decode(&bytes, piece);
            fuzz::decode(&bytes[..cut.index(bytes.len())], piece);
        }
    }
}
