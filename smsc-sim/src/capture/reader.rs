//! Reads packets from pcap and pcapng files, of either byte order, one after the other.
//! draft-ietf-opsawg-pcap §4 and 5, draft-ietf-opsawg-pcapng §3 and 4.

use std::fmt;
use std::io::{self, Read};

/// A block or packet of more octets is no capture.
const BLOCK_OCTETS_MAX: u32 = 16 * 1024 * 1024;
/// Interfaces of a section at most.
const INTERFACES_MAX: usize = 1_024;

const SECTION_HEADER_BLOCK: u32 = 0x0A0D_0D0A;
const INTERFACE_DESCRIPTION_BLOCK: u32 = 1;
const SIMPLE_PACKET_BLOCK: u32 = 3;
const ENHANCED_PACKET_BLOCK: u32 = 6;
const BYTE_ORDER_MAGIC: u32 = 0x1A2B_3C4D;
const IF_TSRESOL: u16 = 9;
const PCAP_MAGIC_US: u32 = 0xA1B2_C3D4;
const PCAP_MAGIC_NS: u32 = 0xA1B2_3C4D;

/// A packet as it was captured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Packet {
    /// When, us since 1970.
    pub(crate) at_unix_us: u64,
    /// What its first octets are: a LINKTYPE value.
    pub(crate) link_type: u16,
    /// Its octets, as many as were captured.
    pub(crate) octets: Vec<u8>,
}

/// Why a file cannot be read further.
#[derive(Debug)]
pub enum CaptureError {
    /// The system says so.
    Io(io::Error),
    /// It is no pcap and no pcapng file.
    Format {
        /// Where in the file, in octets.
        offset: u64,
        /// What is wrong there.
        problem: &'static str,
    },
}

impl fmt::Display for CaptureError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => write!(f, "cannot be read: {error}"),
            Self::Format { offset, problem } => write!(f, "at octet {offset}: {problem}"),
        }
    }
}

impl std::error::Error for CaptureError {}

/// The packets of a file.
#[derive(Debug)]
pub(crate) struct PacketReader<R> {
    input: R,
    offset: u64,
    format: Format,
    big_endian: bool,
    interfaces: Vec<Interface>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    Pcap,
    Pcapng,
}

#[derive(Clone, Copy, Debug)]
struct Interface {
    link_type: u16,
    /// Ticks of its clock in a second.
    ticks_per_s: u64,
}

impl<R: Read> PacketReader<R> {
    /// Reads the head of a file.
    pub(crate) fn new(input: R) -> Result<Self, CaptureError> {
        let mut reader = Self {
            input,
            offset: 0,
            format: Format::Pcapng,
            big_endian: false,
            interfaces: Vec::new(),
        };
        let mut magic = [0; 4];
        if !reader.fill(&mut magic)? {
            return Err(reader.wrong("the file is empty"));
        }
        let (little, big) = (u32::from_le_bytes(magic), u32::from_be_bytes(magic));
        reader.big_endian = [PCAP_MAGIC_US, PCAP_MAGIC_NS].contains(&big);
        match if reader.big_endian { big } else { little } {
            SECTION_HEADER_BLOCK => reader.section()?,
            magic @ (PCAP_MAGIC_US | PCAP_MAGIC_NS) => {
                let ticks_per_s = if magic == PCAP_MAGIC_US {
                    1_000_000
                } else {
                    1_000_000_000
                };
                let head = reader.octets(20)?;
                reader.format = Format::Pcap;
                reader.interfaces.push(Interface {
                    // The upper bits tell of checksums behind the packets, which are not used.
                    link_type: reader.u32(&head, 16) as u16,
                    ticks_per_s,
                });
            }
            _ => return Err(reader.wrong("no pcap and no pcapng file starts like this")),
        }
        Ok(reader)
    }

    /// The next packet; `None` at the end.
    pub(crate) fn next(&mut self) -> Result<Option<Packet>, CaptureError> {
        match self.format {
            Format::Pcap => self.next_pcap(),
            Format::Pcapng => self.next_pcapng(),
        }
    }

    fn next_pcap(&mut self) -> Result<Option<Packet>, CaptureError> {
        let mut head = [0; 16];
        if !self.fill(&mut head)? {
            return Ok(None);
        }
        let interface = self.interfaces[0];
        let fraction = u64::from(self.u32(&head, 4)) * 1_000_000 / interface.ticks_per_s;
        let at_unix_us = u64::from(self.u32(&head, 0)) * 1_000_000 + fraction;
        let octets = self.octets(self.u32(&head, 8))?;
        Ok(Some(Packet {
            at_unix_us,
            link_type: interface.link_type,
            octets,
        }))
    }

    fn next_pcapng(&mut self) -> Result<Option<Packet>, CaptureError> {
        loop {
            let mut kind = [0; 4];
            if !self.fill(&mut kind)? {
                return Ok(None);
            }
            // The same in both byte orders, which may change with a section.
            if u32::from_le_bytes(kind) == SECTION_HEADER_BLOCK {
                self.section()?;
                continue;
            }
            let length = self.octets(4)?;
            let length = self.u32(&length, 0);
            let body_octets = length.checked_sub(12).filter(|_| length.is_multiple_of(4));
            let body_octets =
                body_octets.ok_or_else(|| self.wrong("a block has an impossible length"))?;
            let body = self.octets(body_octets)?;
            let again = self.octets(4)?;
            if self.u32(&again, 0) != length {
                return Err(self.wrong("a block's two lengths differ"));
            }
            let packet = match self.u32(&kind, 0) {
                INTERFACE_DESCRIPTION_BLOCK => {
                    self.interface(&body)?;
                    None
                }
                ENHANCED_PACKET_BLOCK => Some(self.enhanced(&body)?),
                SIMPLE_PACKET_BLOCK => Some(self.simple(&body)?),
                _ => None,
            };
            if packet.is_some() {
                return Ok(packet);
            }
        }
    }

    /// A section begins; its type has been read.
    fn section(&mut self) -> Result<(), CaptureError> {
        let head = self.octets(8)?;
        let magic: [u8; 4] = [head[4], head[5], head[6], head[7]];
        self.big_endian = match (u32::from_le_bytes(magic), u32::from_be_bytes(magic)) {
            (BYTE_ORDER_MAGIC, _) => false,
            (_, BYTE_ORDER_MAGIC) => true,
            _ => return Err(self.wrong("a section has no byte order")),
        };
        let rest = self.u32(&head, 0).checked_sub(12);
        let rest = rest.ok_or_else(|| self.wrong("a section has an impossible length"))?;
        self.octets(rest)?;
        self.interfaces.clear();
        Ok(())
    }

    fn interface(&mut self, body: &[u8]) -> Result<(), CaptureError> {
        if body.len() < 8 || self.interfaces.len() >= INTERFACES_MAX {
            return Err(self.wrong("an interface cannot be described like this"));
        }
        let mut ticks_per_s = Some(1_000_000);
        let mut options = &body[8..];
        while options.len() >= 4 {
            let (code, length) = (self.u16(options, 0), usize::from(self.u16(options, 2)));
            let Some(value) = options.get(4..4 + length) else {
                break;
            };
            if let (IF_TSRESOL, [resolution]) = (code, value) {
                let power = u32::from(resolution & 0x7F);
                let base: u64 = if resolution & 0x80 == 0 { 10 } else { 2 };
                ticks_per_s = base.checked_pow(power);
            }
            options = options.get(4 + length.next_multiple_of(4)..).unwrap_or(&[]);
        }
        self.interfaces.push(Interface {
            link_type: self.u16(body, 0),
            ticks_per_s: ticks_per_s
                .ok_or_else(|| self.wrong("an interface has an impossible clock"))?,
        });
        Ok(())
    }

    fn enhanced(&self, body: &[u8]) -> Result<Packet, CaptureError> {
        if body.len() < 20 {
            return Err(self.wrong("a packet is shorter than its head"));
        }
        let interface = self.interfaces.get(self.u32(body, 0) as usize);
        let interface = interface.ok_or_else(|| self.wrong("a packet has no interface"))?;
        let ticks = u64::from(self.u32(body, 4)) << 32 | u64::from(self.u32(body, 8));
        let us = u128::from(ticks) * 1_000_000 / u128::from(interface.ticks_per_s);
        let octets = body[20..].get(..self.u32(body, 12) as usize);
        Ok(Packet {
            at_unix_us: u64::try_from(us).unwrap_or(u64::MAX),
            link_type: interface.link_type,
            octets: octets
                .ok_or_else(|| self.wrong("a packet is longer than its block"))?
                .to_vec(),
        })
    }

    fn simple(&self, body: &[u8]) -> Result<Packet, CaptureError> {
        let (Some(interface), Some(octets)) = (self.interfaces.first(), body.get(4..)) else {
            return Err(self.wrong("a packet has no interface"));
        };
        let length = (self.u32(body, 0) as usize).min(octets.len());
        Ok(Packet {
            at_unix_us: 0,
            link_type: interface.link_type,
            octets: octets[..length].to_vec(),
        })
    }

    /// Fills `octets`; false when there are none left at all.
    fn fill(&mut self, octets: &mut [u8]) -> Result<bool, CaptureError> {
        let mut filled = 0;
        while filled < octets.len() {
            match self.input.read(&mut octets[filled..]) {
                Ok(0) if filled == 0 => return Ok(false),
                Ok(0) => return Err(self.wrong("the file ends in the middle")),
                Ok(count) => {
                    filled += count;
                    self.offset += count as u64;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(CaptureError::Io(error)),
            }
        }
        Ok(true)
    }

    fn octets(&mut self, length: u32) -> Result<Vec<u8>, CaptureError> {
        if length > BLOCK_OCTETS_MAX {
            return Err(self.wrong("a block or packet has more than 16 MiB"));
        }
        let mut octets = vec![0; length as usize];
        if length > 0 && !self.fill(&mut octets)? {
            return Err(self.wrong("the file ends in the middle"));
        }
        Ok(octets)
    }

    fn u16(&self, octets: &[u8], at: usize) -> u16 {
        let two = [octets[at], octets[at + 1]];
        if self.big_endian {
            u16::from_be_bytes(two)
        } else {
            u16::from_le_bytes(two)
        }
    }

    fn u32(&self, octets: &[u8], at: usize) -> u32 {
        let four = [octets[at], octets[at + 1], octets[at + 2], octets[at + 3]];
        if self.big_endian {
            u32::from_be_bytes(four)
        } else {
            u32::from_le_bytes(four)
        }
    }

    const fn wrong(&self, problem: &'static str) -> CaptureError {
        CaptureError::Format {
            offset: self.offset,
            problem,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers in one of the two byte orders.
    #[derive(Clone, Copy)]
    struct Order {
        big: bool,
    }

    impl Order {
        fn u32(self, number: u32) -> [u8; 4] {
            if self.big {
                number.to_be_bytes()
            } else {
                number.to_le_bytes()
            }
        }

        fn u16(self, number: u16) -> [u8; 2] {
            if self.big {
                number.to_be_bytes()
            } else {
                number.to_le_bytes()
            }
        }

        fn block(self, kind: u32, body: &[u8]) -> Vec<u8> {
            let length = self.u32(12 + body.len() as u32);
            [&self.u32(kind)[..], &length, body, &length].concat()
        }

        /// One section with one interface of this clock (10 to the minus `resolution`) and two
        /// packets, the second without a time.
        fn pcapng(self, resolution: u8, ticks: u32) -> Vec<u8> {
            let section = [&self.u32(BYTE_ORDER_MAGIC)[..], &[0; 4], &[0xFF; 8]].concat();
            let mut interface = [&self.u16(101)[..], &[0; 6]].concat();
            interface.extend_from_slice(&self.u16(IF_TSRESOL));
            interface.extend_from_slice(&self.u16(1));
            interface.extend_from_slice(&[resolution, 0, 0, 0, 0, 0, 0, 0]);
            let mut packet = [[0; 4], [0; 4], self.u32(ticks), self.u32(5), self.u32(5)].concat();
            packet.extend_from_slice(b"hello\0\0\0");
            let simple = [&self.u32(2)[..], b"hi\0\0"].concat();
            [
                self.block(SECTION_HEADER_BLOCK, &section),
                self.block(INTERFACE_DESCRIPTION_BLOCK, &interface),
                self.block(0x0BAD, &[1, 2, 3, 4]),
                self.block(ENHANCED_PACKET_BLOCK, &packet),
                self.block(SIMPLE_PACKET_BLOCK, &simple),
            ]
            .concat()
        }

        fn pcap(self, magic: u32, fraction: u32) -> Vec<u8> {
            let head = [self.u32(magic), [0; 4], [0; 4], [0; 4], self.u32(65_535)];
            let packet = [self.u32(7), self.u32(fraction), self.u32(5), self.u32(5)];
            let link_type = self.u32(1);
            [&head.concat()[..], &link_type, &packet.concat(), b"hello"].concat()
        }
    }

    fn read(file: &[u8]) -> Result<Vec<(u64, u16, Vec<u8>)>, CaptureError> {
        let mut reader = PacketReader::new(file)?;
        let mut packets = Vec::new();
        while let Some(packet) = reader.next()? {
            packets.push((packet.at_unix_us, packet.link_type, packet.octets));
        }
        Ok(packets)
    }

    #[test]
    fn both_formats_in_both_byte_orders_with_their_clocks() {
        for big in [false, true] {
            let order = Order { big };
            let hello = b"hello".to_vec();
            for (resolution, ticks) in [(6, 7_000_123), (3, 7_000), (9, 700_000)] {
                let us = u64::from(ticks) * 1_000_000 / 10_u64.pow(resolution.into());
                let expected = [(us, 101, hello.clone()), (0, 101, b"hi".to_vec())];
                let seen = read(&order.pcapng(resolution, ticks)).unwrap();
                assert_eq!(seen, expected, "{big} {resolution}");
            }
            for (magic, fraction) in [(PCAP_MAGIC_US, 123), (PCAP_MAGIC_NS, 123_456)] {
                let seen = read(&order.pcap(magic, fraction)).unwrap();
                assert_eq!(seen, [(7_000_123, 1, hello.clone())], "{big} {magic:x}");
            }
        }
    }

    #[test]
    fn sections_of_both_byte_orders_may_follow_each_other() {
        let file = [
            Order { big: true }.pcapng(6, 1),
            Order { big: false }.pcapng(6, 2),
        ];
        let times: Vec<u64> = read(&file.concat()).unwrap().iter().map(|p| p.0).collect();
        assert_eq!(times, [1, 0, 2, 0]);
    }

    #[test]
    fn a_file_cut_or_spoiled_anywhere_is_an_error_or_shorter_and_never_a_panic() {
        for file in [
            Order { big: true }.pcapng(6, 1),
            Order { big: false }.pcap(PCAP_MAGIC_US, 1),
        ] {
            let whole = read(&file).unwrap().len();
            for at in 0..file.len() {
                let cut = read(&file[..at]);
                assert!(cut.is_err() || cut.unwrap().len() < whole, "{at}");
                let mut spoiled = file.clone();
                spoiled[at] ^= 0xFF;
                // Whatever it is now, it is read or refused.
                let _ = read(&spoiled);
            }
        }
    }
}
