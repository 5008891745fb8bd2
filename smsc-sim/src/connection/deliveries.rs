//! What the SMSC sends: receipts and mobile-originated messages, within the session's window.

use std::time::Instant;

use signalbox_codec::{CommandId, CommandStatus};
use signalbox_session::{SendError, Session, Token};
use tokio::sync::oneshot;

use super::{Connection, DELIVERIES_MAX, Later, TOKEN_NOBODY, Waiting};
use crate::delivery::{
    Delivery, DeliveryError, DeliveryResult, EncodedBody, SentReceipt, without_tlvs,
};
use crate::events::DeliveryEvent;
use crate::ids::{IdStyle, MessageId};

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
        if delivery.due > self.at(now) {
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
                    let waiting = Waiting::new(&delivery, answer);
                    return self.on_result(now, waiting, Err(error));
                }
            }
        }
        let about = delivery.about.map(|about| about.id);
        let to_many = delivery.about.is_some_and(|about| about.to_many);
        let is_waited_for = answer.is_some() || to_many;
        let token = match (is_waited_for, about) {
            (true, _) => {
                self.last_token += 1;
                self.last_token
            }
            (false, Some((id, style))) => id.packed(style),
            (false, None) => TOKEN_NOBODY,
        };
        let body = EncodedBody {
            command_id: CommandId::DELIVER_SM,
            body: &delivery.body,
        };
        match session.request(now, token, &body) {
            Ok(_) => {
                self.tally.deliveries_sent += 1;
                self.note(now, about, SentReceipt::of(&delivery), None);
                if is_waited_for {
                    let waiting = Waiting::new(&delivery, answer);
                    self.waiting.insert(token, waiting);
                }
            }
            // The session is ending; `leave` finds another bind for what was not sent.
            Err(SendError::WindowFull | SendError::NotBound | SendError::NoSuchRequest) => {
                delivery.answer = answer;
                self.ready.push_front(delivery);
            }
        }
    }

    pub(super) fn on_answer(&mut self, now: Instant, token: Token, result: DeliveryResult) {
        let about = MessageId::unpacked(token);
        let waiting = match about {
            None if token != TOKEN_NOBODY => self.waiting.remove(&token),
            _ => None,
        };
        let nobody = Waiting {
            about,
            receipt: None,
            answer: None,
        };
        self.on_result(now, waiting.unwrap_or(nobody), result);
    }

    /// Keeps what became of a delivery for those who follow; nothing when no messages are kept.
    fn note(
        &mut self,
        now: Instant,
        about: Option<(MessageId, IdStyle)>,
        receipt: Option<SentReceipt>,
        result: Option<DeliveryResult>,
    ) {
        if self.shared.settings.record_messages_max > 0 {
            let at = self.at(now);
            let event = DeliveryEvent {
                at,
                about,
                receipt,
                result,
            };
            self.delivery_events.push(event);
        }
    }

    fn on_result(&mut self, now: Instant, waiting: Waiting, result: DeliveryResult) {
        self.note(now, waiting.about, waiting.receipt, Some(result));
        match result {
            Ok(CommandStatus::ESME_ROK) => self.tally.deliveries_acknowledged += 1,
            _ => self.tally.deliveries_failed += 1,
        }
        if let Some(sender) = waiting.answer {
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

impl Waiting {
    fn new(delivery: &Delivery, answer: Option<oneshot::Sender<DeliveryResult>>) -> Self {
        Self {
            about: delivery.about.map(|about| about.id),
            receipt: SentReceipt::of(delivery),
            answer,
        }
    }
}
