//! Where there are no namespaces: ways through this process, which drops what it is told to.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

/// A way from one address to another through which nothing gets.
type Way = (IpAddr, IpAddr);

/// What all ways know.
#[derive(Debug, Default)]
pub(crate) struct Ways {
    cut: Mutex<BTreeSet<Way>>,
    /// Streams that are open, by the ends of their way.
    streams: Mutex<Vec<(Way, TcpStream)>>,
}

impl Ways {
    /// Drops everything from the one to the other from now on; streams that need this way end.
    pub(crate) fn cut(&self, from: IpAddr, to: IpAddr) {
        lock(&self.cut).insert((from, to));
        let mut streams = lock(&self.streams);
        streams.retain(|((one, other), stream)| {
            let is_cut = (*one, *other) == (from, to) || (*other, *one) == (from, to);
            if is_cut {
                let _ = stream.shutdown(Shutdown::Both);
            }
            !is_cut
        });
    }

    /// Lets everything through.
    pub(crate) fn mend(&self) {
        lock(&self.cut).clear();
    }

    fn is_cut(&self, from: IpAddr, to: IpAddr) -> bool {
        lock(&self.cut).contains(&(from, to))
    }

    /// Takes datagrams for a host at another address of this machine, and passes the answers back.
    pub(crate) fn datagrams(self: &Arc<Self>, at: SocketAddr, host: SocketAddr) -> io::Result<()> {
        let near = Arc::new(UdpSocket::bind(at)?);
        let ways = Arc::clone(self);
        thread::spawn(move || {
            let mut far: BTreeMap<SocketAddr, Arc<UdpSocket>> = BTreeMap::new();
            let mut bytes = [0; 65_536];
            while let Ok((length, from)) = near.recv_from(&mut bytes) {
                if !far.contains_key(&from)
                    && let Ok(socket) = ways.answers(Arc::clone(&near), from, host)
                {
                    far.insert(from, socket);
                }
                if let (false, Some(far)) = (ways.is_cut(from.ip(), host.ip()), far.get(&from)) {
                    // What does not get through is lost, as on any way.
                    let _ = far.send(&bytes[..length]);
                }
            }
        });
        Ok(())
    }

    fn answers(
        self: &Arc<Self>,
        near: Arc<UdpSocket>,
        to: SocketAddr,
        host: SocketAddr,
    ) -> io::Result<Arc<UdpSocket>> {
        let far = Arc::new(UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?);
        far.connect(host)?;
        let (back, ways) = (Arc::clone(&far), Arc::clone(self));
        thread::spawn(move || {
            let mut bytes = [0; 65_536];
            loop {
                match back.recv(&mut bytes) {
                    Ok(length) if !ways.is_cut(host.ip(), to.ip()) => {
                        let _ = near.send_to(&bytes[..length], to);
                    }
                    Ok(_) => {}
                    // The host is not there at the moment.
                    Err(_) => thread::sleep(Duration::from_millis(1)),
                }
            }
        });
        Ok(far)
    }

    /// Takes streams of one host to a server, at a port of its own; which.
    pub(crate) fn streams(self: &Arc<Self>, host: IpAddr, server: SocketAddr) -> io::Result<u16> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let port = listener.local_addr()?.port();
        let ways = Arc::clone(self);
        thread::spawn(move || {
            for near in listener.incoming().map_while(Result::ok) {
                let is_cut = ways.is_cut(host, server.ip()) || ways.is_cut(server.ip(), host);
                if !is_cut && let Ok(far) = TcpStream::connect(server) {
                    // One that cannot be passed on is closed, and tried again by whoever wants it.
                    let _ = ways.pass((host, server.ip()), near, far);
                }
            }
        });
        Ok(port)
    }

    fn pass(&self, way: Way, near: TcpStream, far: TcpStream) -> io::Result<()> {
        for (from, to) in [(&near, &far), (&far, &near)] {
            let (mut from, mut to) = (from.try_clone()?, to.try_clone()?);
            thread::spawn(move || {
                let _ = io::copy(&mut from, &mut to);
                let _ = to.shutdown(Shutdown::Both);
            });
        }
        lock(&self.streams).extend([(way, near), (way, far)]);
        Ok(())
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
