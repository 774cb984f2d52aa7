//! A broker that misbehaves on purpose: it stands before a right one, reads every frame, and breaks one promise.

#![allow(
    unreachable_pub,
    clippy::unwrap_used,
    clippy::wildcard_enum_match_arm,
    reason = "nobody is above it, a test may fail where it stands, and most frames are only passed on"
)]

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use gomera_model::operation::Hit;
use gomera_model::silbo::codec::{Frame, FrameReader, FrameWriter};
use gomera_model::silbo::{ALPN, ClientFrame, Deliver, ServerFrame};
use gomera_model::{AttributesBuilder, OperationNumber, SubscriptionNumber, Value};
use quinn::crypto::rustls::QuicServerConfig;
use quinn::{Connection, Endpoint, RecvStream, SendStream, ServerConfig};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::PrivateKeyDer;
use tokio::time::{Instant, sleep};

use super::raw::Raw;

/// What it does wrong. Everything else it passes on as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Nothing.
    None,
    /// One delivery does not get through.
    Lose,
    /// One subscription of a delivery does not get through.
    LoseHit,
    /// No delivery gets through.
    LoseAll,
    /// One delivery is sent twice.
    Double,
    /// One delivery is said to be for a subscription that it is not for.
    False,
    /// One delivery comes behind the next of its publisher.
    Swap,
    /// One delivery has another content.
    Alter,
    /// A subscription is acknowledged before it is in force.
    BeginLate,
    /// A subscription has an end, then goes on, before its end is acknowledged.
    EndTwice,
    /// A subscription goes on after its end was acknowledged.
    GoOn,
    /// Publishers are not told of what was taken.
    Silent,
}

/// It, listening.
pub struct Meddler {
    pub address: SocketAddr,
    /// The authority to believe.
    pub authority: PathBuf,
    /// How often it has misbehaved.
    pub done: Arc<Mutex<u64>>,
    _endpoint: Endpoint,
}

impl Meddler {
    /// Stands before a broker, whose certificates are in a directory.
    pub fn before(broker: SocketAddr, directory: &Path, fault: Fault) -> Self {
        let names = ["localhost".to_owned(), "127.0.0.1".to_owned()];
        let made = rcgen::generate_simple_self_signed(names).unwrap();
        let authority = directory.join("meddler.pem");
        std::fs::write(&authority, made.cert.pem()).unwrap();
        let key = PrivateKeyDer::Pkcs8(made.signing_key.serialize_der().into());
        let mut tls =
            rustls::ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
                .with_protocol_versions(&[&rustls::version::TLS13])
                .unwrap()
                .with_no_client_auth()
                .with_single_cert(vec![made.cert.der().clone()], key)
                .unwrap();
        tls.alpn_protocols = vec![ALPN.to_vec()];
        let crypto = QuicServerConfig::try_from(tls).unwrap();
        let config = ServerConfig::with_crypto(Arc::new(crypto));
        let endpoint = Endpoint::server(config, (Ipv4Addr::LOCALHOST, 0).into()).unwrap();
        let done = Arc::new(Mutex::new(0));
        let meddler = Self {
            address: endpoint.local_addr().unwrap(),
            authority,
            done: Arc::clone(&done),
            _endpoint: endpoint.clone(),
        };
        let directory = directory.to_owned();
        tokio::spawn(async move {
            while let Some(incoming) = endpoint.accept().await {
                let (directory, done) = (directory.clone(), Arc::clone(&done));
                tokio::spawn(async move {
                    let client = incoming.await.unwrap();
                    let broker = Raw::connect(broker, &directory).await;
                    stand_between(&client, &broker.connection, (fault, done)).await;
                });
            }
        });
        meddler
    }
}

async fn stand_between(
    client: &Connection,
    broker: &Connection,
    (fault, done): (Fault, Arc<Mutex<u64>>),
) {
    loop {
        tokio::select! {
            stream = client.accept_bi() => {
                let Ok((to_client, from_client)) = stream else { break };
                let (to_broker, from_broker) = broker.open_bi().await.unwrap();
                let mind = Arc::new(Mutex::new(Mind::new(fault, Arc::clone(&done))));
                tokio::spawn(forth(from_client, to_broker, Arc::clone(&mind)));
                tokio::spawn(back(from_broker, to_client, mind));
            }
            _ = broker.closed() => break,
        }
    }
    client.close(0_u32.into(), b"");
    broker.close(0_u32.into(), b"");
}

/// From client to broker.
async fn forth(mut receive: RecvStream, mut send: SendStream, mind: Arc<Mutex<Mind>>) {
    let mut reader = FrameReader::<ClientFrame>::new();
    while let Ok(Some(chunk)) = receive.read_chunk(usize::MAX, true).await {
        reader.push(chunk.bytes);
        while let Some(frame) = reader.next().unwrap() {
            let wait = mind.lock().unwrap().asked(&frame);
            if let Some(wait) = wait {
                sleep(wait).await;
            }
            if !write(&mut send, &[frame]).await {
                return;
            }
        }
    }
}

/// From broker to client.
async fn back(mut receive: RecvStream, mut send: SendStream, mind: Arc<Mutex<Mind>>) {
    let mut reader = FrameReader::<ServerFrame>::new();
    while let Ok(Some(chunk)) = receive.read_chunk(usize::MAX, true).await {
        reader.push(chunk.bytes);
        while let Some(frame) = reader.next().unwrap() {
            let frames = mind.lock().unwrap().answered(frame);
            if !write(&mut send, &frames).await {
                return;
            }
        }
    }
}

async fn write<F: Frame>(send: &mut SendStream, frames: &[F]) -> bool {
    let mut writer = FrameWriter::new();
    frames.iter().for_each(|frame| writer.push(frame));
    send.write_all_chunks(&mut writer.take_chunks())
        .await
        .is_ok()
}

/// What it remembers of one stream.
struct Mind {
    fault: Fault,
    done: Arc<Mutex<u64>>,
    /// Deliveries that have passed.
    deliveries: u64,
    /// One that is held back.
    held: Option<Deliver>,
    /// Requests under way, and whether they end a subscription.
    requests: BTreeMap<OperationNumber, (SubscriptionNumber, bool)>,
    /// Subscriptions whose end is under way, and whether something was kept back since.
    ending: BTreeMap<SubscriptionNumber, bool>,
    /// Subscriptions that have ended, and the operation that made them.
    gone: BTreeMap<SubscriptionNumber, OperationNumber>,
    /// By subscription, the operation in force.
    made: BTreeMap<SubscriptionNumber, OperationNumber>,
    /// Subscriptions that are kept back until then.
    late: BTreeMap<SubscriptionNumber, Instant>,
}

impl Mind {
    fn new(fault: Fault, done: Arc<Mutex<u64>>) -> Self {
        Self {
            fault,
            done,
            deliveries: 0,
            held: None,
            requests: BTreeMap::new(),
            ending: BTreeMap::new(),
            gone: BTreeMap::new(),
            made: BTreeMap::new(),
            late: BTreeMap::new(),
        }
    }

    fn did(&self) {
        *self.done.lock().unwrap() += 1;
    }

    /// Whether it has not misbehaved at all yet: most faults are made once.
    fn is_innocent(&self) -> bool {
        *self.done.lock().unwrap() == 0
    }

    /// A client has said something; how long it is held back.
    fn asked(&mut self, frame: &ClientFrame) -> Option<Duration> {
        let ClientFrame::Request(request) = frame else {
            return None;
        };
        let is_end = request.filter.is_none();
        self.requests
            .insert(request.operation, (request.number, is_end));
        if is_end && self.fault == Fault::EndTwice {
            self.ending.insert(request.number, false);
            return Some(END_TAKES);
        }
        None
    }

    /// The broker has said something; what is passed on.
    fn answered(&mut self, frame: ServerFrame) -> Vec<ServerFrame> {
        match frame {
            ServerFrame::Deliver(deliver) => {
                self.deliveries += 1;
                self.deliver(deliver)
                    .into_iter()
                    .map(ServerFrame::Deliver)
                    .collect()
            }
            ServerFrame::Published { .. } if self.fault == Fault::Silent => {
                self.did();
                Vec::new()
            }
            ServerFrame::Answered { operation, .. } => {
                if let Some((number, is_end)) = self.requests.remove(&operation) {
                    self.settled(operation, (number, is_end));
                }
                vec![frame]
            }
            frame => vec![frame],
        }
    }

    fn settled(
        &mut self,
        operation: OperationNumber,
        (number, is_end): (SubscriptionNumber, bool),
    ) {
        self.ending.remove(&number);
        if is_end {
            if let Some(made) = self.made.remove(&number) {
                self.gone.insert(number, made);
            }
        } else {
            self.gone.remove(&number);
            self.made.insert(number, operation);
            // Not those that are there from the start.
            if self.deliveries > 0 {
                self.late.insert(number, Instant::now() + BEGINS_AFTER);
            }
        }
    }

    fn deliver(&mut self, mut deliver: Deliver) -> Vec<Deliver> {
        let is_time = self.deliveries > SPARED && self.is_innocent();
        // That one stays as it is, so it is certain what has to come for it.
        let is_pulse = deliver.hits[0].number == PULSE;
        match self.fault {
            Fault::None | Fault::Silent => {}
            Fault::LoseAll => {
                self.did();
                return Vec::new();
            }
            Fault::Lose if is_time && is_pulse => {
                self.did();
                return Vec::new();
            }
            Fault::LoseHit if is_time && is_pulse && deliver.hits.len() > 1 => {
                self.did();
                deliver.hits.remove(0);
            }
            Fault::Double if is_time => {
                self.did();
                return vec![deliver.clone(), deliver];
            }
            Fault::False if is_time && deliver.hits[0].number.0 > PULSE.0 => {
                self.did();
                let operation = self.made[&PULSE];
                deliver.hits.insert(
                    0,
                    Hit {
                        number: PULSE,
                        operation,
                    },
                );
            }
            Fault::Swap => return self.swap(deliver, is_time && is_pulse),
            Fault::Alter if is_time => {
                self.did();
                let other = AttributesBuilder::new().with("level", Value::Int(-1));
                deliver.content.attributes = other.build().unwrap();
            }
            Fault::BeginLate => self.begin_late(&mut deliver),
            Fault::EndTwice => self.end_twice(&mut deliver),
            Fault::GoOn => self.go_on(&mut deliver),
            Fault::Lose | Fault::LoseHit | Fault::Double | Fault::False | Fault::Alter => {}
        }
        match deliver.hits.is_empty() {
            true => Vec::new(),
            false => vec![deliver],
        }
    }

    fn swap(&mut self, deliver: Deliver, is_time: bool) -> Vec<Deliver> {
        match self.held.take() {
            None if is_time => {
                self.did();
                self.held = Some(deliver);
                Vec::new()
            }
            None => vec![deliver],
            Some(held) if held.publisher == deliver.publisher => vec![deliver, held],
            Some(held) => {
                self.held = Some(held);
                vec![deliver]
            }
        }
    }

    fn begin_late(&mut self, deliver: &mut Deliver) {
        let now = Instant::now();
        self.late.retain(|_, until| *until > now);
        let before = deliver.hits.len();
        deliver
            .hits
            .retain(|hit| !self.late.contains_key(&hit.number));
        if deliver.hits.len() < before {
            self.did();
        }
    }

    fn end_twice(&mut self, deliver: &mut Deliver) {
        let ending = &mut self.ending;
        let before = deliver.hits.len();
        deliver
            .hits
            .retain(|hit| match ending.get_mut(&hit.number) {
                // The first is kept back, all others pass.
                Some(was_kept) => std::mem::replace(was_kept, true),
                None => true,
            });
        if deliver.hits.len() < before {
            self.did();
        }
    }

    fn go_on(&mut self, deliver: &mut Deliver) {
        if let Some((number, operation)) = self.gone.pop_first() {
            self.did();
            let place = deliver.hits.partition_point(|hit| hit.number < number);
            deliver.hits.insert(place, Hit { number, operation });
        }
    }
}

/// Deliveries of a stream that pass before anything is done.
const SPARED: u64 = 50;
/// The subscription of `gomera verify` to a good part of everything.
const PULSE: SubscriptionNumber = SubscriptionNumber(1);
/// How long the end of a subscription is held back.
const END_TAKES: Duration = Duration::from_millis(600);
/// How long after its acknowledgement a subscription begins.
const BEGINS_AFTER: Duration = Duration::from_millis(300);
