//! The receiving end.

use gomera_model::HostId;
use gomera_model::link::{FORMAT, Hello, LinkLife, LinkRefusal, ParcelNumber, ReceiverFrame};

use super::LinkFault;

/// The receiving end of the link from one host.
#[derive(Debug)]
pub struct Receiving {
    own: HostId,
    life: LinkLife,
    taken: ParcelNumber,
}

impl Receiving {
    /// Nothing has come yet.
    #[must_use]
    pub fn new(own: HostId) -> Self {
        Self {
            own,
            life: LinkLife::default(),
            taken: ParcelNumber::default(),
        }
    }

    /// A connection begins: the answer. A higher life of the link begins from its first parcel.
    pub fn hello(&mut self, hello: Hello) -> ReceiverFrame {
        if hello.to != self.own {
            return ReceiverFrame::Refused(LinkRefusal::Stranger);
        }
        if hello.format != FORMAT {
            return ReceiverFrame::Refused(LinkRefusal::OtherFormat);
        }
        if hello.life < self.life {
            return ReceiverFrame::Refused(LinkRefusal::Outlived);
        }
        if hello.life > self.life {
            self.life = hello.life;
            self.taken = ParcelNumber::default();
        }
        ReceiverFrame::Welcome(self.taken)
    }

    /// A parcel has come over a connection of this life: whether it is the next one. `false` if it was taken before.
    ///
    /// # Errors
    ///
    /// If one before it has not come: nothing is taken, and the connection has to end.
    pub fn parcel(&mut self, life: LinkLife, number: ParcelNumber) -> Result<bool, LinkFault> {
        if life != self.life {
            return Err(LinkFault::Refused(LinkRefusal::Outlived));
        }
        if number <= self.taken {
            return Ok(false);
        }
        if number != self.taken.next() {
            return Err(LinkFault::Missing);
        }
        self.taken = number;
        Ok(true)
    }

    /// The present life of the link; zero before the first.
    #[must_use]
    pub fn life(&self) -> LinkLife {
        self.life
    }

    /// What the sender is told from time to time: it may forget everything up to here.
    #[must_use]
    pub fn taken(&self) -> ReceiverFrame {
        ReceiverFrame::Taken(self.taken)
    }
}
