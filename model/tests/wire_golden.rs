//! The bytes of every frame of `silbo/1`. They are fixed: a change here is another protocol with another ALPN.

use std::fmt::{Debug, Write};

use bytes::Bytes;

use gomera_model::lane::{FilterText, OverflowPolicy, Publication, SubscriptionRequest};
use gomera_model::operation::Hit;
use gomera_model::silbo::codec::{Frame, FrameReader};
use gomera_model::silbo::{
    Acknowledgement, ClientFrame, Connect, Deliver, Refusal, RefusalCode, ServerFrame,
};
use gomera_model::{
    Attributes, AttributesBuilder, Body, Content, Cursor, Epoch, Gap, Generation, Incarnation,
    OperationNumber, Point, PublisherId, PublisherSeq, Seq, SessionId, SessionToken, Stamp,
    SubscriptionNumber, Timestamp, Value,
};

/// Checks both ways; blanks in `expected` are for the reader.
fn check<F: Frame + Debug + PartialEq>(frame: F, expected: &str) {
    let mut bytes = Vec::new();
    frame.encode(&mut bytes);
    let mut hex = String::new();
    for byte in &bytes {
        write!(hex, "{byte:02x}").expect("a string takes everything");
    }
    assert_eq!(hex, expected.replace(' ', ""), "{frame:?}");
    let mut reader = FrameReader::new();
    reader.push(Bytes::from(bytes));
    assert_eq!(reader.next(), Ok(Some(frame)));
}

const TOKEN: SessionToken = SessionToken([
    0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff,
]);

#[test]
fn connect() {
    let new = Connect {
        resume: None,
        generation: Generation(1),
        cursors: Vec::new(),
        policy: OverflowPolicy::Gap,
    };
    check(ClientFrame::Connect(new), "05000000 01 00 01 00 00");
    let resume = Connect {
        resume: Some((SessionId(0x0123_4567_89ab_cdef), TOKEN)),
        generation: Generation(300),
        cursors: vec![
            Cursor {
                access_point: Incarnation(2),
                seq: Seq(1000),
            },
            Cursor {
                access_point: Incarnation(200),
                seq: Seq(1),
            },
        ],
        policy: OverflowPolicy::Disconnect,
    };
    check(
        ClientFrame::Connect(resume),
        "24000000 01 01 efcdab8967452301 00112233445566778899aabbccddeeff ac02 02 02 e807 c801 01 01",
    );
}

#[test]
fn request() {
    let request = SubscriptionRequest {
        operation: OperationNumber(9),
        unanswered_from: OperationNumber(8),
        number: SubscriptionNumber(130),
        filter: Some(FilterText {
            dialect: "sql".into(),
            text: "a > 1".into(),
        }),
    };
    check(
        ClientFrame::Request(request.clone()),
        "10000000 02 09 08 8201 01 03 73716c 05 61203e2031",
    );
    let unsubscribe = SubscriptionRequest {
        filter: None,
        ..request
    };
    check(
        ClientFrame::Request(unsubscribe),
        "06000000 02 09 08 8201 00",
    );
}

#[test]
fn small_frames_of_a_client() {
    let cursor = Cursor {
        access_point: Incarnation(2),
        seq: Seq(128),
    };
    check(
        ClientFrame::Acknowledge(vec![cursor]),
        "05000000 03 01 02 8001",
    );
    check(ClientFrame::Ping(300), "03000000 04 ac02");
    check(ClientFrame::Bye, "01000000 05");
    for (acknowledgement, number) in [
        (Acknowledgement::Received, "00"),
        (Acknowledgement::Joined, "01"),
        (Acknowledgement::Durable, "02"),
    ] {
        let open = ClientFrame::OpenPublisher {
            publisher: PublisherId(0x0123_4567_89ab_cdef),
            generation: Generation(1),
            acknowledgement,
            welcomed_by: None,
        };
        check(
            open,
            &format!("0c000000 06 efcdab8967452301 01 {number} 00"),
        );
    }
    let welcomed_before = ClientFrame::OpenPublisher {
        publisher: PublisherId(0x0123_4567_89ab_cdef),
        generation: Generation(2),
        acknowledgement: Acknowledgement::Joined,
        welcomed_by: Some(Incarnation(300)),
    };
    check(
        welcomed_before,
        "0e000000 06 efcdab8967452301 02 01 01 ac02",
    );
}

fn publication(content: Content) -> ClientFrame {
    ClientFrame::Publish(Publication {
        seq: PublisherSeq(5),
        published_at: Timestamp(0x0102_0304_0506_0708),
        content,
    })
}

#[test]
fn publish() {
    let empty = Content {
        attributes: Attributes::empty(),
        body: Body::None,
    };
    check(
        publication(empty),
        "0d000000 07 05 0807060504030201 01 00 00",
    );
    let attributes = AttributesBuilder::new().with("a", 1_i64).build();
    let attributes = attributes.expect("within the limits");
    let json = Content {
        attributes: attributes.clone(),
        body: Body::Json(Bytes::from_static(b"{}")),
    };
    check(
        publication(json),
        "14000000 07 05 0807060504030201 05 01 01 61 03 02 01 02 7b7d",
    );
    let opaque = Content {
        attributes,
        body: Body::Opaque(Bytes::from_static(&[0xff])),
    };
    check(
        publication(opaque),
        "13000000 07 05 0807060504030201 05 01 01 61 03 02 02 01 ff",
    );
}

#[test]
fn every_kind_of_value() {
    let values = [
        Value::Null,
        Value::Bool(false),
        Value::Bool(true),
        Value::Int(-2),
        Value::Float(1.5),
        Value::String("é".into()),
        Value::Bytes(vec![0, 255]),
        Value::Timestamp(Timestamp(-1)),
        Value::Point(Point {
            lon: -17.25,
            lat: 28.0,
        }),
        Value::Array(vec![Value::Int(1), Value::Null]),
        Value::Object(vec![("b".into(), Value::Bool(true))]),
    ];
    let mut builder = AttributesBuilder::new();
    for (name, value) in ('a'..).zip(&values) {
        builder.push(&name.to_string(), value);
    }
    let content = Content {
        attributes: builder.build().expect("within the limits"),
        body: Body::None,
    };
    check(
        publication(content),
        "58000000 07 05 0807060504030201 4c 0b \
         0161 00 0162 01 0163 02 0164 0303 0165 04 000000000000f83f 0166 0502c3a9 0167 060200ff \
         0168 0701 0169 08 00000000004031c0 0000000000003c40 016a 09 04 02 0302 00 016b 0a 04 01 0162 02 00",
    );
}

#[test]
fn sessions() {
    let connected = ServerFrame::Connected {
        session: SessionId(0x0123_4567_89ab_cdef),
        token: TOKEN,
        resumed: true,
    };
    check(
        connected,
        "1a000000 81 efcdab8967452301 00112233445566778899aabbccddeeff 01",
    );
    let taken = ServerFrame::Answered {
        operation: OperationNumber(9),
        refused: None,
    };
    check(taken, "03000000 82 09 00");
    let refused = ServerFrame::Answered {
        operation: OperationNumber(9),
        refused: Some(Refusal::new(RefusalCode::InvalidFilter, "no")),
    };
    check(refused, "07000000 82 09 01 07 02 6e6f");
    let gap = ServerFrame::Gap(Gap {
        access_point: Incarnation(2),
        first: Seq(128),
        last: Seq(256),
        count: 7,
    });
    check(gap, "07000000 84 02 8001 8002 07");
    check(ServerFrame::Pong(300), "03000000 85 ac02");
    check(ServerFrame::Goaway, "01000000 86");
    let refused = ServerFrame::Refused(Refusal::new(RefusalCode::SessionUnknown, "gone"));
    check(refused, "07000000 87 09 04 676f6e65");
}

#[test]
fn deliver() {
    let hit = |number, operation| Hit {
        number: SubscriptionNumber(number),
        operation: OperationNumber(operation),
    };
    let deliver = Deliver {
        stamp: Stamp {
            access_point: Incarnation(2),
            seq: Seq(300),
            epoch: Epoch(4),
        },
        publisher: PublisherId(0x0123_4567_89ab_cdef),
        publisher_seq: PublisherSeq(5),
        published_at: Timestamp(0x0102_0304_0506_0708),
        hits: vec![hit(0, 1), hit(1, 2), hit(200, 3)],
        content: Content {
            attributes: Attributes::empty(),
            body: Body::Json(Bytes::from_static(b"{}")),
        },
    };
    check(
        ServerFrame::Deliver(deliver),
        "24000000 83 02 ac02 04 efcdab8967452301 05 0807060504030201 03 00 01 00 02 c601 03 01 00 01 02 7b7d",
    );
}

#[test]
fn publishers() {
    let opened = ServerFrame::PublisherOpened {
        last: PublisherSeq(128),
        access_point: Incarnation(2),
    };
    check(opened, "04000000 88 8001 02");
    let published = ServerFrame::Published {
        last: PublisherSeq(5),
        matched: vec![0, 300],
    };
    check(published, "06000000 89 05 02 00 ac02");
    let refused = ServerFrame::PublicationRefused {
        seq: PublisherSeq(5),
        refusal: Refusal::new(RefusalCode::InvalidContent, "NaN"),
    };
    check(refused, "07000000 8a 05 06 03 4e614e");
}
