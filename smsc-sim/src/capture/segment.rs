//! A captured packet's TCP segment, whatever link it was captured on. Pure; anything else than TCP
//! in whole IP packets is passed over.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// Protocol number of TCP.
const TCP: u8 = 6;
const ETHERTYPE_IPV4: u16 = 0x0800;
const ETHERTYPE_IPV6: u16 = 0x86DD;
const ETHERTYPES_VLAN: [u16; 2] = [0x8100, 0x88A8];
/// IPv6 extension headers that are skipped at most.
const EXTENSIONS_MAX: usize = 8;

const FIN: u8 = 0x01;
const SYN: u8 = 0x02;
const RST: u8 = 0x04;

/// A TCP segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Segment<'a> {
    pub(crate) from: SocketAddr,
    pub(crate) to: SocketAddr,
    /// Number of the first octet, or of the SYN.
    pub(crate) sequence: u32,
    pub(crate) syn: bool,
    pub(crate) fin: bool,
    pub(crate) rst: bool,
    pub(crate) payload: &'a [u8],
}

/// The segment in a packet; `None` when it is something else.
pub(crate) fn segment(link_type: u16, packet: &[u8]) -> Option<Segment<'_>> {
    let ip = match link_type {
        // NULL and LOOP: four octets of address family.
        0 | 108 => packet.get(4..)?,
        // Ethernet.
        1 => behind_ethertype(packet, 12)?,
        // RAW, IPV4 and IPV6.
        12 | 14 | 101 | 228 | 229 => packet,
        // LINUX_SLL and LINUX_SLL2.
        113 => behind_ethertype(packet, 14)?,
        276 if is_ip(u16_at(packet, 0)?) => packet.get(20..)?,
        _ => return None,
    };
    match ip.first()? >> 4 {
        4 => ipv4(ip),
        6 => ipv6(ip),
        _ => None,
    }
}

fn is_ip(ethertype: u16) -> bool {
    [ETHERTYPE_IPV4, ETHERTYPE_IPV6].contains(&ethertype)
}

/// What stands behind the EtherType at `at`, and behind one or two VLAN tags.
fn behind_ethertype(packet: &[u8], mut at: usize) -> Option<&[u8]> {
    for _ in 0..2 {
        if ETHERTYPES_VLAN.contains(&u16_at(packet, at)?) {
            at += 4;
        }
    }
    is_ip(u16_at(packet, at)?).then(|| packet.get(at + 2..))?
}

fn ipv4(ip: &[u8]) -> Option<Segment<'_>> {
    let header = usize::from(ip.first()? & 0x0F) * 4;
    let fragment = u16_at(ip, 6)? & 0x3FFF;
    if fragment != 0 || *ip.get(9)? != TCP {
        return None;
    }
    let address = |at: usize| -> Option<IpAddr> {
        let octets: [u8; 4] = ip.get(at..at + 4)?.try_into().ok()?;
        Some(Ipv4Addr::from(octets).into())
    };
    // Ethernet pads short packets; a network card that cuts for the kernel leaves zero.
    let end = match usize::from(u16_at(ip, 2)?) {
        0 => ip.len(),
        total => total.min(ip.len()),
    };
    tcp(address(12)?, address(16)?, ip.get(header..end)?)
}

fn ipv6(ip: &[u8]) -> Option<Segment<'_>> {
    let address = |at: usize| -> Option<IpAddr> {
        let octets: [u8; 16] = ip.get(at..at + 16)?.try_into().ok()?;
        let address = Ipv6Addr::from(octets);
        Some(address.to_canonical())
    };
    let end = match usize::from(u16_at(ip, 4)?) {
        0 => ip.len(),
        payload => (40 + payload).min(ip.len()),
    };
    let (mut next, mut at) = (*ip.get(6)?, 40);
    for _ in 0..EXTENSIONS_MAX {
        match next {
            TCP => return tcp(address(8)?, address(24)?, ip.get(at..end)?),
            // Hop-by-hop, routing and destination options.
            0 | 43 | 60 => {
                next = *ip.get(at)?;
                at += (usize::from(*ip.get(at + 1)?) + 1) * 8;
            }
            _ => return None,
        }
    }
    None
}

fn tcp(from: IpAddr, to: IpAddr, tcp: &[u8]) -> Option<Segment<'_>> {
    let header = usize::from(tcp.get(12)? >> 4) * 4;
    let flags = *tcp.get(13)?;
    let sequence: [u8; 4] = tcp.get(4..8)?.try_into().ok()?;
    Some(Segment {
        from: SocketAddr::new(from, u16_at(tcp, 0)?),
        to: SocketAddr::new(to, u16_at(tcp, 2)?),
        sequence: u32::from_be_bytes(sequence),
        syn: flags & SYN != 0,
        fin: flags & FIN != 0,
        rst: flags & RST != 0,
        payload: tcp.get(header..).filter(|_| header >= 20)?,
    })
}

fn u16_at(octets: &[u8], at: usize) -> Option<u16> {
    let two: [u8; 2] = octets.get(at..at + 2)?.try_into().ok()?;
    Some(u16::from_be_bytes(two))
}

#[cfg(test)]
mod tests {
    use super::super::packet::packets;
    use super::super::ring::tests::record;
    use super::*;

    #[test]
    fn the_same_segment_is_found_behind_every_link() {
        packets(&record(1, 5, 7), b"payload", |ip| {
            let vlan = [&[0_u8; 12][..], &[0x81, 0, 0, 1, 8, 0], ip, &[0; 6]].concat();
            let table = [
                (101, ip.to_vec()),
                (1, [&[0; 12], &[8, 0][..], ip, &[0; 9]].concat()),
                (1, vlan),
                (113, [&[0; 14], &[8, 0][..], ip].concat()),
                (276, [&[8, 0][..], &[0; 18], ip].concat()),
                (0, [&[2, 0, 0, 0], ip].concat()),
            ];
            for (link_type, packet) in table {
                let found = segment(link_type, &packet).expect("a segment");
                assert_eq!(
                    (found.payload, found.sequence),
                    (&b"payload"[..], 6),
                    "{link_type}"
                );
                assert_eq!((found.from.port(), found.to.port()), (40_000, 2_775));
            }
            for length in 0..40 {
                assert_eq!(segment(101, &ip[..length]), None, "{length}");
            }
        });
    }
}
