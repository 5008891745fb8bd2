//! What is to happen to a message: its response, its receipts, how it ends. Pure; who decides is in
//! `behaviour.rs`, in the rules, in validity and in the faults, each changing what the one before
//! it said.

use std::time::Duration;

use signalbox_codec::CommandStatus;
use signalbox_codec::receipt::ReceiptState;

use crate::delivery::ReceiptForm;
use crate::fault::ResponseFault;
use crate::ids::IdForm;
use crate::scenario::MoRule;

/// What to do with a message.
#[derive(Clone, Debug)]
pub(crate) struct Decision {
    /// Result in the response.
    pub(crate) command_status: CommandStatus,
    /// When to respond, from the arrival on; `None`: never.
    pub(crate) respond_after: Option<Duration>,
    /// How the message ends, whether or not a receipt tells it.
    pub(crate) outcome: Outcome,
    /// Receipts in their order.
    pub(crate) receipts: Vec<PlannedReceipt>,
    /// No receipt is to come, whatever becomes of the message.
    pub(crate) silent: bool,
    /// A message from a phone that answers. Boxed, because few messages have one and every decision
    /// is moved.
    pub(crate) mo: Option<Box<PlannedMo>>,
    /// What goes wrong with the response on purpose.
    pub(crate) fault: Option<ResponseFault>,
}

/// How a message ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Outcome {
    /// Its last state.
    pub(crate) state: ReceiptState,
    /// The network's reason; 0: none.
    pub(crate) error_code: u16,
    /// From the arrival of the message on.
    pub(crate) after: Duration,
}

/// A receipt to come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PlannedReceipt {
    /// State in it.
    pub(crate) state: ReceiptState,
    /// `err` in its text.
    pub(crate) error_code: u16,
    /// From the arrival of the message on.
    pub(crate) after: Duration,
    /// Whether it precedes a response that is due at the same time.
    pub(crate) before_response: bool,
    /// The form of its id.
    pub(crate) id_form: IdForm,
    /// Whether it is an intermediate notification (esm_class 0x20) and no receipt (0x04).
    pub(crate) intermediate: bool,
    /// Where in the deliver_sm the facts stand.
    pub(crate) form: ReceiptForm,
}

/// A message from a phone that is to come.
#[derive(Clone, Debug)]
pub(crate) struct PlannedMo {
    /// Who says what to whom.
    pub(crate) mo: MoRule,
    /// From the arrival of the message on.
    pub(crate) after: Duration,
}

impl Decision {
    /// The same, with everything but the response that much later.
    pub(crate) fn delivered_later(mut self, by: Duration) -> Self {
        self.outcome.after += by;
        for receipt in &mut self.receipts {
            receipt.after += by;
        }
        self
    }

    /// Delays the response, and with it all that counts from there.
    pub(crate) fn respond_later(&mut self, by: Duration) {
        let Some(respond_after) = &mut self.respond_after else {
            return;
        };
        *respond_after += by;
        let is_early = |receipt: &&PlannedReceipt| receipt.before_response;
        let mut early = self.receipts.iter().filter(is_early);
        // How a message ends may be told before its response.
        if !early.any(|receipt| receipt.after == self.outcome.after) {
            self.outcome.after += by;
        }
        for receipt in self.receipts.iter_mut().filter(|r| !r.before_response) {
            receipt.after += by;
        }
        if let Some(mo) = &mut self.mo {
            mo.after += by;
        }
    }

    /// The same for a message that expires before it is delivered; one that was refused stays so.
    pub(crate) fn expired(mut self, after: Duration, registered_delivery: u8) -> Self {
        if !self.command_status.is_ok() {
            return self;
        }
        self.outcome = Outcome {
            state: ReceiptState::Expired,
            error_code: 0,
            after,
        };
        let first = self.receipts.first();
        let receipt = PlannedReceipt {
            state: ReceiptState::Expired,
            error_code: 0,
            after: after.max(self.respond_after.unwrap_or_default()),
            before_response: false,
            id_form: first.map_or(IdForm::Same, |receipt| receipt.id_form),
            intermediate: false,
            form: first.map_or_else(ReceiptForm::default, |receipt| receipt.form),
        };
        self.receipts.clear();
        if !self.silent && wants_receipt(registered_delivery, ReceiptState::Expired) {
            self.receipts.push(receipt);
        }
        self
    }

    /// Refuses the message instead: nothing follows the response.
    pub(crate) fn refuse(&mut self, command_status: CommandStatus) {
        self.command_status = command_status;
        self.outcome.state = ReceiptState::Rejected;
        self.receipts.clear();
        self.mo = None;
    }

    /// Whether something is to be delivered because of the message.
    #[inline]
    pub(crate) fn is_followed(&self) -> bool {
        !self.receipts.is_empty() || self.mo.is_some()
    }

    /// Whether the client is told that the message was taken.
    pub(crate) fn accepts(&self) -> bool {
        let answered = !matches!(self.fault, Some(ResponseFault::DisconnectBefore(_)));
        self.command_status.is_ok() && self.respond_after.is_some() && answered
    }

    /// The same with ids of this form in the receipts.
    pub(crate) fn with_id_form(mut self, id_form: IdForm) -> Self {
        for receipt in &mut self.receipts {
            receipt.id_form = id_form;
        }
        self
    }

    /// The same with this going wrong.
    pub(crate) fn with_fault(mut self, fault: ResponseFault) -> Self {
        self.fault = Some(fault);
        self
    }
}

/// Bits 1 and 0 of registered_delivery: 0 no receipt, 1 always, 2 on failure, 3 on success (v5.0).
pub(crate) const fn wants_receipt(registered_delivery: u8, state: ReceiptState) -> bool {
    match registered_delivery & 0b11 {
        0 => false,
        1 => true,
        2 => is_failure(state),
        _ => !is_failure(state),
    }
}

const fn is_failure(state: ReceiptState) -> bool {
    matches!(
        state,
        ReceiptState::Expired
            | ReceiptState::Deleted
            | ReceiptState::Undeliverable
            | ReceiptState::Unknown
            | ReceiptState::Rejected
            | ReceiptState::Skipped
    )
}
