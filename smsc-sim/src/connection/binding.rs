//! Binds: judged by the accounts and the active faults, answered at once or later.
//! SMPP v3.4 §4.1.

use std::sync::Arc;
use std::time::Instant;

use signalbox_codec::pdu::{Bind, BindResp};
use signalbox_codec::{COctetStr, CommandStatus, Tag, TlvBuf};
use signalbox_session::{BindType, Session};

use super::{Bound, Connection, Later};
use crate::events::What;

/// sc_interface_version of the bind response, and what a peer of SMPP v5.0 is told. SMPP v3.4
/// §5.3.2.25.
const SC_INTERFACE_VERSION: u8 = 0x34;
const SC_INTERFACE_VERSION_5: u8 = 0x50;

/// The answer to a bind.
#[derive(Debug)]
pub(super) struct BindAnswer {
    sequence_number: u32,
    bind_type: BindType,
    interface_version: u8,
    system_id: Arc<str>,
    command_status: CommandStatus,
}

impl Connection {
    pub(super) fn on_bind(
        &mut self,
        now: Instant,
        session: &mut Session,
        sequence_number: u32,
        bind_type: BindType,
        bind: &Bind<'_>,
    ) {
        let faults = &self.faults.session;
        let delay = faults.bind_delay;
        let judged = || self.shared.settings.judge_bind(bind);
        let answer = BindAnswer {
            sequence_number,
            bind_type,
            interface_version: bind.interface_version,
            system_id: Arc::from(bind.system_id.to_latin1()),
            command_status: faults.bind_status.unwrap_or_else(judged),
        };
        if delay.is_zero() {
            self.answer_bind(now, session, answer);
        } else {
            self.later
                .push(self.clock.at(now) + delay, Later::AnswerBind(answer));
        }
    }

    pub(super) fn answer_bind(&mut self, now: Instant, session: &mut Session, answer: BindAnswer) {
        let mut tlvs = TlvBuf::new();
        let mut resp = BindResp::default();
        let command_status = answer.command_status;
        if command_status.is_ok() {
            let version = match answer.interface_version {
                SC_INTERFACE_VERSION_5.. => SC_INTERFACE_VERSION_5,
                _ => SC_INTERFACE_VERSION,
            };
            tlvs.push_u8(Tag::SC_INTERFACE_VERSION, version);
            resp.system_id = COctetStr::new(self.shared.settings.system_id.as_bytes());
            resp.tlvs = tlvs.as_tlvs();
        }
        let number = answer.sequence_number;
        if let Err(error) = session.respond_bind(now, number, command_status, &resp) {
            tracing::debug!(session = self.id, %error, "the peer did not wait for its bind");
            return;
        }
        let (system_id, bind_type) = (answer.system_id, answer.bind_type);
        if !command_status.is_ok() {
            self.tally.binds_refused += 1;
            tracing::info!(session = self.id, status = %command_status, "bind refused");
            let refused = What::BindRefused {
                system_id,
                command_status,
            };
            return self.tell(now, refused);
        }
        self.tally.binds += 1;
        tracing::info!(session = self.id, %system_id, ?bind_type, "bound");
        let bound = What::Bound {
            system_id: Arc::clone(&system_id),
            bind_type,
        };
        self.tell(now, bound);
        self.bound = Some(Bound {
            ordinal: self.shared.registry().bind(self.id, &system_id, bind_type),
            receives: bind_type != BindType::Transmitter,
            system_id,
        });
    }
}
