/*
 * An SMSC made with the npm package `smpp`, which shares no code with the daemon.
 *
 * node npm_smsc.js RECORD PATIENT [UNBIND_AFTER]
 *
 * Prints "listening on HOST:PORT". What it saw, in the words of its own decoder, it writes to the
 * file RECORD at SIGTERM. Answers come in lots and in reverse order, ids in several shapes,
 * receipts in several forms, every tenth before its answer. The receipts of messages to the number
 * PATIENT wait until the ESME has sent an enquire_link. After so many messages as UNBIND_AFTER
 * says, the SMSC unbinds; what receipts are left then go to the next session.
 */
'use strict';

const crypto = require('crypto');
const fs = require('fs');
const smpp = require('smpp');

const [recordFile, patient, unbindAfter] = process.argv.slice(2);

// So many submits are answered together; fewer when no more come for a while.
const LOT = 20;
const LOT_PATIENCE_MS = 20;
const ENQUIRE_EVERY = 100;

const record = {
  binds: [], submits: [], most_in_flight: 0,
  receipts: 0, receipt_answers: {},
  enquire_links: 0, enquire_answers: 0, enquire_links_received: 0,
  unbinds: 0, unbind_answers: 0, closed: 0, complaints: [],
};

let firstSubmit = null;
let lastAnswer = null;
let current = null; // the session that may be given receipts
let inquired = false;
const waitingReceipts = [];
const patientReceipts = [];

function complain(what) {
  record.complaints.push(String(what));
}

const SHAPES = [
  () => crypto.randomUUID(),
  (n) => String(700000000 + n).padStart(12, '0'),
  (n) => (0xABCD000000 + n).toString(16).toUpperCase(),
  (n) => `mt.${n}-Q/z`,
];

function date() {
  return new Date().toISOString().replace(/\D/g, '').slice(2, 12);
}

function receipt(submit, n) {
  const text = `id:${submit.message_id} sub:001 dlvrd:001 submit date:${date()} `
    + `done date:${date()} stat:DELIVRD err:000 text:...`;
  const tlvs = {
    receipted_message_id: submit.message_id,
    message_state: smpp.MESSAGE_STATE.DELIVERED,
    network_error_code: Buffer.from([3, 0, 0]),
  };
  const form = [
    { short_message: text },
    { short_message: text, ...tlvs },
    { short_message: '', ...tlvs },
    { short_message: '', message_payload: text },
  ][Math.floor(n / 4) % 4];
  return {
    source_addr_ton: submit.dest_addr_ton, source_addr_npi: submit.dest_addr_npi,
    source_addr: submit.destination_addr, destination_addr: submit.source_addr,
    esm_class: smpp.ESM_CLASS.MC_DELIVERY_RECEIPT, data_coding: 0, ...form,
  };
}

function deliver(pdu) {
  if (!current) {
    waitingReceipts.push(pdu);
    return;
  }
  record.receipts += 1;
  current.deliver_sm(pdu, (answer) => {
    const status = answer.command_status;
    record.receipt_answers[status] = (record.receipt_answers[status] || 0) + 1;
    if (answer.message_id) {
      complain(`deliver_sm_resp with message_id ${answer.message_id}`);
    }
  });
}

function time(moment) {
  return moment ? `${moment.toISOString().slice(0, 19)}Z` : null;
}

function describe(pdu, message, n) {
  const concatenation = (message.udh || []).find((element) => element[0] === 0);
  const binary = Buffer.isBuffer(message.message);
  return {
    message_id: SHAPES[n % SHAPES.length](n),
    destination_addr: pdu.destination_addr,
    dest_addr_ton: pdu.dest_addr_ton, dest_addr_npi: pdu.dest_addr_npi,
    source_addr: pdu.source_addr,
    source_addr_ton: pdu.source_addr_ton, source_addr_npi: pdu.source_addr_npi,
    esm_class: pdu.esm_class, data_coding: pdu.data_coding,
    registered_delivery: pdu.registered_delivery,
    service_type: pdu.service_type,
    validity_period: time(pdu.validity_period),
    // What the decoder takes for text it does not leave in octets.
    text: binary ? null : message.message,
    octets: binary ? message.message.toString('hex') : null,
    udh: message.udh ? Buffer.concat(message.udh).toString('hex') : null,
    concatenation: concatenation ? [...concatenation.slice(2)] : null,
  };
}

function serve(session) {
  let lot = [];
  let timer = null;

  function answerLot() {
    clearTimeout(timer);
    timer = null;
    for (const { pdu, submit, n } of lot.reverse()) {
      const receipts = submit.registered_delivery & 1 ? [receipt(submit, n)] : [];
      const early = n % 10 === 3 && submit.destination_addr !== patient;
      if (early) {
        receipts.forEach(deliver);
      }
      session.send(pdu.response({ message_id: submit.message_id }));
      if (submit.destination_addr === patient && !inquired) {
        patientReceipts.push(...receipts);
      } else if (!early) {
        receipts.forEach(deliver);
      }
    }
    lot = [];
    lastAnswer = performance.now();
  }

  function takeLeave() {
    current = null;
    session.unbind((answer) => {
      record.unbind_answers += 1;
      if (answer.command_status !== 0) {
        complain(`unbind_resp with status ${answer.command_status}`);
      }
      answerLot();
      session.close();
    });
  }

  session.on('bind_transceiver', (pdu) => {
    const { command, system_id, password, system_type, interface_version } = pdu;
    record.binds.push({ command, system_id, password, system_type, interface_version });
    session.send(pdu.response({ system_id: 'npm' }));
    current = session;
    waitingReceipts.splice(0).forEach(deliver);
  });
  session.on('submit_sm', (pdu) => {
    const n = record.submits.length;
    firstSubmit = firstSubmit || performance.now();
    const submit = describe(pdu, pdu.short_message, n);
    record.submits.push(submit);
    lot.push({ pdu, submit, n });
    record.most_in_flight = Math.max(record.most_in_flight, lot.length);
    timer = timer || setTimeout(answerLot, LOT_PATIENCE_MS);
    if (lot.length >= LOT) {
      answerLot();
    }
    if (n % ENQUIRE_EVERY === ENQUIRE_EVERY - 1) {
      record.enquire_links += 1;
      session.enquire_link(() => { record.enquire_answers += 1; });
    }
    if (Number(unbindAfter) === n + 1) {
      takeLeave();
    }
  });
  session.on('enquire_link', (pdu) => {
    record.enquire_links_received += 1;
    session.send(pdu.response());
    inquired = true;
    patientReceipts.splice(0).forEach(deliver);
  });
  session.on('unbind', (pdu) => {
    record.unbinds += 1;
    session.send(pdu.response());
    session.close();
  });
  session.on('close', () => {
    record.closed += 1;
    current = current === session ? null : current;
    if (lot.length) {
      complain(`closed with ${lot.length} submits unanswered`);
    }
  });
  session.on('unknown', (pdu) => complain(`unknown command_id ${pdu.command_id}`));
  session.on('generic_nack', (pdu) => complain(`generic_nack ${pdu.command_status}`));
  session.on('error', complain);
}

const server = smpp.createServer(serve);
server.listen(0, '127.0.0.1', () => {
  console.log(`listening on 127.0.0.1:${server.address().port}`);
});

process.on('SIGTERM', () => {
  const seconds = (lastAnswer - firstSubmit) / 1000;
  fs.writeFileSync(recordFile, JSON.stringify({ ...record, seconds }));
  process.exit(0);
});
