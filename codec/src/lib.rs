//! SMPP v3.4 octets to PDUs and back; text, user data headers, segments, receipts.
