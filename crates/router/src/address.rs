//! From where a request comes, as far as its gateway says: the last address in `X-Forwarded-For`, which the gateway itself wrote.

use std::net::IpAddr;

use crate::event::{Header, header};

/// The address, of IPv6 the network that one household has (the first 64 bits); empty when no gateway says it.
pub(crate) fn of(headers: &[Header]) -> String {
    let last = header(headers, "x-forwarded-for").and_then(|all| all.rsplit(',').next()).unwrap_or_default().trim();
    match last.parse::<IpAddr>() {
        Ok(IpAddr::V6(address)) => match address.to_ipv4_mapped() {
            Some(address) => address.to_string(),
            None => address.segments()[..4].iter().map(|segment| format!("{segment:x}:")).collect(),
        },
        Ok(IpAddr::V4(address)) => address.to_string(),
        Err(_) => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_address_counts_and_of_ipv6_its_network() {
        let address = |all: &str| of(&[Header::new("x-forwarded-for", all)]);
        assert_eq!(address("6.6.6.6, 192.0.2.7"), "192.0.2.7");
        assert_eq!(address("::ffff:192.0.2.7"), "192.0.2.7");
        assert_eq!(address("2001:db8:1:2:3:4:5:6"), address("2001:db8:1:2::9"));
        assert_ne!(address("2001:db8:1:2::9"), address("2001:db8:1:3::9"));
        assert_eq!(address("unknown"), "");
        assert_eq!(of(&[]), "");
    }
}
