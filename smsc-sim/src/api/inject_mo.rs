//! `GET /inject_mo` with the field names of SMPPSim's form, for tests that were written for it.

use std::collections::BTreeMap;

use axum::extract::State;

use super::parameters::Parameters;
use super::problem::Problem;
use crate::control::Control;
use crate::delivery::Mo;

/// Fields of the form that say what this simulator says by itself; they may be there.
const WITHOUT_EFFECT: [&str; 10] = [
    "service_type",
    "source_addr_ton",
    "source_addr_npi",
    "dest_addr_ton",
    "dest_addr_npi",
    "protocol_ID",
    "priority_flag",
    "registered_delivery_flag",
    "submit",
    "user_message_reference",
];
/// data_coding of UCS-2.
const DATA_CODING_UCS2: u8 = 8;

/// `GET /inject_mo?short_message=&source_addr=&destination_addr=&data_coding=&esm_class=`: sends a
/// message from a phone and answers when it was acknowledged. Empty fields count as absent.
pub(crate) async fn inject(
    State(control): State<Control>,
    Parameters(mut query): Parameters,
) -> Result<&'static str, Problem> {
    if !control.settings().inject_mo {
        return Err(Problem::not_found(
            "start with --compat smppsim to have this",
        ));
    }
    query.retain(|name, value| !value.is_empty() && !WITHOUT_EFFECT.contains(&name.as_str()));
    let from = query.remove("source_addr").unwrap_or_default();
    let to = query.remove("destination_addr").unwrap_or_default();
    let text = query.remove("short_message").unwrap_or_default();
    let data_coding = number(&mut query, "data_coding")?;
    let esm_class = number(&mut query, "esm_class")?;
    if let Some((name, _)) = query.pop_first() {
        return Err(Problem::no_parameter(&name));
    }
    for mo in messages(&from, &to, &text, data_coding, esm_class)? {
        control.inject_mo(&mo).await?;
    }
    Ok("Message injected\n")
}

fn messages(
    from: &str,
    to: &str,
    text: &str,
    data_coding: Option<u8>,
    esm_class: Option<u8>,
) -> Result<Vec<Mo>, Problem> {
    let content = match data_coding {
        None | Some(0) => {
            let mut messages = Mo::text(from, to, text)
                .map_err(|error| Problem::field("short_message", error.to_string()))?;
            for mo in &mut messages {
                mo.esm_class |= esm_class.unwrap_or(0);
            }
            return Ok(messages);
        }
        Some(DATA_CODING_UCS2) => text.encode_utf16().flat_map(u16::to_be_bytes).collect(),
        Some(_) => text.as_bytes().to_vec(),
    };
    Ok(vec![Mo {
        from: from.to_owned(),
        to: to.to_owned(),
        data_coding: data_coding.unwrap_or(0),
        esm_class: esm_class.unwrap_or(0),
        content,
        system_id: None,
    }])
}

/// A number from 0 to 255, decimal or 0x….
fn number(query: &mut BTreeMap<String, String>, name: &str) -> Result<Option<u8>, Problem> {
    let Some(text) = query.remove(name) else {
        return Ok(None);
    };
    let number = match text.strip_prefix("0x") {
        Some(digits) => u8::from_str_radix(digits, 16),
        None => text.parse(),
    };
    number
        .map(Some)
        .map_err(|_| Problem::field(name, format!("{text:?} is no number from 0 to 255")))
}
