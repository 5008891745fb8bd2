//! Which PDU may be sent in which state, and by whom: one table for what we send and for what we
//! receive. SMPP v3.4 §2.3; enquire_link outside of a bind and the broadcasts are from v5.0 §2.4.
//! Responses are not in it: they are judged by the request that they answer.

use signalbox_codec::CommandId;

use crate::config::{BindType, Role};
use crate::state::State;

/// Where a request is legal.
#[derive(Clone, Copy)]
struct Rule {
    states: u8,
    senders: u8,
    has_response: bool,
}

const OPEN: u8 = 1;
const TX: u8 = 2;
const RX: u8 = 4;
const TRX: u8 = 8;
const BOUND: u8 = TX | RX | TRX;

const ESME: u8 = 1;
const SMSC: u8 = 2;

/// The table. `None`: nobody knows this request.
const fn rule(command_id: CommandId) -> Option<Rule> {
    let (states, senders, has_response) = match command_id {
        CommandId::SUBMIT_SM
        | CommandId::SUBMIT_MULTI
        | CommandId::QUERY_SM
        | CommandId::CANCEL_SM
        | CommandId::REPLACE_SM
        | CommandId::BROADCAST_SM
        | CommandId::QUERY_BROADCAST_SM
        | CommandId::CANCEL_BROADCAST_SM => (TX | TRX, ESME, true),
        CommandId::DELIVER_SM => (RX | TRX, SMSC, true),
        CommandId::ALERT_NOTIFICATION => (RX | TRX, SMSC, false),
        CommandId::DATA_SM => (BOUND, ESME | SMSC, true),
        CommandId::BIND_RECEIVER | CommandId::BIND_TRANSMITTER | CommandId::BIND_TRANSCEIVER => {
            (OPEN, ESME, true)
        }
        CommandId::OUTBIND => (OPEN, SMSC, false),
        CommandId::UNBIND => (BOUND, ESME | SMSC, true),
        CommandId::ENQUIRE_LINK => (OPEN | BOUND, ESME | SMSC, true),
        _ => return None,
    };
    Some(Rule {
        states,
        senders,
        has_response,
    })
}

/// What the table says of one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It may be sent; `has_response` tells whether it is answered.
    Legal {
        /// Whether it is answered.
        has_response: bool,
    },
    /// Not here, or not by that side.
    Illegal {
        /// Whether it is answered.
        has_response: bool,
    },
    /// No such request.
    Unknown,
}

/// Whether `sender` may send this request. `bind_type` counts in the states where a bind is up.
#[inline]
pub(crate) fn judge(
    sender: Role,
    state: State,
    bind_type: BindType,
    command_id: CommandId,
) -> Verdict {
    let Some(rule) = rule(command_id) else {
        return Verdict::Unknown;
    };
    let state = match state {
        State::Open => OPEN,
        // Between bind and its response only enquire_link makes sense.
        State::Binding if matches!(command_id, CommandId::ENQUIRE_LINK) => OPEN,
        State::Binding | State::Closed => 0,
        State::Bound(_) | State::Unbinding => match bind_type {
            BindType::Transmitter => TX,
            BindType::Receiver => RX,
            BindType::Transceiver => TRX,
        },
    };
    let sender = match sender {
        Role::Esme => ESME,
        Role::Smsc => SMSC,
    };
    let has_response = rule.has_response;
    if rule.states & state != 0 && rule.senders & sender != 0 {
        Verdict::Legal { has_response }
    } else {
        Verdict::Illegal { has_response }
    }
}

/// The bind type that a request asks for; `None` when it is no bind.
pub(crate) const fn bind_type_of(command_id: CommandId) -> Option<BindType> {
    match command_id {
        CommandId::BIND_TRANSMITTER => Some(BindType::Transmitter),
        CommandId::BIND_RECEIVER => Some(BindType::Receiver),
        CommandId::BIND_TRANSCEIVER => Some(BindType::Transceiver),
        _ => None,
    }
}

/// The request of a bind type.
pub(crate) const fn bind_command(bind_type: BindType) -> CommandId {
    match bind_type {
        BindType::Transmitter => CommandId::BIND_TRANSMITTER,
        BindType::Receiver => CommandId::BIND_RECEIVER,
        BindType::Transceiver => CommandId::BIND_TRANSCEIVER,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// SMPP v3.4 §2.3 written out: request, who may send it, and whether it is legal when open,
    /// binding, bound as transmitter, receiver, transceiver.
    const TABLE: &[(&str, &str, &str)] = &[
        ("bind_receiver", "esme", "y----"),
        ("bind_transmitter", "esme", "y----"),
        ("bind_transceiver", "esme", "y----"),
        ("outbind", "smsc", "y----"),
        ("unbind", "both", "--yyy"),
        ("submit_sm", "esme", "--y-y"),
        ("submit_multi", "esme", "--y-y"),
        ("query_sm", "esme", "--y-y"),
        ("cancel_sm", "esme", "--y-y"),
        ("replace_sm", "esme", "--y-y"),
        ("broadcast_sm", "esme", "--y-y"),
        ("query_broadcast_sm", "esme", "--y-y"),
        ("cancel_broadcast_sm", "esme", "--y-y"),
        ("deliver_sm", "smsc", "---yy"),
        ("alert_notification", "smsc", "---yy"),
        ("data_sm", "both", "--yyy"),
        ("enquire_link", "both", "yyyyy"),
    ];

    #[test]
    fn every_request_in_every_state_from_every_side() {
        for (name, senders, states) in TABLE {
            let command_id = CommandId::from_name(name).expect("a name of the specification");
            let has_response = !matches!(*name, "outbind" | "alert_notification");
            for (role, role_name) in [(Role::Esme, "esme"), (Role::Smsc, "smsc")] {
                let columns = [
                    (State::Open, BindType::Transceiver),
                    (State::Binding, BindType::Transceiver),
                    (State::Bound(BindType::Transmitter), BindType::Transmitter),
                    (State::Bound(BindType::Receiver), BindType::Receiver),
                    (State::Bound(BindType::Transceiver), BindType::Transceiver),
                ];
                for ((state, bind_type), column) in columns.into_iter().zip(states.chars()) {
                    let legal = column == 'y' && (*senders == "both" || *senders == role_name);
                    let expected = if legal {
                        Verdict::Legal { has_response }
                    } else {
                        Verdict::Illegal { has_response }
                    };
                    let verdict = judge(role, state, bind_type, command_id);
                    assert_eq!(verdict, expected, "{name} by {role_name} in {state:?}");
                }
                assert_eq!(
                    judge(role, State::Closed, BindType::Transceiver, command_id),
                    Verdict::Illegal { has_response },
                    "{name} when closed"
                );
            }
        }
    }

    #[test]
    fn the_table_knows_no_other_request() {
        let known: Vec<_> = TABLE.iter().map(|row| row.0).collect();
        for command_id in (0..0x2_0000).map(CommandId) {
            let verdict = judge(Role::Esme, State::Open, BindType::Transceiver, command_id);
            let listed = command_id.name().is_some_and(|name| known.contains(&name));
            assert_eq!(verdict != Verdict::Unknown, listed, "{command_id}");
        }
    }
}
