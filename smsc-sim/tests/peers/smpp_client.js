// npm smpp against the simulator: binds, submits, waits for receipts and one message from a phone,
// unbinds, and prints what it saw as one line of JSON. Arguments: FOLDER_OF_MODULES HOST PORT.
'use strict';

const [modules, host, port] = process.argv.slice(2);
const smpp = require(`${modules}/smpp`);

const long = 'long '.repeat(60);
const messages = [
  { short_message: 'hello from npm smpp' },
  { short_message: { udh: Buffer.from([5, 0, 3, 7, 2, 1]), message: long.slice(0, 153) } },
  { short_message: { udh: Buffer.from([5, 0, 3, 7, 2, 2]), message: long.slice(153) } },
  { short_message: 'Привет, мир', data_coding: 8 },
];
const seen = { message_ids: [], receipts: [], received: [] };

const session = smpp.connect({ url: `smpp://${host}:${port}` }, () => {
  session.bind_transceiver({ system_id: 'npm-smpp', password: 'secret' }, (pdu) => {
    if (pdu.command_status !== 0) throw new Error(`bind: ${pdu.command_status}`);
    for (const message of messages) submit(message);
  });
});

function submit(message) {
  const addresses = { source_addr: '100', destination_addr: '491711', dest_addr_ton: 1 };
  const fields = { ...addresses, ...message, registered_delivery: 1 };
  if (message.short_message.udh) fields.esm_class = 0x40;
  session.submit_sm(fields, (pdu) => {
    if (pdu.command_status !== 0) throw new Error(`submit_sm: ${pdu.command_status}`);
    seen.message_ids.push(pdu.message_id);
    finish();
  });
}

session.on('deliver_sm', (pdu) => {
  const text = String(pdu.short_message.message);
  if (pdu.esm_class & 4) {
    const [, id, stat] = text.match(/^id:(\S+) .* stat:(\S+)/);
    seen.receipts.push([id, stat]);
  } else {
    seen.received.push(text);
  }
  session.send(pdu.response());
  finish();
});

let finished = false;
function finish() {
  const { message_ids, receipts, received } = seen;
  const done = Math.min(message_ids.length, receipts.length) === messages.length;
  if (!done || received.length === 0 || finished) return;
  finished = true;
  session.unbind((pdu) => {
    console.log(JSON.stringify({ ...seen, unbound: pdu.command }));
    session.close();
  });
}
