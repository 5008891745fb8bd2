//! Octets of a session as TCP/IP packets, with the headers that the kernel kept to itself: made up,
//! with sequence numbers and checksums as they have to be. RFC 791, 8200, 9293.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use super::ring::{Record, Sender, What};

/// Octets of payload in a packet, as on Ethernet.
const SEGMENT_OCTETS: usize = 1_460;
/// Protocol number of TCP.
const TCP: u8 = 6;
/// Hops that are left.
const TIME_TO_LIVE: u8 = 64;
/// Octets that a receiver says it can take.
const WINDOW: u16 = 0xFFFF;
const TCP_HEADER_OCTETS: usize = 20;

const FIN: u8 = 0x01;
const SYN: u8 = 0x02;
const RST: u8 = 0x04;
const PSH: u8 = 0x08;
const ACK: u8 = 0x10;

/// A TCP segment that is about to be written.
struct Segment<'a> {
    from: SocketAddr,
    to: SocketAddr,
    sequence: u32,
    acknowledged: u32,
    flags: u8,
    payload: &'a [u8],
}

/// Gives each packet of a record with these octets to `write`.
pub(crate) fn packets(record: &Record, octets: &[u8], mut write: impl FnMut(&[u8])) {
    let flow = &record.flow;
    let (from, to) = match record.sender {
        Sender::Ours => (flow.ours, flow.theirs),
        Sender::Theirs => (flow.theirs, flow.ours),
    };
    // Both directions start with number 0, which the SYN takes; numbers wrap as TCP's do.
    let sequence = (record.sent_before as u32).wrapping_add(1);
    let acknowledged = (record.received_before as u32).wrapping_add(1);
    let segment = |flags, payload| Segment {
        from,
        to,
        sequence,
        acknowledged,
        flags,
        payload,
    };
    match record.what {
        What::Opened => {
            for (flags, turned, sequence, acknowledged) in [
                (SYN, false, 0, 0),
                (SYN | ACK, true, 0, 1),
                (ACK, false, 1, 1),
            ] {
                let (from, to) = if turned { (to, from) } else { (from, to) };
                write(&packet(&Segment {
                    from,
                    to,
                    sequence,
                    acknowledged,
                    flags,
                    payload: &[],
                }));
            }
        }
        What::Octets(_) => {
            for (at, payload) in octets.chunks(SEGMENT_OCTETS).enumerate() {
                let before = (at * SEGMENT_OCTETS) as u32;
                write(&packet(&Segment {
                    sequence: sequence.wrapping_add(before),
                    ..segment(PSH | ACK, payload)
                }));
            }
        }
        What::Ended => write(&packet(&segment(FIN | ACK, &[]))),
        What::Reset => write(&packet(&segment(RST | ACK, &[]))),
    }
}

fn packet(segment: &Segment<'_>) -> Vec<u8> {
    let tcp = tcp_segment(segment);
    match (segment.from.ip(), segment.to.ip()) {
        (IpAddr::V4(from), IpAddr::V4(to)) => {
            let total = (20 + tcp.len()) as u16;
            let mut packet = vec![0x45, 0];
            packet.extend_from_slice(&total.to_be_bytes());
            // No identification, do not fragment.
            packet.extend_from_slice(&[0, 0, 0x40, 0, TIME_TO_LIVE, TCP, 0, 0]);
            packet.extend_from_slice(&from.octets());
            packet.extend_from_slice(&to.octets());
            let checksum = checksum(&[&packet]);
            packet[10..12].copy_from_slice(&checksum.to_be_bytes());
            packet.extend_from_slice(&tcp);
            packet
        }
        (from, to) => {
            let mut packet = vec![0x60, 0, 0, 0];
            packet.extend_from_slice(&(tcp.len() as u16).to_be_bytes());
            packet.extend_from_slice(&[TCP, TIME_TO_LIVE]);
            packet.extend_from_slice(&ipv6(from).octets());
            packet.extend_from_slice(&ipv6(to).octets());
            packet.extend_from_slice(&tcp);
            packet
        }
    }
}

fn tcp_segment(segment: &Segment<'_>) -> Vec<u8> {
    let mut tcp = Vec::with_capacity(TCP_HEADER_OCTETS + segment.payload.len());
    tcp.extend_from_slice(&segment.from.port().to_be_bytes());
    tcp.extend_from_slice(&segment.to.port().to_be_bytes());
    tcp.extend_from_slice(&segment.sequence.to_be_bytes());
    tcp.extend_from_slice(&segment.acknowledged.to_be_bytes());
    tcp.extend_from_slice(&[0x50, segment.flags]);
    tcp.extend_from_slice(&WINDOW.to_be_bytes());
    tcp.extend_from_slice(&[0; 4]);
    tcp.extend_from_slice(segment.payload);
    let addresses: Vec<u8> = match (segment.from.ip(), segment.to.ip()) {
        (IpAddr::V4(from), IpAddr::V4(to)) => [from.octets(), to.octets()].concat(),
        (from, to) => [ipv6(from).octets(), ipv6(to).octets()].concat(),
    };
    let protocol_and_length = [0, TCP, (tcp.len() >> 8) as u8, tcp.len() as u8];
    let checksum = checksum(&[&addresses, &protocol_and_length, &tcp]);
    tcp[16..18].copy_from_slice(&checksum.to_be_bytes());
    tcp
}

fn ipv6(address: IpAddr) -> Ipv6Addr {
    match address {
        IpAddr::V4(address) => address.to_ipv6_mapped(),
        IpAddr::V6(address) => address,
    }
}

/// The checksum of RFC 1071. All parts but the last have an even number of octets.
fn checksum(parts: &[&[u8]]) -> u16 {
    let mut sum = 0_u32;
    for pair in parts.iter().flat_map(|part| part.chunks(2)) {
        let low = pair.get(1).copied().unwrap_or(0);
        sum += u32::from(u16::from_be_bytes([pair[0], low]));
    }
    while sum > 0xFFFF {
        sum = (sum & 0xFFFF) + (sum >> 16);
    }
    !(sum as u16)
}

#[cfg(test)]
mod tests {
    use super::super::ring::tests::record;
    use super::*;

    #[test]
    fn a_checksum_over_a_header_with_its_checksum_is_zero() {
        packets(&record(1, 0, 3), b"odd", |packet| {
            assert_eq!(checksum(&[&packet[..20]]), 0);
            let length = (packet.len() - 20) as u8;
            assert_eq!(
                checksum(&[&packet[12..20], &[0, TCP, 0, length], &packet[20..]]),
                0
            );
        });
    }

    #[test]
    fn large_octets_are_cut_and_numbers_go_on_and_wrap() {
        let mut seen = Vec::new();
        let octets = vec![1; 2 * SEGMENT_OCTETS + 1];
        let record = record(1, u64::from(u32::MAX) - 1_460, octets.len());
        packets(&record, &octets, |packet| {
            let sequence: [u8; 4] = packet[24..28].try_into().unwrap();
            seen.push((u32::from_be_bytes(sequence), packet.len() - 40));
        });
        let first = u32::MAX - 1_459;
        assert_eq!(seen, [(first, 1_460), (0, 1_460), (1_460, 1)]);
    }
}
