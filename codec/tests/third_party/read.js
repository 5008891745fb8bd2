// Reads PDUs with npm smpp: `read.js FOLDER_OF_MODULES`. A line of hexadecimal digits in, a line of
// JSON out: some of the fields, or {"error": …}.
'use strict';

const smpp = require(`${process.argv[2]}/smpp`);
const names = ['command_status', 'sequence_number', 'source_addr', 'destination_addr', 'message_id',
  'system_id', 'service_type'];

for (const line of require('fs').readFileSync(0, 'utf8').split('\n').filter(Boolean)) {
  let found = {};
  try {
    const pdu = new smpp.PDU(Buffer.from(line, 'hex'));
    for (const name of names) {
      if (pdu[name] !== undefined) found[name] = pdu[name];
    }
    if (pdu.command === undefined) found = { error: 'unknown command' };
  } catch (error) {
    found = { error: String(error.message) };
  }
  console.log(JSON.stringify(found));
}
