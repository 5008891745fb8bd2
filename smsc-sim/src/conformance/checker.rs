//! Judges one connection from its octets. Pure: octets of both sides and time come in, findings go
//! out.

use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

use bytes::BytesMut;
use signalbox_codec::{
    COMMAND_LENGTH_MAX_BOUND, CommandId, Deviation, Frame, Pdu, Quirks, next_frame,
};

use super::check::{Check, Kind};
use super::exercise::Exercised;
use super::fields;
use crate::capture::Sender;
use crate::words::counted;

/// Open requests of a client, or of the SMSC, that are remembered at most.
const OPEN_MAX: usize = 10_000;
/// How long a client may take to answer before that counts as no answer.
const ANSWER_MAX: Duration = Duration::from_secs(5);
/// interface_version of SMPP v3.4, from which there are optional parameters.
pub(super) const VERSION_3_4: u8 = 0x34;

/// A departure from the specification.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Finding {
    pub(super) kind: Kind,
    /// The value, or what was expected.
    pub(super) detail: String,
    /// The PDU; empty when it is about one that did not come.
    pub(super) pdu: Vec<u8>,
}

/// One connection.
#[derive(Debug)]
pub(super) struct Checker {
    /// Open requests that a client may have.
    window_size: usize,
    up: BytesMut,
    down: BytesMut,
    phase: Phase,
    /// The SMSC has unbound, so the client need not.
    smsc_unbinds: bool,
    system_id: String,
    interface_version: u8,
    last_number: Option<u32>,
    /// Requests without response, of the client and of the SMSC.
    of_client: HashMap<u32, CommandId>,
    of_smsc: HashMap<u32, (CommandId, Instant)>,
    reported: HashSet<Kind>,
    findings: Vec<Finding>,
    /// How often each kind was seen and not taken yet.
    times: HashMap<Kind, u64>,
    exercised: Exercised,
    /// PDUs of the client by command.
    commands: HashMap<CommandId, u64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Open,
    Binding,
    /// What the bind may carry.
    Bound {
        sends: bool,
    },
    Unbound,
    /// The stream cannot be cut into PDUs any more.
    Lost,
}

impl Checker {
    pub(super) fn new(window_size: usize) -> Self {
        Self {
            window_size,
            up: BytesMut::new(),
            down: BytesMut::new(),
            phase: Phase::Open,
            smsc_unbinds: false,
            system_id: String::new(),
            interface_version: VERSION_3_4,
            last_number: None,
            of_client: HashMap::new(),
            of_smsc: HashMap::new(),
            reported: HashSet::new(),
            findings: Vec::new(),
            times: HashMap::new(),
            exercised: Exercised::default(),
            commands: HashMap::new(),
        }
    }

    /// Who is bound; empty before the bind.
    pub(super) fn system_id(&self) -> &str {
        &self.system_id
    }

    /// What was found and not taken yet. Each kind comes once.
    pub(super) fn take_findings(&mut self) -> Vec<Finding> {
        std::mem::take(&mut self.findings)
    }

    /// How often each kind was seen since this was asked last.
    pub(super) fn take_times(&mut self) -> HashMap<Kind, u64> {
        std::mem::take(&mut self.times)
    }

    /// How many PDUs of which command the client has sent.
    pub(super) const fn commands(&self) -> &HashMap<CommandId, u64> {
        &self.commands
    }

    /// The checks that had something to look at.
    pub(super) const fn exercised(&self) -> Exercised {
        self.exercised
    }

    /// Octets went over the wire.
    pub(super) fn heard(&mut self, now: Instant, sender: Sender, octets: &[u8]) {
        match sender {
            Sender::Theirs => {
                let mut input = std::mem::take(&mut self.up);
                input.extend_from_slice(octets);
                self.up = self.cut(input, |checker, frame, octets| {
                    checker.on_client(frame, octets)
                });
            }
            Sender::Ours => {
                let mut output = std::mem::take(&mut self.down);
                output.extend_from_slice(octets);
                self.down = self.cut(output, |checker, frame, _| checker.on_smsc(now, frame));
            }
        }
    }

    /// The connection is over; `by_client`: the client closed it.
    pub(super) fn ended(&mut self, now: Instant, by_client: bool) {
        let bound = matches!(self.phase, Phase::Bound { .. });
        if bound {
            self.exercised.add(Check::MissingUnbind);
        }
        if by_client && bound && !self.smsc_unbinds {
            self.find(Check::MissingUnbind, "the connection was closed", &[]);
        }
        let open: Vec<_> = self.of_smsc.drain().collect();
        for (number, (command_id, since)) in open {
            let check = answer_check(command_id);
            let waited = now.saturating_duration_since(since);
            if waited >= ANSWER_MAX || (check == Check::UnbindUnanswered && by_client) {
                let detail = format!("{command_id} {number} waited for {} s", waited.as_secs());
                self.find(check, &detail, &[]);
            }
        }
    }

    /// Hands on each whole PDU; returns the rest.
    fn cut(
        &mut self,
        octets: BytesMut,
        mut take: impl FnMut(&mut Self, &Frame<'_>, &[u8]),
    ) -> BytesMut {
        let mut rest = &octets[..];
        while self.phase != Phase::Lost {
            match next_frame(rest, COMMAND_LENGTH_MAX_BOUND) {
                Ok(Some(frame)) => {
                    let (pdu, behind) = rest.split_at(frame.header.command_length as usize);
                    take(self, &frame, pdu);
                    rest = behind;
                }
                Ok(None) => return BytesMut::from(rest),
                Err(error) => {
                    self.phase = Phase::Lost;
                    let detail = counted(error.command_length.into(), "octet");
                    let shown = rest.len().min(64);
                    self.find(Check::CommandLength, &detail, &rest[..shown]);
                }
            }
        }
        BytesMut::new()
    }

    fn on_client(&mut self, frame: &Frame<'_>, octets: &[u8]) {
        let command_id = frame.header.command_id;
        let known = command_id.name().is_some();
        let key = if known { command_id } else { CommandId(0) };
        *self.commands.entry(key).or_default() += 1;
        if !known {
            self.find(Check::CommandId, &format!("{command_id}"), octets);
        }
        let decoded = match Pdu::decode_with(frame, Quirks::LENIENT) {
            Ok(decoded) => decoded,
            Err(error) => return self.find(Check::Undecodable, &error.to_string(), octets),
        };
        let bound = matches!(self.phase, Phase::Bound { .. });
        let version = self.interface_version;
        self.exercised
            .by_pdu(frame.header, &decoded.pdu, bound, version);
        for deviation in decoded.deviations.iter() {
            self.find_kind(Kind::Codec(deviation), deviation.meaning(), octets);
        }
        if command_id.is_response() {
            self.on_client_response(frame, &decoded.pdu, octets);
        } else {
            let named = decoded.deviations.contains(Deviation::SequenceNumber);
            self.on_client_request(frame, octets, named);
            self.on_fields(&decoded.pdu, octets);
        }
    }

    fn on_client_request(&mut self, frame: &Frame<'_>, octets: &[u8], number_is_illegal: bool) {
        let header = frame.header;
        let number = header.sequence_number;
        if !header.command_status.is_ok() {
            self.find(
                Check::CommandStatus,
                &header.command_status.to_string(),
                octets,
            );
        }
        match self.last_number {
            _ if number_is_illegal => {}
            None if number != 1 => self.find(Check::SequenceStart, &number.to_string(), octets),
            Some(last) if number <= last && number != 1 => {
                self.find(
                    Check::SequenceOrder,
                    &format!("{number} after {last}"),
                    octets,
                );
            }
            _ => {}
        }
        if !number_is_illegal {
            self.last_number = Some(number);
        }
        self.check_phase(header.command_id, octets);
        if self.of_client.contains_key(&number) {
            self.find(Check::SequenceReused, &number.to_string(), octets);
        } else if self.of_client.len() < OPEN_MAX {
            self.of_client.insert(number, header.command_id);
        }
        if self.of_client.len() > self.window_size {
            let detail = format!("{} of {}", self.of_client.len(), self.window_size);
            self.find(Check::Window, &detail, octets);
        }
        if header.command_id == CommandId::UNBIND {
            self.phase = Phase::Unbound;
        }
    }

    fn check_phase(&mut self, command_id: CommandId, octets: &[u8]) {
        let is_bind = matches!(
            command_id,
            CommandId::BIND_RECEIVER | CommandId::BIND_TRANSMITTER | CommandId::BIND_TRANSCEIVER
        );
        let name = command_id.to_string();
        match self.phase {
            Phase::Open if is_bind => self.phase = Phase::Binding,
            Phase::Open | Phase::Binding => self.find(Check::NotBound, &name, octets),
            Phase::Bound { .. } if is_bind => self.find(Check::BoundTwice, &name, octets),
            Phase::Bound { sends } => {
                let always = matches!(
                    command_id,
                    CommandId::ENQUIRE_LINK | CommandId::UNBIND | CommandId::DATA_SM
                );
                let of_smsc = matches!(
                    command_id,
                    CommandId::DELIVER_SM | CommandId::ALERT_NOTIFICATION | CommandId::OUTBIND
                );
                if of_smsc || !(always || sends) {
                    self.find(Check::BindType, &name, octets);
                }
            }
            Phase::Unbound => self.find(Check::AfterUnbind, &name, octets),
            Phase::Lost => {}
        }
    }

    fn on_fields(&mut self, pdu: &Pdu<'_>, octets: &[u8]) {
        if let Pdu::BindTransmitter(bind) | Pdu::BindReceiver(bind) | Pdu::BindTransceiver(bind) =
            pdu
        {
            self.system_id = bind.system_id.to_latin1();
            self.interface_version = bind.interface_version;
            if bind.interface_version > VERSION_3_4 {
                let detail = format!("{:#04x}", bind.interface_version);
                self.find(Check::InterfaceVersion, &detail, octets);
            }
        }
        let tlvs = match pdu {
            Pdu::SubmitSm(sm) => sm.tlvs.iter().count(),
            Pdu::DataSm(sm) => sm.tlvs.iter().count(),
            Pdu::SubmitMulti(sm) => sm.tlvs.iter().count(),
            _ => 0,
        };
        if self.interface_version < VERSION_3_4 && tlvs > 0 {
            let detail = format!(
                "{tlvs} with interface_version {:#04x}",
                self.interface_version
            );
            self.find(Check::TlvOfOldVersion, &detail, octets);
        }
        fields::check(pdu, &mut |check, detail| self.find(check, &detail, octets));
    }

    fn on_client_response(&mut self, frame: &Frame<'_>, pdu: &Pdu<'_>, octets: &[u8]) {
        let header = frame.header;
        let number = header.sequence_number;
        match self.of_smsc.remove(&number) {
            None if header.command_id == CommandId::GENERIC_NACK => {}
            None => {
                let detail = format!("{} {number}", header.command_id);
                self.find(Check::ResponseUnexpected, &detail, octets);
            }
            Some((request, _)) => {
                let fits = request.response() == header.command_id
                    || header.command_id == CommandId::GENERIC_NACK;
                if !fits {
                    let detail = format!("{} to {request}", header.command_id);
                    self.find(Check::ResponseType, &detail, octets);
                }
            }
        }
        if let Pdu::DeliverSmResp(resp) = pdu
            && let Some(id) = resp.message_id.filter(|id| !id.is_empty())
        {
            self.find(
                Check::DeliverRespId,
                &format!("{:?}", id.to_latin1()),
                octets,
            );
        }
    }

    fn on_smsc(&mut self, now: Instant, frame: &Frame<'_>) {
        let header = frame.header;
        if !header.command_id.is_response() {
            let has_response = !matches!(
                header.command_id,
                CommandId::ALERT_NOTIFICATION | CommandId::OUTBIND
            );
            self.exercised.add(answer_check(header.command_id));
            self.smsc_unbinds |= header.command_id == CommandId::UNBIND;
            if has_response && self.of_smsc.len() < OPEN_MAX {
                self.of_smsc
                    .insert(header.sequence_number, (header.command_id, now));
            }
            return;
        }
        self.of_client.remove(&header.sequence_number);
        let sends = match header.command_id {
            CommandId::BIND_TRANSMITTER_RESP | CommandId::BIND_TRANSCEIVER_RESP => true,
            CommandId::BIND_RECEIVER_RESP => false,
            _ => return,
        };
        if self.phase == Phase::Binding {
            self.phase = match header.command_status.is_ok() {
                true => Phase::Bound { sends },
                false => Phase::Unbound,
            };
        }
    }

    fn find(&mut self, check: Check, detail: &str, pdu: &[u8]) {
        self.find_kind(Kind::Own(check), detail, pdu);
    }

    fn find_kind(&mut self, kind: Kind, detail: &str, pdu: &[u8]) {
        self.exercised.add_kind(kind);
        *self.times.entry(kind).or_default() += 1;
        if self.reported.insert(kind) {
            self.findings.push(Finding {
                kind,
                detail: detail.to_owned(),
                pdu: pdu.to_vec(),
            });
        }
    }
}

/// What is found when a client does not answer such a request.
const fn answer_check(request: CommandId) -> Check {
    match request {
        CommandId::ENQUIRE_LINK => Check::EnquireLinkUnanswered,
        CommandId::UNBIND => Check::UnbindUnanswered,
        _ => Check::DeliverUnanswered,
    }
}
