//! The sending end.

use alloc::collections::VecDeque;

use bytes::Bytes;
use gomera_model::link::{Hello, ParcelNumber, ReceiverFrame, SenderFrame};

use super::LinkFault;

/// The sending end of a link.
#[derive(Debug)]
pub struct Sending {
    hello: Hello,
    /// Everything up to here is taken and forgotten.
    taken: ParcelNumber,
    /// The last that was sent over any connection.
    sent_ever: ParcelNumber,
    /// What is not taken, in order; the first has the number behind `taken`.
    waiting: VecDeque<Bytes>,
    waiting_bytes: usize,
    bytes_max: usize,
    phase: Phase,
}

/// See the module's picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Apart,
    Greeting,
    Together {
        /// How many of those that wait have gone out over this connection.
        sent: usize,
    },
    Broken(LinkFault),
}

impl Sending {
    /// A link over which nothing has gone yet. More than `bytes_max` bytes that wait break it.
    #[must_use]
    pub fn new(hello: Hello, bytes_max: usize) -> Self {
        Self {
            hello,
            taken: ParcelNumber(0),
            sent_ever: ParcelNumber(0),
            waiting: VecDeque::new(),
            waiting_bytes: 0,
            bytes_max,
            phase: Phase::Apart,
        }
    }

    /// Appends a parcel.
    ///
    /// # Errors
    ///
    /// If the link is broken, or breaks by it.
    pub fn push(&mut self, content: Bytes) -> Result<(), LinkFault> {
        if let Phase::Broken(fault) = self.phase {
            return Err(fault);
        }
        self.waiting_bytes += content.len();
        self.waiting.push_back(content);
        if self.waiting_bytes > self.bytes_max {
            let limit = self.bytes_max;
            return Err(self.broken(LinkFault::Overflow { limit }));
        }
        Ok(())
    }

    /// There is a connection: this goes out over it first. Whatever was sent over an older one counts as unsent.
    ///
    /// # Errors
    ///
    /// If the link is broken.
    pub fn connected(&mut self) -> Result<SenderFrame, LinkFault> {
        if let Phase::Broken(fault) = self.phase {
            return Err(fault);
        }
        self.phase = Phase::Greeting;
        Ok(SenderFrame::Hello(self.hello))
    }

    /// The connection is gone.
    pub fn disconnected(&mut self) {
        match self.phase {
            Phase::Apart | Phase::Greeting | Phase::Together { .. } => self.phase = Phase::Apart,
            Phase::Broken(_) => {}
        }
    }

    /// The receiver says something over the present connection.
    ///
    /// # Errors
    ///
    /// What it says cannot be, or ends the link: the link is broken.
    pub fn receive(&mut self, frame: ReceiverFrame) -> Result<(), LinkFault> {
        match (frame, self.phase) {
            (_, Phase::Broken(fault)) => Err(fault),
            (ReceiverFrame::Welcome(number), Phase::Greeting) => {
                self.forget(number)?;
                self.sent_ever = number.max(self.sent_ever);
                self.phase = Phase::Together { sent: 0 };
                Ok(())
            }
            (ReceiverFrame::Taken(number), Phase::Together { .. }) if number > self.sent_ever => {
                Err(self.broken(LinkFault::Unsent))
            }
            (ReceiverFrame::Taken(number), Phase::Together { sent }) => {
                let before = self.waiting.len();
                self.forget(number)?;
                let taken = before - self.waiting.len();
                // What was sent over the connection before may have been taken since, and was not sent over this one.
                let sent = sent.saturating_sub(taken);
                self.phase = Phase::Together { sent };
                Ok(())
            }
            (ReceiverFrame::Refused(why), Phase::Greeting) => {
                Err(self.broken(LinkFault::Refused(why)))
            }
            (
                ReceiverFrame::Welcome(_) | ReceiverFrame::Taken(_) | ReceiverFrame::Refused(_),
                Phase::Apart | Phase::Greeting | Phase::Together { .. },
            ) => Err(self.broken(LinkFault::Misplaced)),
        }
    }

    /// The receiver is declared dead: nothing goes out any more.
    pub fn give_up(&mut self) {
        if self.fault().is_none() {
            self.broken(LinkFault::GivenUp);
        }
    }

    /// The next parcel to go out over the present connection.
    pub fn next_frame(&mut self) -> Option<SenderFrame> {
        let Phase::Together { sent } = &mut self.phase else {
            return None;
        };
        let content = self.waiting.get(*sent)?.clone();
        *sent += 1;
        let number = ParcelNumber(self.taken.0 + *sent as u64);
        self.sent_ever = self.sent_ever.max(number);
        Some(SenderFrame::Parcel { number, content })
    }

    /// Why it is broken, if it is.
    #[must_use]
    pub fn fault(&self) -> Option<LinkFault> {
        match self.phase {
            Phase::Broken(fault) => Some(fault),
            Phase::Apart | Phase::Greeting | Phase::Together { .. } => None,
        }
    }

    /// Whether both ends agree on where they are.
    #[must_use]
    pub fn is_together(&self) -> bool {
        matches!(self.phase, Phase::Together { .. })
    }

    /// Bytes that are not known to be taken.
    #[must_use]
    pub fn waiting_bytes(&self) -> usize {
        self.waiting_bytes
    }

    fn forget(&mut self, up_to: ParcelNumber) -> Result<(), LinkFault> {
        let Some(count) = up_to.0.checked_sub(self.taken.0) else {
            return Err(self.broken(LinkFault::Forgotten));
        };
        let count = usize::try_from(count).unwrap_or(usize::MAX);
        if count > self.waiting.len() {
            return Err(self.broken(LinkFault::Unsent));
        }
        let bytes: usize = self.waiting.drain(..count).map(|parcel| parcel.len()).sum();
        self.waiting_bytes -= bytes;
        self.taken = up_to;
        Ok(())
    }

    /// Nothing goes out any more, so nothing need be kept.
    fn broken(&mut self, fault: LinkFault) -> LinkFault {
        self.waiting = VecDeque::new();
        self.waiting_bytes = 0;
        self.phase = Phase::Broken(fault);
        fault
    }
}
