/*
 * Sends with the npm package `smpp` as its documentation shows it, with so many submits in flight as
 * the window says. The task comes as JSON on standard input; what it came to goes to standard output.
 */
'use strict';

const fs = require('fs');
const smpp = require('smpp');

// How many characters of GSM 03.38 a message holds, and each part of a longer one.
const WHOLE = 160;
const PART = 153;

const task = JSON.parse(fs.readFileSync(0, 'utf8'));
const counts = { begun: 0, submitted: 0, answered: 0, delivered: 0 };
const [, host, port] = task.address.match(/^\[?([^\]]*)\]?:(\d+)$/);

const session = smpp.connect({ url: `smpp://${host}:${port}`, auto_enquire_link_period: 10000 }, () => {
  session.bind_transceiver({ system_id: task.system_id, password: task.password }, (pdu) => {
    if (pdu.command_status !== 0) {
      throw new Error(`the bind was refused with status ${pdu.command_status}`);
    }
    begin();
  });
});
// With Nagle's algorithm, which Node leaves on, what is written after a receipt's answer waits for an
// ACK: such a client waits more than it works.
session.socket.setNoDelay(true);
session.on('error', (error) => {
  throw error;
});
session.on('close', () => {
  throw new Error('the SMSC has closed the connection');
});
session.on('deliver_sm', (pdu) => {
  session.send(pdu.response());
  counts.delivered += 1;
  perhapsEnd();
});

let began;
let used;
let parts = []; // of the message that has begun

function begin() {
  began = process.hrtime.bigint();
  used = process.cpuUsage();
  fill();
}

function fill() {
  while (counts.submitted - counts.answered < task.window) {
    if (!parts.length) {
      if (counts.begun === task.messages) {
        return;
      }
      parts = cut(counts.begun);
      counts.begun += 1;
    }
    send(counts.begun - 1, parts.shift());
  }
}

function cut(number) {
  const text = task.text.replace('{n:07d}', String(number).padStart(7, '0'));
  if (text.length <= WHOLE) {
    return [{ short_message: text }];
  }
  const total = Math.ceil(text.length / PART);
  return Array.from({ length: total }, (_, n) => ({
    short_message: {
      udh: Buffer.from([5, 0, 3, number & 255, total, n + 1]),
      message: text.slice(n * PART, (n + 1) * PART),
    },
  }));
}

function send(number, part) {
  counts.submitted += 1;
  session.submit_sm({
    source_addr_ton: 5,
    source_addr: task.from,
    dest_addr_ton: 1,
    dest_addr_npi: 1,
    destination_addr: `${task.prefix}${String(number).padStart(8, '0')}`,
    registered_delivery: task.receipts ? 1 : 0,
    ...part,
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
  const { begun, submitted, answered, delivered } = counts;
  if (begun < task.messages || parts.length || answered < submitted || (task.receipts && delivered < submitted)) {
    return;
  }
  const seconds = Number(process.hrtime.bigint() - began) / 1e9;
  const cpu = process.cpuUsage(used);
  const told = { sent: begun, parts: answered, delivered, seconds, cpu: (cpu.user + cpu.system) / 1e6 };
  process.stdout.write(`${JSON.stringify(told)}\n`, () => process.exit(0));
}
