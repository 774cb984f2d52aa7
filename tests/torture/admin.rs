//! Asking a host's admin port, fast enough to see the phases of an operation.

use std::io::{BufRead, BufReader, Error, Read, Result, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::Value;

/// No answer takes longer, or there is none.
const PATIENCE: Duration = Duration::from_secs(9);
/// Whoever is asked for its view only answers at once.
const BRIEFLY: Duration = Duration::from_millis(700);

/// A connection to an admin port, for one request after the other.
#[derive(Debug)]
pub(crate) struct Admin(BufReader<TcpStream>);

impl Admin {
    fn connect(address: SocketAddr, within: Duration) -> Result<Self> {
        let stream = TcpStream::connect_timeout(&address, within)?;
        stream.set_read_timeout(Some(within))?;
        stream.set_nodelay(true)?;
        Ok(Self(BufReader::new(stream)))
    }

    /// For many requests.
    pub(crate) fn open(address: SocketAddr) -> Result<Self> {
        Self::connect(address, BRIEFLY)
    }

    /// Asks for a document: the status, and the body if that is JSON.
    pub(crate) fn show(&mut self, path: &str) -> Result<(u16, Value)> {
        self.ask(&format!("GET {path} HTTP/1.1\r\n"), "")
    }

    fn ask(&mut self, head: &str, body: &str) -> Result<(u16, Value)> {
        let length = body.len();
        let request = format!("{head}host: it\r\ncontent-length: {length}\r\n\r\n{body}");
        self.0.get_mut().write_all(request.as_bytes())?;
        let status = self.line()?;
        let status = status.split(' ').nth(1).and_then(|code| code.parse().ok());
        let mut length = 0;
        loop {
            let line = self.line()?.to_ascii_lowercase();
            if line.is_empty() {
                break;
            }
            if let Some(value) = line.strip_prefix("content-length:") {
                length = value.trim().parse().map_err(Error::other)?;
            }
        }
        let mut body = vec![0; length];
        self.0.read_exact(&mut body)?;
        let body = serde_json::from_slice(&body).unwrap_or_default();
        Ok((status.unwrap_or(0), body))
    }

    fn line(&mut self) -> Result<String> {
        let mut line = String::new();
        if self.0.read_line(&mut line)? == 0 {
            return Err(Error::other("the connection has ended"));
        }
        Ok(line.trim_end().to_owned())
    }
}

/// Asks for one document.
pub(crate) fn show(address: SocketAddr, path: &str) -> Result<(u16, Value)> {
    Admin::open(address)?.show(path)
}

/// Asks for something to be done.
pub(crate) fn post(address: SocketAddr, path: &str, body: &Value) -> Result<(u16, Value)> {
    let head = format!("POST {path} HTTP/1.1\r\ncontent-type: application/json\r\n");
    Admin::connect(address, PATIENCE)?.ask(&head, &body.to_string())
}
