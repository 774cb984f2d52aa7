//! Where a server is.

use std::fmt;
use std::net::Ipv6Addr;
use std::str::FromStr;

use gomera_model::silbo::PORT;

/// A server as users write it: `silbo://host:port`, or `silbo://host` for the port 7454.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerUrl {
    host: String,
    port: u16,
}

/// Why text is no server.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is no server: it is written silbo://host:port")]
pub struct ServerUrlError {
    text: String,
}

impl ServerUrl {
    /// The name or the address, without brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The UDP port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }
}

impl FromStr for ServerUrl {
    type Err = ServerUrlError;

    fn from_str(text: &str) -> Result<Self, ServerUrlError> {
        parse(text).ok_or_else(|| ServerUrlError { text: text.into() })
    }
}

impl fmt::Display for ServerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "silbo://[{}]:{}", self.host, self.port)
        } else {
            write!(f, "silbo://{}:{}", self.host, self.port)
        }
    }
}

fn parse(text: &str) -> Option<ServerUrl> {
    let rest = text.strip_prefix("silbo://")?;
    let rest = rest.strip_suffix('/').unwrap_or(rest);
    let (host, port) = match rest.strip_prefix('[') {
        Some(rest) => {
            let (host, port) = rest.split_once(']')?;
            host.parse::<Ipv6Addr>().ok()?;
            (host, port)
        }
        None => rest.split_at(rest.find(':').unwrap_or(rest.len())),
    };
    let port = match port.strip_prefix(':') {
        Some(port) => port.parse().ok().filter(|port| *port > 0)?,
        None if port.is_empty() => PORT,
        None => return None,
    };
    let is_part = |c: char| c.is_alphanumeric() || matches!(c, '.' | '-' | '_' | ':');
    (!host.is_empty() && host.chars().all(is_part)).then(|| ServerUrl {
        host: host.into(),
        port,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_are_read_and_written() {
        let check = |text: &str, expected: Option<(&str, u16)>| {
            let url: Option<ServerUrl> = text.parse().ok();
            let parts = url.as_ref().map(|url| (url.host(), url.port()));
            assert_eq!(parts, expected, "{text}");
            if let Some(url) = &url {
                assert_eq!(url.to_string().parse().as_ref(), Ok(url));
            }
        };
        check("silbo://localhost:7000", Some(("localhost", 7000)));
        check("silbo://localhost", Some(("localhost", 7454)));
        check("silbo://10.0.0.1:1/", Some(("10.0.0.1", 1)));
        check("silbo://[::1]:99", Some(("::1", 99)));
        check("silbo://[::1]", Some(("::1", 7454)));
        for text in [
            "",
            "localhost",
            "http://localhost",
            "silbo://",
            "silbo://:1",
            "silbo://a:0",
            "silbo://a:70000",
            "silbo://a:1:2",
            "silbo://a b",
            "silbo://[::1",
            "silbo://[a]",
            "silbo://[::1]x",
        ] {
            check(text, None);
        }
    }
}
