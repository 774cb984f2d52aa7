use alloc::collections::VecDeque;
use alloc::vec::Vec;

use bytes::Bytes;
use gomera_model::HostId;
use gomera_model::link::{
    FORMAT, Hello, LinkLife, LinkRefusal, ParcelNumber, ReceiverFrame, SenderFrame,
};
use proptest::prelude::*;

use super::{LinkFault, Receiving, Sending};

const HERE: HostId = HostId(1);
const THERE: HostId = HostId(2);

/// Two ends and the connections between them, each of which delivers in order as far as it gets.
struct World {
    sending: Sending,
    receiving: Receiving,
    connections: Vec<Connection>,
    pushed: u64,
    came: Vec<u64>,
}

#[derive(Default)]
struct Connection {
    there: VecDeque<SenderFrame>,
    back: VecDeque<ReceiverFrame>,
    life: Option<LinkLife>,
    /// The receiver has ended it.
    dead: bool,
    /// The sender knows that it is gone.
    closed: bool,
}

/// What happens next.
#[derive(Clone, Copy, Debug)]
enum Step {
    Push,
    Connect,
    /// The sender notices that its connection is gone; what is under way on it may still arrive.
    Break,
    Send,
    /// One frame arrives over one of the connections, old ones too.
    Arrive(usize),
    Acknowledge(usize),
    Return,
}

impl World {
    fn new() -> Self {
        Self {
            sending: Sending::new(hello(1), 1 << 20),
            receiving: Receiving::new(THERE),
            connections: Vec::new(),
            pushed: 0,
            came: Vec::new(),
        }
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::Push => {
                self.pushed += 1;
                let content = Bytes::copy_from_slice(&self.pushed.to_le_bytes());
                self.sending.push(content).unwrap();
            }
            Step::Connect => {
                let hello = self.sending.connected().unwrap();
                let mut connection = Connection::default();
                connection.there.push_back(hello);
                self.connections.push(connection);
            }
            Step::Break => {
                self.sending.disconnected();
                if let Some(connection) = self.connections.last_mut() {
                    connection.closed = true;
                }
            }
            Step::Send => {
                if let (Some(frame), Some(connection)) =
                    (self.sending.next_frame(), self.connections.last_mut())
                {
                    connection.there.push_back(frame);
                }
            }
            Step::Arrive(which) => self.arrive(which),
            Step::Acknowledge(which) => {
                let taken = self.receiving.taken();
                if let Some(connection) = self.pick(which).filter(|c| c.life.is_some()) {
                    connection.back.push_back(taken);
                }
            }
            Step::Return => self.come_back(),
        }
    }

    fn pick(&mut self, which: usize) -> Option<&mut Connection> {
        let count = self.connections.len();
        self.connections.get_mut(which.checked_rem(count)?)
    }

    fn arrive(&mut self, which: usize) {
        let Some(connection) = self.pick(which).filter(|c| !c.dead) else {
            return;
        };
        match connection.there.pop_front() {
            None => {}
            Some(SenderFrame::Hello(hello)) => {
                connection.life = Some(hello.life);
                let answer = self.receiving.hello(hello);
                self.pick(which).unwrap().back.push_back(answer);
            }
            Some(SenderFrame::Parcel { number, content }) => {
                let life = connection.life.unwrap();
                match self.receiving.parcel(life, number) {
                    Ok(true) => self
                        .came
                        .push(u64::from_le_bytes(content[..].try_into().unwrap())),
                    Ok(false) => {}
                    Err(_) => self.pick(which).unwrap().dead = true,
                }
            }
        }
    }

    /// Over the present connection only: the driver reads no other.
    fn come_back(&mut self) {
        let is_apart = !self.sending.is_together();
        let Some(connection) = self.connections.last_mut() else {
            return;
        };
        if connection.closed {
            return;
        }
        let is_welcome = matches!(connection.back.front(), Some(ReceiverFrame::Welcome(_)));
        if is_apart && !is_welcome {
            return;
        }
        if let Some(frame) = connection.back.pop_front() {
            assert_eq!(self.sending.receive(frame), Ok(()));
        }
    }

    /// Brings everything to the other end over one more connection that does not break.
    fn settle(&mut self) {
        self.step(Step::Connect);
        let last = self.connections.len() - 1;
        self.arrive(last);
        self.come_back();
        while let Some(frame) = self.sending.next_frame() {
            self.connections[last].there.push_back(frame);
            self.arrive(last);
        }
        let taken = self.receiving.taken();
        self.connections[last].back.push_back(taken);
        self.come_back();
    }
}

fn hello(life: u64) -> Hello {
    Hello {
        from: HERE,
        to: THERE,
        life: LinkLife(life),
        format: FORMAT,
    }
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => Just(Step::Push),
        1 => Just(Step::Connect),
        1 => Just(Step::Break),
        4 => Just(Step::Send),
        6 => (0..4_usize).prop_map(Step::Arrive),
        2 => (0..4_usize).prop_map(Step::Acknowledge),
        3 => Just(Step::Return),
    ]
}

proptest! {
    #[test]
    fn everything_comes_once_and_in_order(steps in proptest::collection::vec(step(), 0..300)) {
        let mut world = World::new();
        for step in steps {
            world.step(step);
        }
        world.settle();
        let all: Vec<u64> = (1..=world.pushed).collect();
        assert_eq!(world.came, all);
        assert_eq!(world.sending.waiting_bytes(), 0);
    }
}

#[test]
fn what_was_not_taken_is_sent_again() {
    let mut world = World::new();
    for step in [Step::Push, Step::Push, Step::Connect, Step::Arrive(0)] {
        world.step(step);
    }
    for step in [Step::Return, Step::Send, Step::Send, Step::Arrive(0)] {
        world.step(step);
    }
    world.step(Step::Break);
    assert!(world.sending.next_frame().is_none());
    assert_eq!(world.came, [1]);
    world.settle();
    assert_eq!(world.came, [1, 2]);
}

#[test]
fn too_much_breaks_the_link_for_good() {
    let mut sending = Sending::new(hello(1), 10);
    assert_eq!(sending.push(Bytes::from_static(&[0; 10])), Ok(()));
    let fault = LinkFault::Overflow { limit: 10 };
    assert_eq!(sending.push(Bytes::from_static(&[0])), Err(fault));
    assert_eq!(sending.waiting_bytes(), 0);
    sending.disconnected();
    assert_eq!(sending.connected(), Err(fault));
    assert_eq!(sending.fault(), Some(fault));
}

#[test]
fn nothing_waits_for_who_is_given_up() {
    let mut sending = Sending::new(hello(1), 10);
    sending.push(Bytes::from_static(b"x")).unwrap();
    sending.give_up();
    assert_eq!(sending.waiting_bytes(), 0);
    let fault = LinkFault::GivenUp;
    assert_eq!(sending.push(Bytes::from_static(b"x")), Err(fault));
    assert_eq!(sending.connected(), Err(fault));
    assert!(sending.next_frame().is_none());
}

#[test]
fn a_receiver_that_contradicts_itself_breaks_the_link() {
    let check = |frames: &[ReceiverFrame], expected| {
        let mut sending = Sending::new(hello(1), 100);
        for _ in 0..3 {
            sending.push(Bytes::from_static(b"x")).unwrap();
        }
        sending.connected().unwrap();
        let (last, before) = frames.split_last().unwrap();
        for frame in before {
            sending.receive(*frame).unwrap();
            sending.next_frame();
        }
        assert_eq!(sending.receive(*last), Err(expected));
    };
    let welcome = |number| ReceiverFrame::Welcome(ParcelNumber(number));
    let taken = |number| ReceiverFrame::Taken(ParcelNumber(number));
    check(&[welcome(4)], LinkFault::Unsent);
    check(&[taken(0)], LinkFault::Misplaced);
    check(&[welcome(1), welcome(1)], LinkFault::Misplaced);
    check(&[welcome(1), taken(3)], LinkFault::Unsent);
    check(&[welcome(1), taken(2), taken(1)], LinkFault::Forgotten);
    let refused = LinkRefusal::Stranger;
    check(
        &[ReceiverFrame::Refused(refused)],
        LinkFault::Refused(refused),
    );
}

#[test]
fn a_new_life_begins_from_its_first_parcel() {
    let mut receiving = Receiving::new(THERE);
    let zero = ReceiverFrame::Welcome(ParcelNumber(0));
    assert_eq!(receiving.hello(hello(1)), zero);
    assert_eq!(receiving.parcel(LinkLife(1), ParcelNumber(1)), Ok(true));
    assert_eq!(receiving.parcel(LinkLife(1), ParcelNumber(1)), Ok(false));
    assert_eq!(
        receiving.parcel(LinkLife(1), ParcelNumber(3)),
        Err(LinkFault::Missing)
    );
    assert_eq!(receiving.hello(hello(2)), zero);
    assert_eq!(
        receiving.parcel(LinkLife(1), ParcelNumber(2)),
        Err(LinkFault::Refused(LinkRefusal::Outlived))
    );
    for (hello, why) in [
        (hello(1), LinkRefusal::Outlived),
        (
            Hello {
                to: HostId(9),
                ..hello(3)
            },
            LinkRefusal::Stranger,
        ),
        (
            Hello {
                format: FORMAT + 1,
                ..hello(3)
            },
            LinkRefusal::OtherFormat,
        ),
    ] {
        assert_eq!(receiving.hello(hello), ReceiverFrame::Refused(why));
    }
}
