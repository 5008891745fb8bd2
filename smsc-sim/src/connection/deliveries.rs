//! What the SMSC sends: receipts and mobile-originated messages, within the session's window.

use std::time::Instant;

use signalbox_codec::CommandStatus;
use signalbox_session::{SendError, Session, Token};

use super::{Connection, DELIVERIES_MAX, Later, TOKEN_NOBODY};
use crate::delivery::{DeliverBody, Delivery, DeliveryResult};

impl Connection {
    pub(super) fn deliver_when_due(
        &mut self,
        now: Instant,
        session: &mut Session,
        delivery: Delivery,
    ) {
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
        let token = if answer.is_some() {
            self.last_token += 1;
            self.last_token
        } else {
            TOKEN_NOBODY
        };
        match session.request(now, token, &DeliverBody(&delivery.body)) {
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
        match result {
            Ok(CommandStatus::ESME_ROK) => self.tally.deliveries_acknowledged += 1,
            _ => self.tally.deliveries_failed += 1,
        }
        if token != TOKEN_NOBODY
            && let Some(sender) = self.waiting.remove(&token)
        {
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
