//! A broker that fits into a test: one process, no filters (all subscriptions match), nothing ever forgotten unless it
//! is told to.

#![allow(clippy::unwrap_used, reason = "a test may fail anywhere")]

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex};

use quinn::crypto::rustls::QuicServerConfig;
use quinn::{Endpoint, RecvStream, SendStream, ServerConfig, VarInt};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::PrivateKeyDer;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use gomera_client::{Client, ClientBuilder};
use gomera_model::lane::{Publication, SubscriptionRequest};
use gomera_model::operation::Hit;
use gomera_model::silbo::codec::{FrameReader, FrameWriter};
use gomera_model::silbo::{ALPN, ClientFrame, Connect, Deliver, Refusal, RefusalCode, ServerFrame};
use gomera_model::{
    Epoch, Generation, Incarnation, OperationNumber, PublisherId, PublisherSeq, Seq, SessionId,
    SessionToken, Stamp, SubscriptionNumber,
};

/// A filter with this text is refused.
pub(crate) const BAD_FILTER: &str = "bad";

/// The broker's own.
pub(crate) struct Broker {
    endpoint: Endpoint,
    pub(crate) authority: String,
    world: Arc<Mutex<World>>,
}

#[derive(Default)]
struct World {
    sessions: BTreeMap<SessionId, Session>,
    publishers: BTreeMap<PublisherId, PublisherSeq>,
    connections: Vec<(quinn::Connection, Vec<UnboundedSender<ServerFrame>>)>,
    last_session: u64,
    stamped: u64,
}

struct Session {
    generation: Generation,
    out: UnboundedSender<ServerFrame>,
    subscriptions: BTreeMap<SubscriptionNumber, OperationNumber>,
    delivered: Vec<Deliver>,
}

const TOKEN: SessionToken = SessionToken([7; 16]);

impl Broker {
    /// Listens on loopback, at a port of the system's choice.
    pub(crate) fn start() -> Self {
        let names = ["localhost".to_owned(), "127.0.0.1".to_owned()];
        let made = rcgen::generate_simple_self_signed(names).unwrap();
        let provider = Arc::new(aws_lc_rs::default_provider());
        let key = PrivateKeyDer::Pkcs8(made.signing_key.serialize_der().into());
        let mut tls = rustls::ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13])
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], key)
            .unwrap();
        tls.alpn_protocols = vec![ALPN.to_vec()];
        let crypto = QuicServerConfig::try_from(tls).unwrap();
        let config = ServerConfig::with_crypto(Arc::new(crypto));
        let endpoint = Endpoint::server(config, (Ipv4Addr::LOCALHOST, 0).into()).unwrap();
        let broker = Self {
            endpoint: endpoint.clone(),
            authority: made.cert.pem(),
            world: Arc::default(),
        };
        let world = Arc::clone(&broker.world);
        tokio::spawn(async move {
            while let Some(incoming) = endpoint.accept().await {
                tokio::spawn(serve(Arc::clone(&world), incoming));
            }
        });
        broker
    }

    pub(crate) fn url(&self) -> String {
        format!("silbo://{}", self.endpoint.local_addr().unwrap())
    }

    pub(crate) fn builder(&self) -> ClientBuilder {
        let builder = Client::builder().server(&self.url()).unwrap();
        builder.ca_pem(self.authority.as_bytes())
    }

    pub(crate) fn client(&self) -> Client {
        self.builder().build().unwrap()
    }

    /// Cuts all connections without a word.
    pub(crate) fn cut(&self) {
        for (connection, _) in self.world.lock().unwrap().connections.drain(..) {
            connection.close(VarInt::from_u32(0), b"");
        }
    }

    /// Closes all connections with a reason.
    pub(crate) fn refuse(&self, code: RefusalCode) {
        for (connection, _) in self.world.lock().unwrap().connections.drain(..) {
            connection.close(VarInt::from_u32(code.number().into()), b"because");
        }
    }

    /// Asks all clients to connect again.
    pub(crate) fn go_away(&self) {
        for (_, streams) in &self.world.lock().unwrap().connections {
            for out in streams {
                let _ = out.send(ServerFrame::Goaway);
            }
        }
    }

    /// Sends a frame on all streams.
    pub(crate) fn say(&self, frame: &ServerFrame) {
        for (_, streams) in &self.world.lock().unwrap().connections {
            for out in streams {
                let _ = out.send(frame.clone());
            }
        }
    }

    /// Is restarted: sessions are gone, connections too.
    pub(crate) fn forget_sessions(&self) {
        self.world.lock().unwrap().sessions.clear();
        self.cut();
    }

    /// Sessions that are there.
    pub(crate) fn sessions(&self) -> usize {
        self.world.lock().unwrap().sessions.len()
    }

    /// How many connections were ever opened and not cut.
    pub(crate) fn connections(&self) -> usize {
        let mut world = self.world.lock().unwrap();
        world
            .connections
            .retain(|(c, _)| c.close_reason().is_none());
        world.connections.len()
    }
}

async fn serve(world: Arc<Mutex<World>>, incoming: quinn::Incoming) {
    let Ok(connection) = incoming.await else {
        return;
    };
    world
        .lock()
        .unwrap()
        .connections
        .push((connection.clone(), Vec::new()));
    while let Ok((send, receive)) = connection.accept_bi().await {
        let (out, frames) = unbounded_channel();
        let mut locked = world.lock().unwrap();
        let id = connection.stable_id();
        let mut known = locked.connections.iter_mut();
        if let Some((_, streams)) = known.find(|(c, _)| c.stable_id() == id) {
            streams.push(out.clone());
        }
        drop(locked);
        tokio::spawn(write(connection.clone(), send, frames));
        tokio::spawn(read(Arc::clone(&world), receive, out));
    }
}

/// Writes frames; after a refusal the connection is closed.
async fn write(
    connection: quinn::Connection,
    mut send: SendStream,
    mut frames: UnboundedReceiver<ServerFrame>,
) {
    let mut writer = FrameWriter::new();
    while let Some(frame) = frames.recv().await {
        let mut last = frame;
        writer.push(&last);
        while let Ok(frame) = frames.try_recv() {
            writer.push(&frame);
            last = frame;
        }
        let _ = send.write_all_chunks(&mut writer.take_chunks()).await;
        if let ServerFrame::Refused(refusal) = last {
            let _ = send.finish();
            let _ = send.stopped().await;
            connection.close(VarInt::from_u32(refusal.code.number().into()), b"");
        }
    }
}

async fn read(
    world: Arc<Mutex<World>>,
    mut receive: RecvStream,
    out: UnboundedSender<ServerFrame>,
) {
    let mut reader = FrameReader::<ClientFrame>::new();
    let mut of = Of::Nothing;
    while let Ok(Some(chunk)) = receive.read_chunk(usize::MAX, true).await {
        reader.push(chunk.bytes);
        while let Some(frame) = reader.next().unwrap() {
            world.lock().unwrap().take(frame, &mut of, &out);
        }
    }
}

/// What a stream is about.
enum Of {
    Nothing,
    Session(SessionId),
    Publisher(PublisherId),
}

impl World {
    fn take(&mut self, frame: ClientFrame, of: &mut Of, out: &UnboundedSender<ServerFrame>) {
        let answer = match (frame, &*of) {
            (ClientFrame::Connect(connect), _) => self.connect(connect, of, out),
            (ClientFrame::Request(request), Of::Session(session)) => {
                self.request(*session, &request)
            }
            (ClientFrame::OpenPublisher { publisher, .. }, _) => {
                *of = Of::Publisher(publisher);
                let last = *self.publishers.entry(publisher).or_default();
                let access_point = Incarnation(1);
                let _ = out.send(ServerFrame::PublisherOpened { last, access_point });
                Some(published(last, Vec::new()))
            }
            (ClientFrame::Publish(publication), Of::Publisher(publisher)) => {
                Some(self.publish(*publisher, publication))
            }
            (ClientFrame::Bye, Of::Session(session)) => {
                self.sessions.remove(session);
                let ended = Refusal::new(RefusalCode::Ended, "the client ended it");
                Some(ServerFrame::Refused(ended))
            }
            (ClientFrame::Acknowledge(_) | ClientFrame::Ping(_), _) => None,
            (frame, _) => panic!("{frame:?} in the wrong place"),
        };
        if let Some(answer) = answer {
            let _ = out.send(answer);
        }
    }

    fn connect(
        &mut self,
        connect: Connect,
        of: &mut Of,
        out: &UnboundedSender<ServerFrame>,
    ) -> Option<ServerFrame> {
        let Some((id, token)) = connect.resume else {
            self.last_session += 1;
            let id = SessionId(self.last_session);
            *of = Of::Session(id);
            let session = Session {
                generation: connect.generation,
                out: out.clone(),
                subscriptions: BTreeMap::new(),
                delivered: Vec::new(),
            };
            self.sessions.insert(id, session);
            return Some(connected(id, false));
        };
        let Some(session) = self.sessions.get_mut(&id) else {
            let unknown = Refusal::new(RefusalCode::SessionUnknown, "not here");
            return Some(ServerFrame::Refused(unknown));
        };
        assert_eq!(token, TOKEN);
        assert!(connect.generation > session.generation);
        session.generation = connect.generation;
        let taken = Refusal::new(RefusalCode::TakenOver, "a newer connection");
        let _ = session.out.send(ServerFrame::Refused(taken));
        session.out = out.clone();
        *of = Of::Session(id);
        let _ = out.send(connected(id, true));
        let processed = connect.cursors.first().map_or(Seq(0), |cursor| cursor.seq);
        for deliver in &session.delivered {
            if deliver.stamp.seq > processed {
                let _ = out.send(ServerFrame::Deliver(deliver.clone()));
            }
        }
        None
    }

    fn request(
        &mut self,
        session: SessionId,
        request: &SubscriptionRequest,
    ) -> Option<ServerFrame> {
        let session = self.sessions.get_mut(&session)?;
        let mut refused = None;
        match &request.filter {
            Some(filter) if filter.text == BAD_FILTER => {
                refused = Some(Refusal::new(RefusalCode::InvalidFilter, "bad"));
            }
            Some(_) => {
                session
                    .subscriptions
                    .insert(request.number, request.operation);
            }
            None => {
                session.subscriptions.remove(&request.number);
            }
        }
        Some(ServerFrame::Answered {
            operation: request.operation,
            refused,
        })
    }

    fn publish(&mut self, publisher: PublisherId, publication: Publication) -> ServerFrame {
        let last = self.publishers.entry(publisher).or_default();
        if publication.seq <= *last {
            return published(*last, Vec::new());
        }
        assert_eq!(publication.seq, last.next(), "a hole");
        *last = publication.seq;
        self.stamped += 1;
        let mut matched = 0;
        for session in self.sessions.values_mut() {
            let hits: Vec<_> = session.hits().collect();
            if !hits.is_empty() {
                matched += u32::try_from(hits.len()).unwrap();
                session.deliver(publisher, &publication, (self.stamped, hits));
            }
        }
        published(publication.seq, vec![matched])
    }
}

impl Session {
    fn hits(&self) -> impl Iterator<Item = Hit> {
        let subscriptions = self.subscriptions.iter();
        subscriptions.map(|(&number, &operation)| Hit { number, operation })
    }

    fn deliver(
        &mut self,
        publisher: PublisherId,
        publication: &Publication,
        (seq, hits): (u64, Vec<Hit>),
    ) {
        let deliver = Deliver {
            stamp: Stamp {
                access_point: Incarnation(1),
                seq: Seq(seq),
                epoch: Epoch(1),
            },
            publisher,
            publisher_seq: publication.seq,
            published_at: publication.published_at,
            hits,
            content: publication.content.clone(),
        };
        let _ = self.out.send(ServerFrame::Deliver(deliver.clone()));
        self.delivered.push(deliver);
    }
}

fn connected(session: SessionId, resumed: bool) -> ServerFrame {
    ServerFrame::Connected {
        session,
        token: TOKEN,
        resumed,
    }
}

fn published(last: PublisherSeq, matched: Vec<u32>) -> ServerFrame {
    ServerFrame::Published { last, matched }
}
