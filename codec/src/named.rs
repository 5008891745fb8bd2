//! Builds a PDU from fields given by name, as tools read them: the reverse of
//! [`inspect`](crate::inspect()).

use std::fmt;

use crate::command::CommandId;
use crate::fields::{FieldPass, FillPass};
use crate::inspect::Value;
use crate::pdu::{DestAddresses, Pdu, ShortMessage, UnsuccessSmes};
use crate::string::COctetStr;
use crate::tlv::Tlvs;

/// A field that cannot be put into the PDU.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldError {
    /// The field, by its name.
    pub field: String,
    /// What is wrong with it.
    pub reason: FieldReason,
}

/// What is wrong with a named field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FieldReason {
    /// This PDU has no such field, or it is named twice.
    Unknown,
    /// The value is of another kind.
    Kind {
        /// What it has to be, in words.
        expected: &'static str,
    },
    /// An integer that does not fit its field.
    Value {
        /// The value.
        value: u32,
        /// The largest one.
        value_max: u32,
    },
    /// More octets than the field can hold.
    TooLong {
        /// Octets given.
        octets: usize,
        /// Most octets.
        octets_max: usize,
    },
    /// A length or count that is not that of what it counts.
    Count {
        /// What was given.
        declared: u32,
        /// What it has to be.
        actual: u8,
    },
}

impl fmt::Display for FieldError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.field)?;
        match self.reason {
            FieldReason::Unknown => write!(f, "this PDU has no such field, or it is named twice"),
            FieldReason::Kind { expected } => write!(f, "must be {expected}"),
            FieldReason::Value { value, value_max } => {
                write!(f, "{value} is above {value_max}")
            }
            FieldReason::TooLong { octets, octets_max } => {
                write!(f, "{octets} octets, at most {octets_max} are allowed")
            }
            FieldReason::Count { declared, actual } => write!(f, "{declared} is not {actual}"),
        }
    }
}

impl std::error::Error for FieldError {}

impl<'a> Pdu<'a> {
    /// Builds the PDU of that command_id from named values. What is not named is 0 or empty; a
    /// response for which nothing is named has no body; lengths and counts (`sm_length`) follow
    /// from what they count and need not be named. Lengths beyond the specification's are allowed
    /// where the wire can carry them, so that deviations can be made. `body` alone stands for all
    /// that follows the header; for an id that is not known there is no other name.
    ///
    /// # Errors
    /// [`FieldError`] for a name that this PDU has not, or a value that does not fit.
    pub fn from_fields(
        command_id: CommandId,
        fields: &[(&str, Value<'a>)],
        tlvs: Tlvs<'a>,
    ) -> Result<Self, FieldError> {
        if let [("body", Value::Octets(body))] = *fields
            && tlvs.is_empty()
        {
            return Ok(Self::Raw { command_id, body });
        }
        let mut named = Named {
            fields,
            tlvs,
            used: vec![false; fields.len()],
        };
        let pdu = Self::build(command_id, &[], &mut named)?;
        match named.first_unused() {
            Some(name) => Err(unknown(name)),
            None => Ok(pdu),
        }
    }
}

/// Fields by name. PDUs have at most 19, so looking through all of them for each is fine.
#[derive(Debug)]
struct Named<'n, 'a> {
    fields: &'n [(&'n str, Value<'a>)],
    tlvs: Tlvs<'a>,
    used: Vec<bool>,
}

impl<'n, 'a> Named<'n, 'a> {
    fn take(&mut self, name: &str) -> Option<Value<'a>> {
        let index = self.fields.iter().position(|(given, _)| *given == name)?;
        self.used[index] = true;
        Some(self.fields[index].1)
    }

    fn take_number(&mut self, name: &'static str) -> Result<Option<u8>, FieldError> {
        match self.take(name) {
            None => Ok(None),
            Some(Value::Integer(value)) => match u8::try_from(value) {
                Ok(value) => Ok(Some(value)),
                Err(_) => Err(error(
                    name,
                    FieldReason::Value {
                        value,
                        value_max: u32::from(u8::MAX),
                    },
                )),
            },
            Some(_) => Err(kind(name, "an integer")),
        }
    }

    /// A length or count that was named has to be the right one.
    fn check_count(&mut self, name: &'static str, actual: u8) -> Result<(), FieldError> {
        match self.take_number(name)? {
            Some(declared) if declared != actual => Err(error(
                name,
                FieldReason::Count {
                    declared: u32::from(declared),
                    actual,
                },
            )),
            _ => Ok(()),
        }
    }

    /// A name that the PDU has not, or not twice.
    fn first_unused(&self) -> Option<&'n str> {
        let index = self.used.iter().position(|used| !used)?;
        Some(self.fields[index].0)
    }
}

impl<'a> FillPass<'a> for Named<'_, 'a> {
    type Refusal = FieldError;

    fn refusal(&mut self, error: FieldError) -> FieldError {
        error
    }
}

impl<'a> FieldPass<'a> for Named<'_, 'a> {
    type Error = FieldError;

    fn body(&mut self, _first: &'static str, _present: bool) -> Result<bool, FieldError> {
        Ok(!self.fields.is_empty() || !self.tlvs.is_empty())
    }

    fn string(
        &mut self,
        name: &'static str,
        _octets_max: usize,
        value: &mut COctetStr<'a>,
    ) -> Result<(), FieldError> {
        match self.take(name) {
            None => {}
            Some(Value::String(string)) => *value = string,
            Some(_) => return Err(kind(name, "a string")),
        }
        Ok(())
    }

    fn last_string(
        &mut self,
        name: &'static str,
        octets_max: usize,
        value: &mut COctetStr<'a>,
    ) -> Result<(), FieldError> {
        self.string(name, octets_max, value)
    }

    fn time(&mut self, name: &'static str, value: &mut COctetStr<'a>) -> Result<(), FieldError> {
        self.string(name, 17, value)
    }

    fn numbers<const N: usize>(
        &mut self,
        names: [&'static str; N],
        values: [&mut u8; N],
    ) -> Result<(), FieldError> {
        for (name, value) in names.into_iter().zip(values) {
            if let Some(number) = self.take_number(name)? {
                *value = number;
            }
        }
        Ok(())
    }

    fn short_message(&mut self, value: &mut ShortMessage<'a>) -> Result<(), FieldError> {
        let octets = match self.take("short_message") {
            None => &[],
            Some(Value::Octets(octets)) => octets,
            Some(_) => return Err(kind("short_message", "octets")),
        };
        let Some(short_message) = ShortMessage::new(octets) else {
            return Err(error(
                "short_message",
                FieldReason::TooLong {
                    octets: octets.len(),
                    octets_max: crate::pdu::SHORT_MESSAGE_OCTETS_MAX,
                },
            ));
        };
        *value = short_message;
        self.check_count("sm_length", short_message.sm_length())
    }

    fn dest_addresses(&mut self, value: &mut DestAddresses<'a>) -> Result<(), FieldError> {
        match self.take("dest_addresses") {
            None => {}
            Some(Value::DestAddresses(dest_addresses)) => *value = dest_addresses,
            Some(_) => return Err(kind("dest_addresses", "a list of recipients")),
        }
        self.check_count("number_of_dests", value.count())
    }

    fn unsuccess_smes(&mut self, value: &mut UnsuccessSmes<'a>) -> Result<(), FieldError> {
        match self.take("unsuccess_smes") {
            None => {}
            Some(Value::UnsuccessSmes(unsuccess_smes)) => *value = unsuccess_smes,
            Some(_) => return Err(kind("unsuccess_smes", "a list of refused recipients")),
        }
        self.check_count("no_unsuccess", value.count())
    }

    fn tlvs(&mut self, value: &mut Tlvs<'a>) -> Result<(), FieldError> {
        *value = self.tlvs;
        Ok(())
    }

    fn stray_tlvs(&mut self, value: &mut Tlvs<'a>) -> Result<(), FieldError> {
        self.tlvs(value)
    }
}

fn error(field: &str, reason: FieldReason) -> FieldError {
    FieldError {
        field: field.to_owned(),
        reason,
    }
}

fn kind(field: &str, expected: &'static str) -> FieldError {
    error(field, FieldReason::Kind { expected })
}

fn unknown(field: &str) -> FieldError {
    error(field, FieldReason::Unknown)
}
