//! Which hosts are reached without the proxy that `HTTPS_PROXY` names.
//!
//! In: a host, and `NO_PROXY`. Out: whether the proxy is passed by, by the rules of Go's programs,
//! kubectl among them.

use std::net::IpAddr;

/// Whether a host is reached without a proxy.
pub(super) fn is_passed_by(host: &str, no_proxy: &str) -> bool {
    let host = host.trim_matches(['[', ']']).trim_end_matches('.').to_lowercase();
    let address = host.parse::<IpAddr>().ok();
    if host == "localhost" || address.is_some_and(|address| address.is_loopback()) {
        return true;
    }
    no_proxy.split(',').map(str::trim).filter(|entry| !entry.is_empty()).any(|entry| {
        let entry = entry.to_lowercase();
        match (&*entry, address) {
            ("*", _) => true,
            (entry, Some(address)) => match entry.split_once('/') {
                Some((network, bits)) => is_within(address, network, bits),
                None => entry.trim_matches(['[', ']']).parse() == Ok(address),
            },
            (entry, None) => {
                let name = entry.split(':').next().unwrap_or_default();
                let name = name.strip_prefix('*').unwrap_or(name);
                match name.strip_prefix('.') {
                    Some(domain) => host.ends_with(&format!(".{domain}")),
                    None => host == name || host.ends_with(&format!(".{name}")),
                }
            }
        }
    })
}

/// Whether an address is one of a network, as in `10.0.0.0/8`.
fn is_within(address: IpAddr, network: &str, bits: &str) -> bool {
    let (Ok(network), Ok(bits)) = (network.parse::<IpAddr>(), bits.parse::<u32>()) else {
        return false;
    };
    let as_bits = |address: IpAddr| match address {
        IpAddr::V4(address) => (u128::from(address.to_bits()) << 96, 32),
        IpAddr::V6(address) => (address.to_bits(), 128),
    };
    let ((address, width), (network, of)) = (as_bits(address), as_bits(network));
    width == of && bits <= width && (bits == 0 || (address ^ network) >> (128 - bits) == 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proxy_is_passed_by_as_gos_programs_do() {
        for host in ["localhost", "127.0.0.1", "[::1]", "127.3.2.1"] {
            assert!(is_passed_by(host, ""), "{host}");
        }
        let list = "corp.example, .internal,10.0.0.0/8 ,192.0.2.7, fd00::/8";
        let by = [
            "corp.example",
            "k8s.corp.example",
            "api.internal",
            "10.1.2.3",
            "192.0.2.7",
            "[fd00::1]",
        ];
        for host in by {
            assert!(is_passed_by(host, list), "{host}");
        }
        for host in ["notcorp.example", "internal", "11.1.2.3", "192.0.2.8", "fe00::1"] {
            assert!(!is_passed_by(host, list), "{host}");
        }
        assert!(is_passed_by("anything", "*"));
    }
}
