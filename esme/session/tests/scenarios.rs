//! What a session does in the face of its peer: one theme a test, on a virtual clock.

mod common;

use common::{Pair, Seen};
use signalbox_codec::{CommandId, CommandStatus};
use signalbox_session::{BindType, CloseReason};

#[test]
fn bind_submit_answer_unbind() {
    let mut pair = Pair::bound(BindType::Transceiver);
    let number = pair.submit(7);
    pair.run();
    assert_eq!(
        pair.smsc.take_seen(),
        [Seen::Request(CommandId::SUBMIT_SM, number)]
    );
    pair.answer(number);
    pair.run();
    assert_eq!(
        pair.esme.take_seen(),
        [Seen::Response(
            7,
            CommandId::SUBMIT_SM_RESP,
            CommandStatus::ESME_ROK
        )]
    );
    pair.esme.session.unbind(pair.now);
    pair.run();
    assert_eq!(
        pair.esme.take_seen(),
        [Seen::Closed(CloseReason::LocalUnbind)]
    );
    assert_eq!(
        pair.smsc.take_seen(),
        [Seen::Unbinding, Seen::Closed(CloseReason::PeerUnbind)]
    );
}
