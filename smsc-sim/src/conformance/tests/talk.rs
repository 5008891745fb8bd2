//! What a client and the SMSC say to each other, as a checker hears it.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use bytes::BytesMut;
use signalbox_codec::pdu::{Bind, BindResp};
use signalbox_codec::{COctetStr, CommandStatus, Encode, Pdu, encode_pdu};

use super::super::checker::Checker;
use crate::capture::Sender;

/// A conversation: the client's requests are numbered from 1 on.
pub(super) struct Talk {
    pub(super) checker: Checker,
    now: Instant,
    /// Of the last request.
    pub(super) number: u32,
}

impl Talk {
    pub(super) fn new() -> Self {
        Self {
            checker: Checker::new(2),
            now: Instant::now(),
            number: 0,
        }
    }

    /// With a bound transceiver.
    pub(super) fn bound() -> Self {
        let mut talk = Self::new();
        talk.bind(0x34);
        talk
    }

    pub(super) fn bind(&mut self, interface_version: u8) {
        self.ask(&Pdu::BindTransceiver(Bind {
            system_id: text("esme"),
            interface_version,
            ..Bind::default()
        }));
        self.answer(&Pdu::BindTransceiverResp(BindResp::default()));
    }

    pub(super) fn client(&mut self, octets: &[u8]) {
        self.checker.heard(self.now, Sender::Theirs, octets);
    }

    pub(super) fn ask(&mut self, pdu: &impl Encode) {
        self.number += 1;
        self.client(&octets(pdu, CommandStatus::ESME_ROK, self.number));
    }

    /// Asks, and is answered.
    pub(super) fn say(&mut self, pdu: &Pdu<'_>) {
        self.ask(pdu);
        let command_id = pdu.command_id().response();
        self.answer(&Pdu::Raw {
            command_id,
            body: &[],
        });
    }

    /// The response of the SMSC to the last request.
    pub(super) fn answer(&mut self, pdu: &impl Encode) {
        self.smsc(pdu, self.number);
    }

    pub(super) fn smsc(&mut self, pdu: &impl Encode, number: u32) {
        let octets = octets(pdu, CommandStatus::ESME_ROK, number);
        self.checker.heard(self.now, Sender::Ours, &octets);
    }

    pub(super) fn wait(&mut self) {
        self.now += Duration::from_secs(60);
    }

    pub(super) fn end(mut self) -> BTreeSet<&'static str> {
        self.checker.ended(self.now, true);
        let findings = self.checker.take_findings();
        findings.iter().map(|finding| finding.kind.name()).collect()
    }
}

pub(super) fn octets(pdu: &impl Encode, status: CommandStatus, number: u32) -> BytesMut {
    let mut octets = BytesMut::new();
    encode_pdu(pdu, status, number, &mut octets);
    octets
}

pub(super) fn text(text: &str) -> COctetStr<'_> {
    COctetStr::new(text.as_bytes()).unwrap()
}
