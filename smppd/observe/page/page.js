// Draws what /events tells: what was, once, and then how it stands each second. It asks for nothing else, and changes nothing.
"use strict";
const at = (id) => document.getElementById(id);
const POINTS = 180, STALE = 5000;
let past = [], heard = 0, seen = null;

// ── words ──
const count = (n) => n.toLocaleString("en");
const rate = (n) => (n >= 100 || !n ? count(Math.round(n)) : n.toFixed(1));
function lasted(seconds) {
  const s = Math.max(0, Math.floor(seconds)), d = Math.floor(s / 86400), h = Math.floor(s / 3600) % 24, m = Math.floor(s / 60) % 60;
  return d ? `${d} d ${h} h` : h ? `${h} h ${m} min` : m ? `${m} min ${s % 60} s` : `${s} s`;
}
function soon(seconds) {
  if (seconds === null || seconds === undefined) return "–";
  return seconds > 66 ? "> 66 s" : seconds >= 1 ? `${+seconds.toPrecision(2)} s` : `${+(seconds * 1000).toPrecision(3)} ms`;
}
function large(octets) {
  let unit = 0;
  for (; octets >= 1024 && unit < 4; unit++) octets /= 1024;
  return `${octets.toFixed(unit ? 1 : 0)} ${["B", "KiB", "MiB", "GiB", "TiB"][unit]}`;
}
const moment = (seconds) => new Date(seconds * 1000).toLocaleString("sv"); // 2026-11-28 03:00:00, of this browser's zone
const clock = (seconds) => moment(seconds).slice(11);

// ── elements; whatever is told is text and never markup ──
function make(name, text = "", kind = "") {
  const made = document.createElement(name);
  if (text !== "") made.textContent = text;
  if (kind) made.className = kind;
  return made;
}
function within(parent, ...children) {
  parent.replaceChildren(...children);
  return parent;
}
function table(id, head, rows) {
  const numbers = head.map((each) => each.startsWith("#"));
  const names = head.map((each) => each.replace("#", ""));
  const heads = names.some(Boolean) ? [within(make("tr"), ...names.map((name, n) => make("th", name, numbers[n] ? "number" : "")))] : [];
  const lines = rows.map((row) => within(make("tr"), ...row.map((cell, n) => {
    const made = cell instanceof Element && cell.tagName === "TD" ? cell : make("td");
    if (made !== cell) cell instanceof Element ? made.append(cell) : (made.textContent = cell);
    if (numbers[n]) made.classList.add("number");
    if (names[n] && n > 1) made.dataset.name = names[n];
    return made;
  })));
  within(at(id), within(make("tbody"), ...heads, ...lines));
}

// ── charts ──
function drawing(name, marks) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(marks)) made.setAttribute(key, value);
  return made;
}
function line(values, top, close) {
  let path = "", open = false;
  const first = POINTS - values.length, x = (n) => ((first + n) * 300) / (POINTS - 1);
  values.forEach((value, n) => {
    if (value !== null && value !== undefined) path += `${open ? "L" : "M"}${x(n).toFixed(1)} ${(60 - (58 * value) / top).toFixed(1)}`;
    open = value !== null && value !== undefined;
  });
  return close && path ? `${path}L300 60L${x(0).toFixed(1)} 60Z` : path;
}
function chart(...rows) {
  const seen = Math.max(...rows.flat().filter((each) => each !== null && each !== undefined), 0), top = seen || 1;
  const made = drawing("svg", { viewBox: "0 0 300 60", preserveAspectRatio: "none", "aria-hidden": "true" });
  made.append(drawing("path", { class: "area", d: line(rows[0].map((each) => each ?? 0), top, true) }));
  rows.forEach((row, n) => made.append(drawing("path", { class: n ? "second" : "first", d: line(row, top) })));
  return [made, seen];
}
function figure(title, number, words, ...rows) {
  const [made, top] = chart(...rows), caption = make("figcaption"), scale = make("div", "", "scale");
  title.forEach((each, n) => caption.append(make("span", each, title.length > 1 ? ["key-first", "key-second"][n] : "")));
  caption.append(make("b", number));
  within(scale, make("span", "15 min ago"), make("span", top ? `top ${words(top)}` : ""), make("span", "now"));
  return within(make("figure"), caption, made, scale);
}
function charts(now) {
  const row = (n) => past.map((point) => point[n]);
  within(at("charts"),
    figure(["sent/s", "receipts/s"], `${rate(now.submitted)} · ${rate(now.receipts)}`, rate, row(1), row(2)),
    figure(["queued"], count(now.states.queued || 0), count, row(3)),
    figure(["answer: half", "99 % within"], `${soon(now.half)} · ${soon(now.tail)}`, soon, row(4), row(5)));
}

// ── the page ──
function verdict(now) {
  const bad = now.troubles.filter((each) => each.gravity === "bad").length, odd = now.troubles.filter((each) => each.gravity === "odd").length;
  const wrong = bad === 1 ? "1 thing is wrong" : `${bad} things are wrong`;
  const words = [bad ? wrong : "", odd ? `${odd} to look at` : ""].filter(Boolean).join(", ") || "All is well";
  const made = at("verdict");
  made.textContent = words;
  made.className = `verdict ${bad ? "bad" : odd ? "odd" : "good"}`;
  document.title = bad || odd ? `${words} – smppd` : "smppd";
  within(at("troubles"), ...now.troubles.map((each) => {
    const parts = [make("b", each.what), make("p", each.why), make("p", each.cure, "cure")];
    return within(make("li", "", each.gravity), ...parts.filter((part) => part.textContent));
  }));
}
function links(now) {
  const rows = now.links.map((link) => {
    const own = past.map((point) => (point[6][link.name] || [null])[0]);
    const limit = make("td", link.limit, "limit");
    return [link.name, make("td", link.bound ? `${link.state} ${link.bound}/${link.sessions}` : link.state, `state ${link.gravity || ""}`),
      rate(link.submitted), rate(link.receipts), soon(link.half), soon(link.tail), `${link.in_flight}/${link.slots}`, chart(own)[0], limit];
  });
  const accounts = now.accounts.map((each) => [each.name, make("td", each.state, `state ${each.gravity || ""}`), rate(each.calls), "–",
    soon(each.half), soon(each.tail), `${each.in_flight}/${each.connections}`, "", make("td", each.queued ? `${count(each.queued)} queued` : "", "limit")]);
  table("links", ["name", "state", "#sent/s", "#receipts/s", "#half within", "#99 % within", "#window", "15 min", "limited by"], [...rows, ...accounts]);
}
function rest(now) {
  table("lanes", ["lane", "#queued", "#oldest"], now.lanes.map((lane) => [lane.name, count(lane.queued), lane.queued && lane.oldest !== null ? lasted(lane.oldest) : "–"]));
  const states = Object.entries(now.states).map(([state, n]) => [state, count(n)]);
  table("states", ["", "#"], now.scheduled ? [...states, ["of the queued, scheduled", count(now.scheduled)]] : states);
  at("accepted").textContent = `${count(now.accepted)} accepted`;
  table("daemon", ["", "#"], [
    ...now.rooms.map((room) => [`free of ${room.place}`, `${large(room.free)} (${Math.round((100 * room.free) / (room.octets || 1))} %)`]),
    ["journal", large(now.journal)], ["99 % of commits within", soon(now.commit_tail)],
    ["event loop late, at most", soon(now.late_most)], ["files open, bad", `${count(now.open_files)}, ${count(now.bad_files)}`],
    ["receipts that wait, matched nothing", `${count(now.receipts_waiting)}, ${count(now.receipts_unmatched)}`]]);
  at("of-campaigns").hidden = !now.campaigns.length;
  table("campaigns", ["name", "", "#done", "#of", "#a second", "#left"], now.campaigns.map((each) => {
    const bar = make("progress");
    [bar.max, bar.value] = [Math.max(each.total, 1), each.done];
    const left = each.held ? "held" : each.time_left === null ? "–" : lasted(each.time_left);
    return [each.name, bar, count(each.done), count(each.total) + (each.read ? "" : " so far"), rate(each.rate), left];
  }));
  at("more").textContent = now.more_campaigns ? `and ${count(now.more_campaigns)} more: smppd campaigns --open` : "";
  within(at("recent"), ...(now.recent.length ? now.recent : [null]).map((each) => {
    if (!each) return make("li", "none since the start", "soft");
    const head = `${each.about ? `${each.about}: ` : ""}${each.says}`, times = each.count > 1 ? `, ${count(each.count)} times` : "";
    return within(make("li", "", each.level), make("span", `${clock(each.at)}${times} `, "soft"), make("b", head), make("small", ` ${each.event}`),
      ...[make("p", each.why), make("p", each.cure, "cure")].filter((part) => part.textContent));
  }));
}
function draw(now) {
  at("version").textContent = now.version;
  at("since").textContent = `pid ${now.pid}, up ${lasted(now.now - now.started)}, since ${moment(now.started)}`;
  for (const each of [verdict, charts, links, rest]) each(now);
}
function alive(well, words) {
  at("main").classList.toggle("stale", !well);
  at("clock").className = well ? "" : "bad";
  at("clock").textContent = words;
  if (well) return;
  document.title = "NO ANSWER – smppd";
  at("verdict").textContent = words;
  at("verdict").className = "verdict bad";
}

// ── what is told ──
function listen() {
  const source = new EventSource("/events");
  source.addEventListener("past", (event) => { past = JSON.parse(event.data); });
  source.addEventListener("now", (event) => {
    seen = JSON.parse(event.data);
    heard = Date.now();
    if (seen.point && (!past.length || seen.point[0] > past[past.length - 1][0])) past = [...past, seen.point].slice(-POINTS);
    alive(true, clock(seen.now));
    draw(seen);
  });
  source.addEventListener("fault", (event) => alive(false, JSON.parse(event.data)));
  source.addEventListener("error", () => { if (source.readyState === EventSource.CLOSED) setTimeout(listen, STALE); });
}
setInterval(() => {
  if (Date.now() - heard > STALE) alive(false, `NO ANSWER${seen ? ` since ${clock(seen.now)}` : ""}: is smppd running?`);
}, 1000);
heard = Date.now();
listen();
