//! What an ESME asks about its messages, and an SMSC that takes its time with them.

use std::time::Duration;

use signalbox_codec::pdu::{CancelSm, QuerySm, QuerySmResp};
use signalbox_codec::{COctetStr, CommandId, CommandStatus, Pdu};
use smsc_sim::Smsc;

use super::Client;

/// 2026-01-01T00:00:00Z.
pub(crate) const NEW_YEAR_MS: u64 = 1_767_225_600_000;
pub(crate) const HOUR: Duration = Duration::from_secs(3_600);

/// Deliveries take an hour of a clock that stands.
pub(crate) async fn slow_smsc() -> (Smsc, Client) {
    let smsc = Smsc::builder()
        .seed(7)
        .virtual_clock(NEW_YEAR_MS)
        .with(|s| s.behaviour.receipt_delay = HOUR)
        .start()
        .await
        .unwrap();
    let client = Client::transceiver(smsc.addr()).await;
    (smsc, client)
}

pub(crate) fn string(text: &str) -> COctetStr<'_> {
    COctetStr::new(text.as_bytes()).unwrap()
}

/// message_state, final_date and error_code, or the status that refuses.
pub(crate) async fn query(
    client: &mut Client,
    id: &str,
    from: &str,
) -> Result<(u8, String, u8), CommandStatus> {
    let query = QuerySm {
        message_id: string(id),
        source_addr: string(from),
        ..QuerySm::default()
    };
    client.send(&Pdu::QuerySm(query)).await;
    let resp = client.read().await;
    assert_eq!(resp.command_id(), CommandId::QUERY_SM_RESP);
    match resp.pdu() {
        Pdu::QuerySmResp(Some(QuerySmResp {
            message_id,
            final_date,
            message_state,
            error_code,
            ..
        })) => {
            assert_eq!(message_id, string(id));
            Ok((message_state, final_date.to_latin1(), error_code))
        }
        _ => Err(resp.header.command_status),
    }
}

pub(crate) async fn cancel(client: &mut Client, id: &str, to: &str) -> CommandStatus {
    let cancel = CancelSm {
        message_id: string(id),
        source_addr: string("100"),
        destination_addr: string(to),
        ..CancelSm::default()
    };
    client.send(&Pdu::CancelSm(cancel)).await;
    let resp = client.read().await;
    assert_eq!(resp.command_id(), CommandId::CANCEL_SM_RESP);
    resp.header.command_status
}
