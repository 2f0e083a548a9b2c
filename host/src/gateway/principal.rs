//! Whose share of the server a request is: the person's, and of those who haven't shown who they are their address's.

use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;

use hyper::header::{HeaderMap, HeaderName, HeaderValue};

/// Who has a share of the server.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Principal {
    /// Whoever is signed in, over all of their connections.
    Person(Arc<str>),
    /// Everybody else there; of IPv6 the network that one household has.
    Address(IpAddr),
    /// The gateway itself.
    Gateway,
}

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// Where the client is: `peer`, or behind so many proxies of our own what the outermost of them wrote down.
pub(super) fn client(peer: IpAddr, headers: &HeaderMap, trusted_proxies: usize) -> IpAddr {
    let Some(back) = trusted_proxies.checked_sub(1) else { return peer };
    let lines = headers.get_all(FORWARDED_FOR);
    let all: Vec<&str> =
        lines.iter().filter_map(|line| line.to_str().ok()).flat_map(|line| line.split(',')).map(str::trim).collect();
    let named = all.iter().rev().nth(back).and_then(|address| address.parse().ok());
    named.unwrap_or(peer)
}

/// Says to the backend where the client is, and nothing else that the client or a proxy may have said of it.
pub(super) fn say_client(headers: &mut HeaderMap, client: IpAddr) {
    headers.remove(FORWARDED_FOR);
    if let Ok(address) = HeaderValue::try_from(client.to_string()) {
        headers.insert(FORWARDED_FOR, address);
    }
}

impl Principal {
    pub(super) fn at(address: IpAddr) -> Principal {
        Principal::Address(match address.to_canonical() {
            IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << 64))),
            address => address,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn only_what_our_own_proxies_wrote_is_believed() {
        let mut headers = HeaderMap::new();
        headers.append(FORWARDED_FOR, HeaderValue::from_static("6.6.6.6, 192.0.2.7"));
        headers.append(FORWARDED_FOR, HeaderValue::from_static("10.0.0.2"));
        let client = |proxies| client(address("10.0.0.1"), &headers, proxies).to_string();
        assert_eq!([client(0), client(1), client(2)], ["10.0.0.1", "10.0.0.2", "192.0.2.7"]);
        assert_eq!(client(9), "10.0.0.1", "fewer proxies than were named");
    }

    #[test]
    fn a_network_of_ipv6_is_one_principal() {
        let at = |text| Principal::at(address(text));
        assert_eq!(at("2001:db8:1:2:3:4:5:6"), at("2001:db8:1:2::9"));
        assert_ne!(at("2001:db8:1:2::9"), at("2001:db8:1:3::9"));
        assert_eq!(at("::ffff:192.0.2.1"), at("192.0.2.1"));
    }
}
