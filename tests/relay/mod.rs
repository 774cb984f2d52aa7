//! A way for datagrams that can be cut.

#![allow(
    unreachable_pub,
    clippy::unwrap_used,
    reason = "nobody is above it, and a test may fail where it stands"
)]

use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

/// Passes datagrams on to a port of this machine, and the answers back.
pub struct Relay {
    /// Where it takes them.
    pub address: SocketAddr,
    state: Arc<State>,
}

#[derive(Default)]
struct State {
    cut: AtomicBool,
    passed: AtomicU64,
}

impl State {
    fn pass(&self, send: impl FnOnce() -> std::io::Result<usize>) {
        if !self.cut.load(Ordering::SeqCst) && send().is_ok() {
            self.passed.fetch_add(1, Ordering::SeqCst);
        }
    }
}

impl Relay {
    pub fn to(port: u16) -> Self {
        let near = Arc::new(UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap());
        let relay = Self {
            address: near.local_addr().unwrap(),
            state: Arc::default(),
        };
        let state = Arc::clone(&relay.state);
        thread::spawn(move || {
            let mut ways: HashMap<SocketAddr, Arc<UdpSocket>> = HashMap::new();
            let mut bytes = [0; 65_536];
            while let Ok((length, from)) = near.recv_from(&mut bytes) {
                let far = ways.entry(from).or_insert_with(|| {
                    let far = Arc::new(UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap());
                    far.connect((Ipv4Addr::LOCALHOST, port)).unwrap();
                    let (near, back, state) =
                        (Arc::clone(&near), Arc::clone(&far), Arc::clone(&state));
                    thread::spawn(move || answer(&back, (&near, from), &state));
                    far
                });
                state.pass(|| far.send(&bytes[..length]));
            }
        });
        relay
    }

    /// Nothing gets through any more.
    pub fn cut(&self) {
        self.state.cut.store(true, Ordering::SeqCst);
    }

    /// Everything gets through again.
    pub fn mend(&self) {
        self.state.cut.store(false, Ordering::SeqCst);
    }

    /// How many datagrams have got through.
    pub fn passed(&self) -> u64 {
        self.state.passed.load(Ordering::SeqCst)
    }
}

fn answer(far: &UdpSocket, (near, to): (&UdpSocket, SocketAddr), state: &State) {
    let mut bytes = [0; 65_536];
    loop {
        match far.recv(&mut bytes) {
            Ok(length) => state.pass(|| near.send_to(&bytes[..length], to)),
            // The port is not there yet, or not any more.
            Err(_) => thread::yield_now(),
        }
    }
}
