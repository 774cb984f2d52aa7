//! A client of the wire without the library, so that it can also do what the library never does.

#![allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::wildcard_enum_match_arm,
    reason = "each test uses a part of it, nobody is above it, and a test may fail where it stands"
)]

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use bytes::Bytes;
use gomera::broker::{Broker, Config};
use gomera::certificates::Certificates;
use gomera_client::Client;
use gomera_coordinator::{Answer, OperationRecord, Outcome, ScaleRequest, Wishes};
use gomera_model::control::Strategy;
use gomera_model::lane::{FilterText, OverflowPolicy, Publication, SubscriptionRequest};
use gomera_model::silbo::codec::{Frame, FrameReader};
use gomera_model::silbo::{self, Acknowledgement, ClientFrame, Connect, Refusal, ServerFrame};
use gomera_model::time::Timestamp;
use gomera_model::{
    AttributesBuilder, Body, Content, Generation, OperationId, OperationNumber, PublisherId,
    PublisherSeq, SubscriptionNumber, Value,
};
use quinn::crypto::rustls::QuicClientConfig;
use quinn::{ClientConfig, Connection, ConnectionError, Endpoint, RecvStream, SendStream};
use rustls::RootCertStore;

/// Nothing that a test waits for takes longer on any machine.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// A directory of one test's own, gone with it.
pub struct Directory(PathBuf);

impl Directory {
    pub fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("data-{}-{number}", std::process::id());
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        let _ = fs::remove_dir_all(&path);
        Self(path)
    }

    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A broker of one test's own.
pub struct TestBroker {
    pub broker: Broker,
    pub directory: Directory,
}

impl TestBroker {
    pub fn start() -> Self {
        Self::with(|_| {})
    }

    pub fn with(change: impl FnOnce(&mut Config)) -> Self {
        let directory = Directory::new();
        let mut config = Config::local(directory.path());
        change(&mut config);
        let broker = Broker::start(&config).unwrap();
        Self { broker, directory }
    }

    pub async fn connect(&self) -> Raw {
        Raw::connect(self.broker.listening(), self.directory.path()).await
    }

    /// A client of the library.
    pub fn client(&self) -> Client {
        Client::builder()
            .server(&format!("silbo://{}", self.broker.listening()))
            .unwrap()
            .ca_file(self.directory.path().join("ca.pem"))
            .unwrap()
            .build()
            .unwrap()
    }

    /// Scales, and waits until the last operation of the row is done.
    pub async fn scale(&self, wishes: impl Into<Wishes>, strategy: Strategy) -> OperationRecord {
        let first = self.begin(wishes, strategy).await;
        within(self.row_done(first)).await
    }

    /// Begins to scale.
    pub async fn begin(&self, wishes: impl Into<Wishes>, strategy: Strategy) -> OperationId {
        let request = ScaleRequest {
            wishes: wishes.into(),
            strategy,
            dry_run: false,
            reason: String::new(),
            idempotency_key: None,
            asked_at: gomera::broker::wall_clock(),
        };
        match self.broker.scale(request).await {
            Answer::Accepted(record) => record.id,
            other => panic!("{other:?}"),
        }
    }

    /// The last operation of the row that begins with this one, when it is done.
    pub async fn row_done(&self, first: OperationId) -> OperationRecord {
        let mut id = first;
        loop {
            let record = self.broker.operation(id).unwrap();
            assert_eq!(record.then_not, None);
            match record.outcome {
                Outcome::Running => {}
                ended @ (Outcome::Interrupted { .. } | Outcome::Aborted { .. }) => {
                    panic!("operation {id}: {ended:?}")
                }
                Outcome::Done if record.then.is_empty() => return record,
                Outcome::Done => {
                    let view = self.broker.view();
                    let mut all = view.operations.iter();
                    let next = all.find(|next| next.follows == Some(id));
                    id = next.map_or(id, |next| next.id);
                }
            }
            tokio::task::yield_now().await;
        }
    }
}

/// A connection.
pub struct Raw {
    pub connection: Connection,
    _endpoint: Endpoint,
}

impl Raw {
    pub async fn connect(server: std::net::SocketAddr, directory: &Path) -> Self {
        let mut endpoint = Endpoint::client(([127, 0, 0, 1], 0).into()).unwrap();
        endpoint.set_default_client_config(client_config(directory));
        let connecting = endpoint.connect(server, "localhost").unwrap();
        Self {
            connection: within(connecting).await.unwrap(),
            _endpoint: endpoint,
        }
    }

    pub async fn open(&self) -> RawStream {
        let (send, receive) = within(self.connection.open_bi()).await.unwrap();
        RawStream {
            send,
            receive,
            frames: FrameReader::new(),
        }
    }

    /// A control stream with a new session.
    pub async fn session(&self) -> RawStream {
        let mut stream = self.open().await;
        stream.send(&connect()).await;
        let connected = stream.next().await;
        assert!(
            matches!(connected, ServerFrame::Connected { resumed: false, .. }),
            "{connected:?}"
        );
        stream
    }

    /// A publish stream of a new publisher.
    pub async fn publisher(&self, publisher: u64) -> RawStream {
        let mut stream = self.open().await;
        stream.send(&open_publisher(publisher)).await;
        let opened = stream.next().await;
        assert!(
            matches!(opened, ServerFrame::PublisherOpened { last, .. } if last == PublisherSeq(0)),
            "{opened:?}"
        );
        stream
    }

    /// How the broker closes the connection.
    pub async fn closed(&self) -> Refusal {
        match within(self.connection.closed()).await {
            ConnectionError::ApplicationClosed(close) => {
                Refusal::from_close(close.error_code.into_inner(), &close.reason).unwrap()
            }
            other => panic!("the connection ended otherwise: {other}"),
        }
    }
}

/// One stream of a connection.
pub struct RawStream {
    pub send: SendStream,
    pub receive: RecvStream,
    frames: FrameReader<ServerFrame>,
}

impl RawStream {
    pub async fn send(&mut self, frame: &ClientFrame) {
        let mut bytes = Vec::new();
        frame.encode(&mut bytes);
        self.send.write_all(&bytes).await.unwrap();
    }

    pub async fn send_bytes(&mut self, bytes: &[u8]) {
        self.send.write_all(bytes).await.unwrap();
    }

    /// The next frame.
    pub async fn next(&mut self) -> ServerFrame {
        loop {
            if let Some(frame) = self.frames.next().unwrap() {
                return frame;
            }
            let chunk = within(self.receive.read_chunk(usize::MAX, true)).await;
            let chunk = chunk.unwrap().expect("the stream goes on");
            self.frames.push(Bytes::copy_from_slice(&chunk.bytes));
        }
    }

    /// Subscribes, and waits until it is so.
    pub async fn subscribe(&mut self, number: u32, filter: &str) {
        let operation = OperationNumber(number.into());
        let filter = FilterText {
            dialect: "sql".to_owned(),
            text: filter.to_owned(),
        };
        let request = SubscriptionRequest {
            operation,
            unanswered_from: operation,
            number: SubscriptionNumber(number),
            filter: Some(filter),
        };
        self.send(&ClientFrame::Request(request)).await;
        let refused = None;
        assert_eq!(
            self.next().await,
            ServerFrame::Answered { operation, refused }
        );
    }
}

pub fn connect() -> ClientFrame {
    ClientFrame::Connect(Connect {
        resume: None,
        generation: Generation(1),
        cursors: Vec::new(),
        policy: OverflowPolicy::Gap,
    })
}

pub fn open_publisher(publisher: u64) -> ClientFrame {
    ClientFrame::OpenPublisher {
        publisher: PublisherId(publisher),
        generation: Generation(1),
        acknowledgement: Acknowledgement::Joined,
        welcomed_by: None,
    }
}

/// A publication with one attribute, `number`.
pub fn publication(seq: u64) -> ClientFrame {
    let number = Value::Int(i64::try_from(seq).unwrap());
    let attributes = AttributesBuilder::new()
        .with("number", number)
        .build()
        .unwrap();
    ClientFrame::Publish(Publication {
        seq: PublisherSeq(seq),
        published_at: Timestamp(0),
        content: Content {
            attributes,
            body: Body::None,
        },
    })
}

pub async fn within<F: Future>(future: F) -> F::Output {
    tokio::time::timeout(PATIENCE, future)
        .await
        .expect("it happens in time")
}

fn client_config(directory: &Path) -> ClientConfig {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut roots = RootCertStore::empty();
    for authority in Certificates::open(directory).unwrap().authorities {
        roots.add(authority).unwrap();
    }
    let mut tls = rustls::ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    tls.alpn_protocols = vec![silbo::ALPN.to_vec()];
    ClientConfig::new(Arc::new(QuicClientConfig::try_from(tls).unwrap()))
}
