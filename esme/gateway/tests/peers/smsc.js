// An SMSC on npm `smpp`: answers every bind and submit_sm, sends a receipt for each message that
// asks for one, and tells on stdout, one JSON line per event, what it saw.
'use strict';
const smpp = require(process.env.PEERS + '/node_modules/smpp');

const say = (event) => process.stdout.write(JSON.stringify(event) + '\n');
let next = 1;

const server = smpp.createServer((session) => {
  const bind = (pdu) => {
    say({ event: 'bind', command: pdu.command, system_id: pdu.system_id, password: pdu.password });
    session.send(pdu.response({ system_id: 'npm' }));
  };
  session.on('bind_transceiver', bind);
  session.on('bind_transmitter', bind);
  session.on('bind_receiver', bind);
  session.on('enquire_link', (pdu) => session.send(pdu.response()));
  session.on('unbind', (pdu) => {
    say({ event: 'unbind' });
    session.send(pdu.response());
    session.close();
  });
  session.on('submit_sm', (pdu) => {
    const id = 'npm-' + next++;
    const message = pdu.short_message;
    say({
      event: 'submit_sm',
      id,
      source_addr: pdu.source_addr,
      destination_addr: pdu.destination_addr,
      esm_class: pdu.esm_class,
      data_coding: pdu.data_coding,
      registered_delivery: pdu.registered_delivery,
      udh: message.udh ? Buffer.concat([].concat(message.udh)).toString('hex') : null,
      text: Buffer.isBuffer(message.message) ? message.message.toString('hex') : message.message,
    });
    session.send(pdu.response({ message_id: id }));
    if (pdu.registered_delivery & 1) {
      session.deliver_sm({
        source_addr: pdu.destination_addr,
        destination_addr: pdu.source_addr,
        esm_class: 4,
        short_message:
          `id:${id} sub:001 dlvrd:001 submit date:2611220102 done date:2611220102 ` +
          'stat:DELIVRD err:000 text:',
      }, (response) => say({ event: 'deliver_sm_resp', status: response.command_status, id }));
    }
  });
  session.on('error', (error) => say({ event: 'error', error: String(error) }));
});
server.listen(0, '127.0.0.1', () => say({ event: 'ready', port: server.address().port }));
