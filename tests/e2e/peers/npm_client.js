/*
 * The provider's own npm package `afilnet`, used as its README says against the URL that is given.
 *
 * Calls all that it has of SMS, and prints one JSON object: for each call what the callback got.
 * `url` is a property of the package, so nothing of it is changed.
 *
 * node npm_client.js URL USER PASSWORD GROUP TEMPLATE
 */
"use strict";

const [url, user, password, group, template] = process.argv.slice(2);
const afilnet = require("afilnet");
afilnet.url = url;

const got = {};
const call = (name, start) =>
  new Promise((resolve) => {
    start((answer) => {
      got[name] = answer;
      resolve(answer);
    });
  });

async function main() {
  const to = "34600000001";
  await call("login_wrong", (done) => afilnet.login(user, "wrong", done));
  await call("login", (done) => afilnet.login(user, password, done));
  const sent = await call("send", (done) =>
    afilnet.sms.send(to, "¿Qué? 1 + 1 & = 100% €", "ACME", null, null, done),
  );
  await call("send_later", (done) =>
    afilnet.sms.send(to, "later", "ACME", "2036-01-02 03:04:05", "json", done),
  );
  await call("template", (done) =>
    afilnet.sms.sendFromTemplate(to, template, "name:Ana María", null, null, done),
  );
  await call("template_unknown", (done) =>
    afilnet.sms.sendFromTemplate(to, "1", null, null, null, done),
  );
  await call("group", (done) =>
    afilnet.sms.sendToGroup("ACME", "34", group, "to all", null, null, done),
  );
  await call("group_template", (done) =>
    afilnet.sms.sendToGroupFromTemplate("34", group, template, null, null, done),
  );
  await call("status", (done) => afilnet.sms.getDeliveryStatus(sent.result.messageid, done));
  await call("balance", (done) => afilnet.user.getBalance(done));
  await call("email", (done) => afilnet.email.send("subject", "a@b.example", "text", null, null, done));
  got.username = afilnet.user.getUsername();
}

main().then(() => process.stdout.write(JSON.stringify(got) + "\n"));
