//! A callback as the octets of an HTTP/1.1 request, signed. Pure.

use std::io::Write as _;

use signalbox_router::Message;

use super::encode::{Signer, write_body};
use super::target::Target;

/// Writes requests into a buffer that is used again and again.
#[derive(Debug, Default)]
pub(super) struct RequestWriter {
    /// Requests, one behind the other.
    pub(super) requests: Vec<u8>,
    id: Vec<u8>,
    body: Vec<u8>,
}

impl RequestWriter {
    /// Forgets what was written.
    pub(super) fn clear(&mut self) {
        self.requests.clear();
    }

    /// Appends the request for a message at a time in seconds since 1970.
    pub(super) fn put(
        &mut self,
        message: &Message,
        target: &Target,
        signer: Option<&Signer>,
        timestamp: &str,
    ) {
        let Self { requests, id, body } = self;
        const TAKES_ALL: &str = "a Vec takes all";
        id.clear();
        write!(id, "{}", message.id).expect(TAKES_ALL);
        body.clear();
        write_body(message, body);
        requests.extend_from_slice(&target.head);
        requests.extend_from_slice(b"webhook-id: ");
        requests.extend_from_slice(id);
        write!(requests, "\r\nwebhook-timestamp: {timestamp}\r\n").expect(TAKES_ALL);
        if let Some(signer) = signer {
            requests.extend_from_slice(b"webhook-signature: ");
            signer.sign(id, timestamp.as_bytes(), body, requests);
            requests.extend_from_slice(b"\r\n");
        }
        write!(requests, "content-length: {}\r\n\r\n", body.len()).expect(TAKES_ALL);
        requests.extend_from_slice(body);
    }
}

#[cfg(test)]
mod tests {
    use signalbox_router::State;

    use super::*;
    use crate::webhook::encode::signature;
    use crate::webhook::testing::callback;

    #[test]
    fn a_request_is_all_of_it_and_nothing_of_the_one_before() {
        let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
        let signer = Signer::new(secret).unwrap();
        let target = Target::parse("http://a.example/x").unwrap();
        let message = callback("http://a.example/x", State::Delivered);
        let mut body = Vec::new();
        write_body(&message, &mut body);
        let body = String::from_utf8(body).unwrap();
        let id = message.id.to_string();
        let signature = signature(secret, &id, "17", body.as_bytes()).unwrap();
        let head = String::from_utf8(target.head.to_vec()).unwrap();
        let expected = |signature: &str| {
            let length = body.len();
            format!(
                "{head}webhook-id: {id}\r\nwebhook-timestamp: 17\r\n{signature}\
                 content-length: {length}\r\n\r\n{body}"
            )
        };
        let signed = expected(&format!("webhook-signature: {signature}\r\n"));
        let mut writer = RequestWriter::default();
        writer.put(&message, &target, Some(&signer), "17");
        writer.put(&message, &target, None, "17");
        let both = signed + &expected("");
        assert_eq!(String::from_utf8(writer.requests.clone()).unwrap(), both);
        writer.clear();
        writer.put(&message, &target, None, "17");
        assert_eq!(String::from_utf8(writer.requests).unwrap(), expected(""));
    }
}
