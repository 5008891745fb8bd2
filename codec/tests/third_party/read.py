"""Reads PDUs with other people's code: `read.py smpplib|smpp.pdu3|tshark`. A line of hexadecimal
digits in, a line of JSON out: the fields that the reader shows, or {"error": …}."""

import io
import json
import struct
import subprocess
import sys
import tempfile
import types

FIELDS = ["source_addr", "destination_addr", "message_id", "system_id", "service_type"]


def text(value):
    if value is None:
        return None
    if isinstance(value, bytes):
        return value.split(b"\0")[0].decode("latin-1")
    return str(value)


def smpplib_reader():
    from smpplib import smpp

    client = types.SimpleNamespace(next_sequence=lambda: 1)

    def read(octets):
        pdu = smpp.parse_pdu(octets, client=client, allow_unknown_opt_params=True)
        found = {name: text(getattr(pdu, name, None)) for name in FIELDS}
        found["sequence_number"] = pdu.sequence
        found["command_status"] = pdu.status
        message = getattr(pdu, "short_message", None)
        if isinstance(message, bytes):
            found["short_message_hex"] = message.hex()
        return found

    return read


def smpp_pdu3_reader():
    from smpp.pdu.pdu_encoding import PDUEncoder

    def read(octets):
        pdu = PDUEncoder().decode(io.BytesIO(octets))
        found = {}
        for name in FIELDS:
            value = pdu.params.get(name)
            if isinstance(value, bytes):
                found[name] = text(value)
        found["sequence_number"] = pdu.sequence_number if hasattr(pdu, "sequence_number") else pdu.seqNum
        message = pdu.params.get("short_message")
        if isinstance(message, bytes):
            found["short_message_hex"] = message.hex()
        return found

    return read


def run_tshark(lines, answers):
    """All PDUs in one capture, each in a TCP connection of its own."""
    capture = tempfile.NamedTemporaryFile(suffix=".pcap")
    capture.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 1 << 18, 101))
    for index, line in enumerate(lines):
        octets = bytes.fromhex(line)
        tcp = struct.pack(">HHIIBBHHH", 10000 + index, 2775, 1, 1, 0x50, 0x18, 65535, 0, 0)
        total = 40 + len(octets)
        ip = struct.pack(">BBHHHBBH4s4s", 0x45, 0, total, 1, 0, 64, 6, 0, b"\x0a\0\0\1", b"\x0a\0\0\2")
        capture.write(struct.pack("<IIII", index, 0, total, total) + ip + tcp + octets)
    capture.flush()
    names = ["frame.number", "smpp.command_status", "smpp.sequence_number"]
    names += ["smpp." + name for name in FIELDS] + ["_ws.malformed", "smpp.command_id"]
    command = ["tshark", "-r", capture.name, "-d", "tcp.port==2775,smpp", "-T", "fields"]
    for name in names:
        command += ["-e", name]
    shown = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    rows = {}
    for row in shown.splitlines():
        values = row.split("\t")
        rows[int(values[0])] = values
    for index in range(len(lines)):
        values = rows.get(index + 1)
        if values is None or not values[-1] or values[-2]:
            print(json.dumps({"error": "malformed"}), file=answers)
            continue
        found = {name: value for name, value in zip(FIELDS, values[3:-2]) if value}
        if found.get("service_type") == "(Default)":
            found["service_type"] = ""
        # Of several recipients it shows a list.
        if "," in found.get("destination_addr", ""):
            del found["destination_addr"]
        if values[1]:
            found["command_status"] = int(values[1], 0)
        if values[2]:
            found["sequence_number"] = int(values[2], 0)
        print(json.dumps(found), file=answers)


def main():
    lines = sys.stdin.read().split()
    # What a reader prints by itself is no answer.
    answers, sys.stdout = sys.stdout, sys.stderr
    if sys.argv[1] == "tshark":
        return run_tshark(lines, answers)
    read = smpplib_reader() if sys.argv[1] == "smpplib" else smpp_pdu3_reader()
    for line in lines:
        try:
            print(json.dumps(read(bytes.fromhex(line))), file=answers)
        except Exception as error:  # Whatever it raises, it has refused the PDU.
            print(json.dumps({"error": f"{type(error).__name__}: {error}"[:200]}), file=answers)


main()
