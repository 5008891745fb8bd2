//! What an operator means by its codes, where it differs from the specification. A profile is a
//! file that ships with Signalbox or is written by the user; here it is a plain value.

use std::collections::BTreeMap;

use signalbox_codec::CommandStatus;

/// What to do when a provider answers with a status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Try again by the retry schedule, or after the time given.
    Retry {
        /// Milliseconds until the next attempt; `None`: the schedule decides.
        after_ms: Option<u64>,
    },
    /// Back to the front of the queue; the closed loop lowers the rate.
    SlowDown,
    /// The next provider of the route may take it.
    NextRoute,
    /// Back to the front of the queue; nothing goes to this provider for a while.
    ParkRoute {
        /// Milliseconds without any message.
        pause_ms: u64,
    },
    /// Nobody will take it.
    Permanent,
}

/// How an operator's account behaves.
#[derive(Clone, Debug, PartialEq)]
pub struct Profile {
    /// Name, for logs and status.
    pub name: String,
    /// Statuses that mean something else than the built-in table says. Default none.
    pub statuses: BTreeMap<u32, Action>,
    /// Names of the `err` codes of receipts, as they stand in the text (`"027"`). Default none.
    pub receipt_errors: BTreeMap<String, String>,
    /// Time until the next attempt after a status that concerns the bind and not the message
    /// (wrong password, system_id, system_type). Default 60 s.
    pub bind_status_retry_ms: u64,
}

impl Default for Profile {
    fn default() -> Self {
        Self {
            name: "standard".to_owned(),
            statuses: BTreeMap::new(),
            receipt_errors: BTreeMap::new(),
            bind_status_retry_ms: 60_000,
        }
    }
}

impl Profile {
    /// What `command_status` asks for. Not for `ESME_ROK`.
    #[must_use]
    pub fn action(&self, command_status: CommandStatus) -> Action {
        if let Some(action) = self.statuses.get(&command_status.0) {
            return *action;
        }
        match built_in(command_status) {
            Class::Temporary => Action::Retry { after_ms: None },
            Class::Rate => Action::SlowDown,
            Class::Bind => Action::Retry {
                after_ms: Some(self.bind_status_retry_ms),
            },
            Class::Permanent => Action::Permanent,
        }
    }
}

/// What the specification's codes mean for a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Class {
    Temporary,
    Rate,
    Bind,
    Permanent,
}

/// SMPP v3.4 §5.1.3, SMPP v5.0 §4.7.6. Reserved, vendor and unknown values are temporary: a
/// message is not given up for a reason that nobody knows.
const fn built_in(command_status: CommandStatus) -> Class {
    match command_status {
        CommandStatus::ESME_RTHROTTLED | CommandStatus::ESME_RMSGQFUL => Class::Rate,
        CommandStatus::ESME_RSYSERR | CommandStatus::ESME_RX_T_APPN => Class::Temporary,
        CommandStatus::ESME_RBINDFAIL
        | CommandStatus::ESME_RINVPASWD
        | CommandStatus::ESME_RINVSYSID
        | CommandStatus::ESME_RINVSYSTYP => Class::Bind,
        // ESME_RUNKNOWNERR, ESME_RSERTYPUNAVAIL
        CommandStatus(0xFF | 0x102) => Class::Temporary,
        CommandStatus(
            0x01..=0x07
            | 0x0A..=0x0C
            | 0x11
            | 0x13
            | 0x15
            | 0x33..=0x34
            | 0x40
            | 0x42..=0x45
            | 0x48..=0x49
            | 0x50..=0x51
            | 0x54..=0x55
            | 0x61..=0x63
            | 0x65..=0x67
            | 0xC0..=0xC4
            | 0xFE
            | 0x100..=0x112,
        ) => Class::Permanent,
        CommandStatus(_) => Class::Temporary,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The table of statuses, row by row: value, class (T temporary, S slow down, B bind, P
    /// permanent).
    const ROWS: &[(u32, char)] = &[
        (0x01, 'P'),
        (0x02, 'P'),
        (0x03, 'P'),
        (0x04, 'P'),
        (0x05, 'P'),
        (0x06, 'P'),
        (0x07, 'P'),
        (0x08, 'T'),
        (0x0A, 'P'),
        (0x0B, 'P'),
        (0x0C, 'P'),
        (0x0D, 'B'),
        (0x0E, 'B'),
        (0x0F, 'B'),
        (0x11, 'P'),
        (0x13, 'P'),
        (0x14, 'S'),
        (0x15, 'P'),
        (0x33, 'P'),
        (0x34, 'P'),
        (0x40, 'P'),
        (0x42, 'P'),
        (0x43, 'P'),
        (0x44, 'P'),
        (0x45, 'P'),
        (0x48, 'P'),
        (0x49, 'P'),
        (0x50, 'P'),
        (0x51, 'P'),
        (0x53, 'B'),
        (0x54, 'P'),
        (0x55, 'P'),
        (0x58, 'S'),
        (0x61, 'P'),
        (0x62, 'P'),
        (0x63, 'P'),
        (0x64, 'T'),
        (0x65, 'P'),
        (0x66, 'P'),
        (0x67, 'P'),
        (0xC0, 'P'),
        (0xC1, 'P'),
        (0xC2, 'P'),
        (0xC3, 'P'),
        (0xC4, 'P'),
        (0xFE, 'P'),
        (0xFF, 'T'),
        (0x100, 'P'),
        (0x101, 'P'),
        (0x102, 'T'),
        (0x103, 'P'),
        (0x104, 'P'),
        (0x105, 'P'),
        (0x106, 'P'),
        (0x107, 'P'),
        (0x108, 'P'),
        (0x109, 'P'),
        (0x10A, 'P'),
        (0x10B, 'P'),
        (0x10C, 'P'),
        (0x10D, 'P'),
        (0x10E, 'P'),
        (0x10F, 'P'),
        (0x110, 'P'),
        (0x111, 'P'),
        (0x112, 'P'),
    ];

    #[test]
    fn every_status_of_the_specification() {
        let profile = Profile::default();
        for (value, class) in ROWS {
            let expected = match class {
                'P' => Action::Permanent,
                'S' => Action::SlowDown,
                'B' => Action::Retry {
                    after_ms: Some(60_000),
                },
                _ => Action::Retry { after_ms: None },
            };
            assert_eq!(
                profile.action(CommandStatus(*value)),
                expected,
                "{value:#x}"
            );
        }
    }

    #[test]
    fn what_nobody_knows_is_temporary() {
        let listed: Vec<u32> = ROWS.iter().map(|(value, _)| *value).collect();
        let unknown = (1..0x600)
            .chain([0xFFFF_FFFF])
            .filter(|value| !listed.contains(value));
        for value in unknown {
            let action = Profile::default().action(CommandStatus(value));
            assert_eq!(action, Action::Retry { after_ms: None }, "{value:#x}");
        }
    }

    #[test]
    fn the_profile_comes_first() {
        let actions = [
            (0x0B, Action::NextRoute),
            (
                0x45,
                Action::Retry {
                    after_ms: Some(5_000),
                },
            ),
            (0x58, Action::ParkRoute { pause_ms: 1_000 }),
            (0x401, Action::Permanent),
        ];
        let profile = Profile {
            statuses: actions.into_iter().collect(),
            ..Profile::default()
        };
        for (value, action) in actions {
            assert_eq!(profile.action(CommandStatus(value)), action);
        }
    }
}
