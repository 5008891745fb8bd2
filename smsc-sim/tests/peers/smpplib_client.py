"""PyPI smpplib against the simulator: binds, submits, waits for receipts and one message from a
phone, unbinds, and prints what it saw as one line of JSON. Arguments: HOST PORT."""

import json
import re
import sys

import smpplib.client
import smpplib.consts
import smpplib.gsm

TEXTS = ["hello from smpplib", "long " * 60, "Привет, мир"]


def main(host, port):
    client = smpplib.client.Client(host, port, timeout=10, allow_unknown_opt_params=True)
    message_ids, receipts, received = [], [], []

    def on_message(pdu):
        if pdu.esm_class & 0x04:
            fields = re.match(rb"id:(\S+) .* stat:(\S+)", pdu.short_message)
            receipts.append([field.decode() for field in fields.groups()])
        else:
            received.append(pdu.short_message.decode())

    client.set_message_sent_handler(lambda pdu: message_ids.append(pdu.message_id.decode()))
    client.set_message_received_handler(on_message)
    client.connect()
    client.bind_transceiver(system_id="smpplib", password="secret")
    parts_sent = 0
    for text in TEXTS:
        parts, encoding, message_type = smpplib.gsm.make_parts(text)
        for part in parts:
            client.send_message(
                source_addr_ton=smpplib.consts.SMPP_TON_INTL,
                source_addr="100",
                dest_addr_ton=smpplib.consts.SMPP_TON_INTL,
                destination_addr="491711",
                short_message=part,
                data_coding=encoding,
                esm_class=message_type,
                registered_delivery=True,
            )
            parts_sent += 1
    while len(message_ids) < parts_sent or len(receipts) < parts_sent or not received:
        client.read_once()
    unbound = client.unbind().command
    client.disconnect()
    seen = {"message_ids": message_ids, "receipts": receipts}
    print(json.dumps(seen | {"received": received, "unbound": unbound}))


main(*sys.argv[1:])
