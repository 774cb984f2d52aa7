//! The sending end of a link, in the hands of everybody who has something to say.

use std::net::SocketAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use gomera_model::HostId;
use gomera_model::link::{Hello, ReceiverFrame, SenderFrame};
use gomera_model::silbo::codec::FrameWriter;
use gomera_operators::link::{LinkFault, Sending};
use tokio::sync::{Notify, watch};

use super::super::host_frame::HostFrame;
use super::packing;
use crate::limits::{LINK_WAITING_BYTES_MAX, LINK_WRITE_BYTES};

/// Another host.
#[derive(Debug)]
pub(crate) struct Peer {
    host: HostId,
    sending: Mutex<Sending>,
    /// There is something to send, or the link is broken.
    more: Notify,
    address: watch::Sender<Option<SocketAddr>>,
}

impl Peer {
    pub(super) fn new(hello: Hello) -> Self {
        Self {
            host: hello.to,
            sending: Mutex::new(Sending::new(hello, LINK_WAITING_BYTES_MAX)),
            more: Notify::new(),
            address: watch::Sender::new(None),
        }
    }

    pub(crate) fn host(&self) -> HostId {
        self.host
    }

    /// Sends a frame; `false` if the link is broken.
    pub(crate) fn send(&self, frame: &HostFrame) -> bool {
        let parcels = packing::pack(frame);
        let mut sending = self.sending();
        // All parts of a frame stay side by side.
        let sent = parcels
            .into_iter()
            .all(|parcel| sending.push(parcel).is_ok());
        drop(sending);
        self.more.notify_one();
        sent
    }

    /// Whether it is connected, and both ends agree on where they are.
    pub(crate) fn is_together(&self) -> bool {
        self.sending().is_together()
    }

    /// Bytes that the other host is not known to have taken.
    pub(crate) fn waiting_bytes(&self) -> usize {
        self.sending().waiting_bytes()
    }

    pub(super) fn meet(&self, address: SocketAddr) {
        self.address
            .send_if_modified(|known| known.replace(address) != Some(address));
    }

    pub(super) fn addresses(&self) -> watch::Receiver<Option<SocketAddr>> {
        self.address.subscribe()
    }

    pub(super) fn connected(&self) -> Result<SenderFrame, LinkFault> {
        self.sending().connected()
    }

    pub(super) fn disconnected(&self) {
        self.sending().disconnected();
    }

    pub(super) fn receive(&self, frame: ReceiverFrame) -> Result<(), LinkFault> {
        let received = self.sending().receive(frame);
        self.more.notify_one();
        received
    }

    /// What goes out next, as much as is written at once; waits for something.
    pub(super) async fn next(&self, writer: &mut FrameWriter) -> Result<(), LinkFault> {
        loop {
            self.fill(writer)?;
            if !writer.is_empty() {
                return Ok(());
            }
            self.more.notified().await;
        }
    }

    /// The other host is declared dead: nothing waits for it any more.
    pub(super) fn give_up(&self) {
        self.sending().give_up();
        self.more.notify_one();
    }

    pub(super) fn is_given_up(&self) -> bool {
        self.fault() == Some(LinkFault::GivenUp)
    }

    pub(super) fn fault(&self) -> Option<LinkFault> {
        self.sending().fault()
    }

    fn fill(&self, writer: &mut FrameWriter) -> Result<(), LinkFault> {
        let mut sending = self.sending();
        if let Some(fault) = sending.fault() {
            return Err(fault);
        }
        while writer.bytes() < LINK_WRITE_BYTES {
            match sending.next_frame() {
                Some(frame) => writer.push(&frame),
                None => break,
            }
        }
        Ok(())
    }

    fn sending(&self) -> MutexGuard<'_, Sending> {
        self.sending.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
