//! Writes pcapng: one section, one interface of raw IP packets, times in us.
//! draft-ietf-opsawg-pcapng §4.1 to 4.3.

use std::io::{self, Write};

use super::packet::packets;
use super::ring::Record;

const SECTION_HEADER_BLOCK: u32 = 0x0A0D_0D0A;
const INTERFACE_DESCRIPTION_BLOCK: u32 = 1;
const ENHANCED_PACKET_BLOCK: u32 = 6;
const BYTE_ORDER_MAGIC: u32 = 0x1A2B_3C4D;
/// Packets start with their IP header.
const LINKTYPE_RAW: u16 = 101;
const OPT_COMMENT: u16 = 1;
const SHB_USERAPPL: u16 = 4;
const IF_NAME: u16 = 2;

/// Writes the head of a file. `comment` is shown with the file's properties.
pub(crate) fn write_head(out: &mut impl Write, comment: &str) -> io::Result<()> {
    let mut section = Vec::new();
    section.extend_from_slice(&BYTE_ORDER_MAGIC.to_le_bytes());
    // Version 1.0; the length of the section is not known.
    section.extend_from_slice(&[1, 0, 0, 0]);
    section.extend_from_slice(&[0xFF; 8]);
    let program = concat!("smsc-sim ", env!("CARGO_PKG_VERSION"));
    option(&mut section, SHB_USERAPPL, program);
    option(&mut section, OPT_COMMENT, comment);
    section.extend_from_slice(&[0; 4]);
    block(out, SECTION_HEADER_BLOCK, &section)?;

    let mut interface = Vec::new();
    interface.extend_from_slice(&LINKTYPE_RAW.to_le_bytes());
    // Reserved, and packets of any length.
    interface.extend_from_slice(&[0; 6]);
    option(&mut interface, IF_NAME, "smsc-sim");
    interface.extend_from_slice(&[0; 4]);
    block(out, INTERFACE_DESCRIPTION_BLOCK, &interface)
}

/// Writes the packets of a record with these octets.
pub(crate) fn write_record(out: &mut impl Write, record: &Record, octets: &[u8]) -> io::Result<()> {
    let mut result = Ok(());
    packets(record, octets, |packet| {
        if result.is_ok() {
            result = write_packet(out, record.at_unix_us, packet);
        }
    });
    result
}

fn write_packet(out: &mut impl Write, at_unix_us: u64, packet: &[u8]) -> io::Result<()> {
    let length = (packet.len() as u32).to_le_bytes();
    let mut body = Vec::with_capacity(20 + packet.len() + 3);
    // The only interface.
    body.extend_from_slice(&[0; 4]);
    body.extend_from_slice(&((at_unix_us >> 32) as u32).to_le_bytes());
    body.extend_from_slice(&(at_unix_us as u32).to_le_bytes());
    body.extend_from_slice(&length);
    body.extend_from_slice(&length);
    body.extend_from_slice(packet);
    pad(&mut body);
    block(out, ENHANCED_PACKET_BLOCK, &body)
}

fn block(out: &mut impl Write, kind: u32, body: &[u8]) -> io::Result<()> {
    let length = (12 + body.len() as u32).to_le_bytes();
    out.write_all(&kind.to_le_bytes())?;
    out.write_all(&length)?;
    out.write_all(body)?;
    out.write_all(&length)
}

fn option(body: &mut Vec<u8>, code: u16, text: &str) {
    body.extend_from_slice(&code.to_le_bytes());
    body.extend_from_slice(&(text.len() as u16).to_le_bytes());
    body.extend_from_slice(text.as_bytes());
    pad(body);
}

/// Everything in a block is a multiple of four octets.
fn pad(body: &mut Vec<u8>) {
    body.resize(body.len().next_multiple_of(4), 0);
}
