// A client must cope with a receipt that comes before its response.
// npm install smpp; smsc-sim in PATH, or its path in SMSC_SIM; node --test
'use strict';
const assert = require('node:assert');
const { once } = require('node:events');
const { spawn } = require('node:child_process');
const test = require('node:test');
const smpp = require('smpp');

test('a receipt before its response', async (t) => {
  const program = process.env.SMSC_SIM || 'smsc-sim';
  const child = spawn(program, ['--smpp-port', '0', '--http-port', '0']);
  t.after(() => child.kill());
  const smsc = JSON.parse((await once(child.stdout, 'data'))[0]);

  const seen = [];
  const session = smpp.connect({ url: `smpp://${smsc.smpp}` });
  t.after(() => session.close());
  const send = (command, fields) =>
    new Promise((resolve) => session[command](fields, resolve));
  session.on('deliver_sm', (pdu) => {
    seen.push('receipt');
    session.send(pdu.response());
  });
  await once(session, 'connect');
  await send('bind_transceiver', { system_id: 'shop', password: 'secret' });
  const message = { source_addr: '100', destination_addr: '99911', short_message: 'hi' };
  await send('submit_sm', { ...message, registered_delivery: 1 });
  seen.push('response');
  assert.deepStrictEqual(seen, ['receipt', 'response']);

  const wanted = { match: { to: '99911', text: 'hi' }, count: { exactly: 1 }, within: '2s' };
  const url = `http://${smsc.http}/api/v1/smscs/main/verify`;
  const answer = await fetch(url, { method: 'POST', body: JSON.stringify(wanted) });
  assert.strictEqual(answer.status, 200, await answer.text());
  await send('unbind', {});
});
