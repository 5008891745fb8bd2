//! States of a message as receipts name them, in words and as `message_state` (SMPP v3.4 §5.2.28,
//! SMPP v5.0 §4.7.15).

/// State of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum ReceiptState {
    /// Waits for its time (SMPP v5.0).
    Scheduled = 0,
    /// On its way.
    Enroute = 1,
    /// Delivered to the handset.
    Delivered = 2,
    /// Its validity ended.
    Expired = 3,
    /// Deleted.
    Deleted = 4,
    /// Cannot be delivered.
    Undeliverable = 5,
    /// Taken over for the subscriber.
    Accepted = 6,
    /// The SMSC does not know.
    Unknown = 7,
    /// Refused.
    Rejected = 8,
    /// Left out on purpose (SMPP v5.0).
    Skipped = 9,
}

/// Words and their states: those of Appendix B first, then those seen at operators.
const WORDS: [(&str, ReceiptState); 22] = [
    ("DELIVRD", ReceiptState::Delivered),
    ("UNDELIV", ReceiptState::Undeliverable),
    ("EXPIRED", ReceiptState::Expired),
    ("REJECTD", ReceiptState::Rejected),
    ("ACCEPTD", ReceiptState::Accepted),
    ("UNKNOWN", ReceiptState::Unknown),
    ("DELETED", ReceiptState::Deleted),
    ("ENROUTE", ReceiptState::Enroute),
    ("SCHEDLD", ReceiptState::Scheduled),
    ("SKIPPED", ReceiptState::Skipped),
    ("DELIVERED", ReceiptState::Delivered),
    ("UNDELIVERABLE", ReceiptState::Undeliverable),
    ("UNDELIVERED", ReceiptState::Undeliverable),
    ("UNDELIVRD", ReceiptState::Undeliverable),
    ("FAILED", ReceiptState::Undeliverable),
    ("NOROUTE", ReceiptState::Undeliverable),
    ("REJECTED", ReceiptState::Rejected),
    ("BLIST", ReceiptState::Rejected),
    ("DND_REJECTED", ReceiptState::Rejected),
    ("ACCEPTED", ReceiptState::Accepted),
    ("SUBMITD", ReceiptState::Enroute),
    ("SCHEDULED", ReceiptState::Scheduled),
];

impl ReceiptState {
    /// All states by `message_state`.
    pub const ALL: [Self; 10] = [
        Self::Scheduled,
        Self::Enroute,
        Self::Delivered,
        Self::Expired,
        Self::Deleted,
        Self::Undeliverable,
        Self::Accepted,
        Self::Unknown,
        Self::Rejected,
        Self::Skipped,
    ];

    /// The state of a `stat` word; case does not count. Numbers are the operator's own and belong
    /// into its profile, so they are no state here.
    pub fn from_stat(stat: &[u8]) -> Option<Self> {
        let word = WORDS
            .iter()
            .find(|(word, _)| stat.eq_ignore_ascii_case(word.as_bytes()));
        word.map(|(_, state)| *state)
    }

    /// The state of a `message_state` value, 0 to 9.
    pub fn from_message_state(message_state: u8) -> Option<Self> {
        Self::ALL.get(usize::from(message_state)).copied()
    }

    /// The value of `message_state`.
    pub fn message_state(self) -> u8 {
        self as u8
    }

    /// The word of 7 letters.
    pub fn stat(self) -> &'static str {
        let word = WORDS.iter().find(|(_, state)| *state == self);
        word.expect("every state has a word").0
    }

    /// Whether no further receipt is to be expected. [`Self::Accepted`] is not final although the
    /// specification counts it so: operators send it before DELIVRD. [`Self::Unknown`] is not
    /// either, since it tells nothing.
    pub fn is_final(self) -> bool {
        match self {
            Self::Scheduled | Self::Enroute | Self::Accepted | Self::Unknown => false,
            Self::Delivered
            | Self::Expired
            | Self::Deleted
            | Self::Undeliverable
            | Self::Rejected
            | Self::Skipped => true,
        }
    }
}
