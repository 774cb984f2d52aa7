//! Asking a host's admin port, fast enough to see the phases of an operation.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::Value;

/// No answer takes longer, or there is none.
const PATIENCE: Duration = Duration::from_secs(9);
/// Whoever is asked for its view only answers at once.
const BRIEFLY: Duration = Duration::from_millis(700);

/// The answer to a request: its status, and its body if that is JSON.
pub(crate) type Answer = std::io::Result<(u16, Value)>;

/// Asks for a document.
pub(crate) fn show(address: SocketAddr, path: &str) -> Answer {
    ask(address, &format!("GET {path} HTTP/1.1\r\n"), "", BRIEFLY)
}

/// Asks for something to be done.
pub(crate) fn post(address: SocketAddr, path: &str, body: &Value) -> Answer {
    let head = format!("POST {path} HTTP/1.1\r\ncontent-type: application/json\r\n");
    ask(address, &head, &body.to_string(), PATIENCE)
}

fn ask(address: SocketAddr, head: &str, body: &str, within: Duration) -> Answer {
    let mut stream = TcpStream::connect_timeout(&address, within)?;
    stream.set_read_timeout(Some(within))?;
    stream.set_nodelay(true)?;
    let length = body.len();
    let request =
        format!("{head}host: it\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}");
    stream.write_all(request.as_bytes())?;
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let status = line.split(' ').nth(1).and_then(|code| code.parse().ok());
    while !line.trim().is_empty() {
        line.clear();
        reader.read_line(&mut line)?;
    }
    let mut text = String::new();
    reader.read_to_string(&mut text)?;
    let body = serde_json::from_str(&text).unwrap_or_default();
    Ok((status.unwrap_or(0), body))
}
