//! What the SMSC sends: receipts and mobile-originated messages, within the session's window.

use std::time::Instant;

use signalbox_codec::{CommandId, CommandStatus};
use signalbox_session::{SendError, Session, Token};
use tokio::sync::oneshot;

use super::{Connection, DELIVERIES_MAX, Later, TOKEN_NOBODY};
use crate::delivery::{Delivery, DeliveryError, DeliveryResult, EncodedBody, without_tlvs};

/// From this interface_version on a peer knows optional parameters. SMPP v3.4 §5.2.4.
const INTERFACE_VERSION_TLVS: u8 = 0x34;

impl Connection {
    pub(super) fn deliver_when_due(
        &mut self,
        now: Instant,
        session: &mut Session,
        delivery: Delivery,
    ) {
        if delivery
            .about
            .is_some_and(|about| !self.shared.holds(&about))
        {
            return;
        }
        if delivery.due > self.clock.at(now) {
            self.later.push(delivery.due, Later::Deliver(delivery));
        } else if !self.bound.as_ref().is_some_and(|bound| bound.receives) {
            self.elsewhere.push(delivery);
        } else if self.ready.is_empty() && session.window_free() > 0 {
            self.send(now, session, delivery);
        } else {
            self.ready.push_back(delivery);
        }
    }

    pub(super) fn send(&mut self, now: Instant, session: &mut Session, mut delivery: Delivery) {
        let answer = delivery.answer.take();
        if session.peer_interface_version().unwrap_or(0) < INTERFACE_VERSION_TLVS {
            match without_tlvs(&delivery.body) {
                Some(body) => delivery.body = body,
                None => {
                    let error = DeliveryError::NotEncodable { field: "content" };
                    return self.on_result(answer, Err(error));
                }
            }
        }
        let token = if answer.is_some() {
            self.last_token += 1;
            self.last_token
        } else {
            TOKEN_NOBODY
        };
        let body = EncodedBody {
            command_id: CommandId::DELIVER_SM,
            body: &delivery.body,
        };
        match session.request(now, token, &body) {
            Ok(_) => {
                self.tally.deliveries_sent += 1;
                if let Some(answer) = answer {
                    self.waiting.insert(token, answer);
                }
            }
            // The session is ending; `leave` finds another bind for what was not sent.
            Err(SendError::WindowFull | SendError::NotBound | SendError::NoSuchRequest) => {
                delivery.answer = answer;
                self.ready.push_front(delivery);
            }
        }
    }

    pub(super) fn on_answer(&mut self, token: Token, result: DeliveryResult) {
        let answer = match token {
            TOKEN_NOBODY => None,
            token => self.waiting.remove(&token),
        };
        self.on_result(answer, result);
    }

    fn on_result(
        &mut self,
        answer: Option<oneshot::Sender<DeliveryResult>>,
        result: DeliveryResult,
    ) {
        match result {
            Ok(CommandStatus::ESME_ROK) => self.tally.deliveries_acknowledged += 1,
            _ => self.tally.deliveries_failed += 1,
        }
        if let Some(sender) = answer {
            // Whoever asked may have stopped waiting.
            let _ = sender.send(result);
        }
    }

    pub(super) fn take_mail(&mut self, now: Instant, session: &mut Session) {
        let mail = {
            let room = DELIVERIES_MAX.saturating_sub(self.held());
            let mut registry = self.shared.registry();
            let mail = registry.take_mail(self.id, room);
            self.mail_waiting = registry.has_mail(self.id);
            mail
        };
        for delivery in mail {
            self.deliver_when_due(now, session, delivery);
        }
    }
}
