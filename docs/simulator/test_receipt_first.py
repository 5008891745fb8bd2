"""A client must cope with a receipt that comes before its response.

pip install pytest smpplib; smsc-sim in PATH, or its path in SMSC_SIM."""

import json
import os
import subprocess
import urllib.request

import pytest
import smpplib.client


@pytest.fixture
def smsc():
    program = os.environ.get("SMSC_SIM", "smsc-sim")
    args = [program, "--smpp-port", "0", "--http-port", "0"]
    with subprocess.Popen(args, stdout=subprocess.PIPE) as process:
        yield json.loads(process.stdout.readline())
        process.terminate()


def test_receipt_before_response(smsc):
    host, port = smsc["smpp"].split(":")
    client = smpplib.client.Client(host, int(port), allow_unknown_opt_params=True)
    seen = []
    client.set_message_sent_handler(lambda pdu: seen.append("response"))
    client.set_message_received_handler(lambda pdu: seen.append("receipt"))
    client.connect()
    client.bind_transceiver(system_id="shop", password="secret")
    message = {"source_addr": "100", "destination_addr": "99911", "short_message": b"hi"}
    client.send_message(**message, registered_delivery=1)
    while len(seen) < 2:
        client.read_once()
    assert seen == ["receipt", "response"]

    wanted = {"match": {"to": "99911", "text": "hi"}, "count": {"exactly": 1}, "within": "2s"}
    url = f"http://{smsc['http']}/api/v1/smscs/main/verify"
    with urllib.request.urlopen(url, json.dumps(wanted).encode()) as answer:
        assert json.load(answer)["matched"] == 1
    client.unbind()
    client.disconnect()
