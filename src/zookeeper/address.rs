//! Where the ensemble is, as it is given on the command line.

use std::str::FromStr;

use super::error::AddressError;

/// `host:port[,host:port…][/chroot]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ensemble {
    /// The servers, with commas between them.
    pub(super) servers: String,
    /// Below which all paths lie: begins with a slash and does not end with one; empty for the root.
    pub(super) chroot: String,
}

impl FromStr for Ensemble {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let (servers, chroot) = match text.find('/') {
            Some(slash) => text.split_at(slash),
            None => (text, ""),
        };
        for server in servers.split(',') {
            let port = server.rsplit_once(':').map(|(_, port)| port.parse::<u16>());
            if !matches!(port, Some(Ok(_))) {
                return Err(AddressError::Server(server.to_owned()));
            }
        }
        let chroot = chroot.trim_end_matches('/');
        if chroot
            .split('/')
            .skip(1)
            .any(|part| matches!(part, "" | "." | ".."))
        {
            return Err(AddressError::Chroot(chroot.to_owned()));
        }
        Ok(Self {
            servers: servers.to_owned(),
            chroot: chroot.to_owned(),
        })
    }
}

impl std::fmt::Display for Ensemble {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}{}", self.servers, self.chroot)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Result<(&str, &str), AddressError>) {
        let parsed: Result<Ensemble, _> = text.parse();
        let expected = expected.map(|(servers, chroot)| Ensemble {
            servers: servers.to_owned(),
            chroot: chroot.to_owned(),
        });
        assert_eq!(parsed, expected, "{text:?}");
    }

    #[test]
    fn servers_and_where_below_them() {
        check("a:1", Ok(("a:1", "")));
        check("a:1,b:2/", Ok(("a:1,b:2", "")));
        check("[::1]:2181/x/y/", Ok(("[::1]:2181", "/x/y")));
        for server in ["a", "a:", "a:x", "a:99999", ""] {
            check(server, Err(AddressError::Server(server.to_owned())));
        }
        check("a:1//x", Err(AddressError::Chroot("//x".to_owned())));
        check("a:1/..", Err(AddressError::Chroot("/..".to_owned())));
    }
}
