/*
 * Sends with the npm package `smpp` as its documentation shows it, with so many messages in flight as
 * the window says. The task comes as JSON on standard input; what it came to goes to standard output.
 */
'use strict';

const fs = require('fs');
const smpp = require('smpp');

const task = JSON.parse(fs.readFileSync(0, 'utf8'));
const counts = { next: 0, answered: 0, delivered: 0 };
const [, host, port] = task.address.match(/^\[?([^\]]*)\]?:(\d+)$/);

const session = smpp.connect({ url: `smpp://${host}:${port}`, auto_enquire_link_period: 10000 }, () => {
  session.bind_transceiver({ system_id: task.system_id, password: task.password }, (pdu) => {
    if (pdu.command_status !== 0) {
      throw new Error(`the bind was refused with status ${pdu.command_status}`);
    }
    begin();
  });
});
session.on('error', (error) => {
  throw error;
});
session.on('deliver_sm', (pdu) => {
  session.send(pdu.response());
  counts.delivered += 1;
  perhapsEnd();
});

let began;
let used;

function begin() {
  began = process.hrtime.bigint();
  used = process.cpuUsage();
  fill();
}

function fill() {
  while (counts.next < task.messages && counts.next - counts.answered < task.window) {
    send(counts.next);
    counts.next += 1;
  }
}

function send(number) {
  session.submit_sm({
    source_addr_ton: 5,
    source_addr: task.from,
    dest_addr_ton: 1,
    dest_addr_npi: 1,
    destination_addr: `${task.prefix}${String(number).padStart(8, '0')}`,
    short_message: task.text.replace('{n:07d}', String(number).padStart(7, '0')),
    registered_delivery: task.receipts ? 1 : 0,
  }, (pdu) => {
    if (pdu.command_status !== 0) {
      throw new Error(`a submit was refused with status ${pdu.command_status}`);
    }
    counts.answered += 1;
    fill();
    perhapsEnd();
  });
}

function perhapsEnd() {
  if (counts.answered < task.messages || (task.receipts && counts.delivered < task.messages)) {
    return;
  }
  const seconds = Number(process.hrtime.bigint() - began) / 1e9;
  const cpu = process.cpuUsage(used);
  const told = { sent: counts.answered, delivered: counts.delivered, seconds, cpu: (cpu.user + cpu.system) / 1e6 };
  process.stdout.write(`${JSON.stringify(told)}\n`, () => process.exit(0));
}
