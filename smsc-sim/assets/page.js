// Starts the page: one WebSocket, charts, lists, forms, keys.

import { follow } from "./live.js";
import { Charts } from "./charts.js";
import { bindForms, load } from "./forms.js";
import { Switches } from "./switches.js";

const smsc = document.body.dataset.smsc;
const api = `/api/v1/smscs/${encodeURIComponent(smsc)}/`;
const $ = (id) => document.getElementById(id);

// Rows that the list of messages keeps at most: as many as a search answers with.
const ROWS_MAX = Number(document.body.dataset.rowsMax);
const HISTORY_AGAIN_MS = 2_500;
// How often the states of messages are asked for at most.
const STATES_MS = 1_000;

const rows = $("rows");
const news = $("news");
const filter = $("filter");
const charts = new Charts($("chart"));
const switches = new Switches(api, {
  catalogue: $("fault-switches"), extras: $("fault-rows"), rules: $("rule-rows"),
  ruleField: $("rule-field"), output: $("fault-said"),
});

let paused = false;
let unseen = 0;
let seen = 0;
// Events that were forgotten before this tab could read them.
let missed = 0;
let waiting = [];
let frame = 0;

function isFiltered() {
  return ["to", "from", "text"].some((name) => filter.elements[name].value !== "");
}

function timeOf(unixMs) {
  return new Date(unixMs).toISOString().slice(11, 23);
}

function rowOf(event) {
  const row = document.createElement("tr");
  row.tabIndex = -1;
  row.dataset.id = event.id;
  if (event.command_status !== "ESME_ROK") row.className = "refused";
  const cells = [timeOf(event.unix_ms), event.from, event.to, event.text ?? "(octets)", "",
    event.command_status];
  cells.forEach((text, at) => {
    const cell = row.insertCell();
    cell.textContent = text;
    if (at === 3) cell.className = "text";
    if (at === 4) cell.className = "state";
  });
  return row;
}

// Messages that came are drawn at once in the next frame, the newest ones only.
function draw() {
  frame = 0;
  $("seen").textContent = seen.toLocaleString("en");
  $("missed").hidden = missed === 0;
  $("missed").textContent = `${missed.toLocaleString("en")} events were missed: this tab is too slow`;
  if (paused || isFiltered()) {
    unseen += waiting.length;
    waiting = [];
    news.hidden = unseen === 0;
    news.textContent = `${unseen.toLocaleString("en")} new: show`;
    return;
  }
  const fresh = document.createDocumentFragment();
  for (const event of waiting.slice(-ROWS_MAX).reverse()) fresh.append(rowOf(event));
  waiting = [];
  rows.prepend(fresh);
  while (rows.rows.length > ROWS_MAX) rows.deleteRow(-1);
}

function drawSoon() {
  if (frame === 0) frame = requestAnimationFrame(draw);
}

function showNews() {
  unseen = 0;
  news.hidden = true;
  refresh(filter);
}

function refresh(element) {
  if (element) window.htmx?.trigger(element, "refresh");
}

// Asks the server once, however many events say that something changed.
const refreshing = new Map();
function refreshSoon(id, act, waitMs = 300) {
  if (refreshing.has(id)) return;
  refreshing.set(id, setTimeout(() => {
    refreshing.delete(id);
    act();
  }, waitMs));
}

// Rows whose state may still change.
function openRows() {
  return [...rows.rows].filter((row) => {
    const state = row.querySelector(".state")?.textContent;
    return (state === "" && !row.classList.contains("refused")) || state === "ENROUTE";
  });
}

// The states of the rows, in place, so that the row that has the focus keeps it.
async function refreshStates() {
  const open = openRows();
  if (open.length === 0 || document.hidden) return;
  const query = new URLSearchParams(new FormData(filter));
  const answer = await fetch(`/page/messages?${query}`).catch(() => null);
  if (!answer?.ok) return;
  const table = document.createElement("template");
  table.innerHTML = `<table><tbody>${await answer.text()}</tbody></table>`;
  const told = new Map();
  for (const row of table.content.querySelectorAll("tr[data-id]")) {
    told.set(row.dataset.id, row.querySelector(".state").textContent);
  }
  let waits = false;
  for (const row of open) {
    const state = told.get(row.dataset.id);
    if (state === undefined) continue;
    row.querySelector(".state").textContent = state;
    waits ||= state === "ENROUTE";
  }
  // No event says that a message has come to its end.
  if (waits && clock?.mode === "real") refreshSoon("states", refreshStates, STATES_MS);
}

// What came while nobody looked was not asked for.
document.addEventListener("visibilitychange", () => {
  if (!document.hidden) refreshStates();
});

// Not while it is read with the keyboard or opened: it would jump.
function refreshConformance() {
  const place = $("conformance-rows");
  if (place.contains(document.activeElement) || place.querySelector("details[open]")) return;
  refresh(place);
}

function onEvent(event) {
  switch (event.event) {
    case "message":
      seen += 1;
      charts.count(event.command_status === "ESME_ROK" ? "messages" : "refused");
      waiting.push(event);
      if (waiting.length > 4 * ROWS_MAX) {
        unseen += paused || isFiltered() ? waiting.length - ROWS_MAX : 0;
        waiting = waiting.slice(-ROWS_MAX);
      }
      break;
    case "delivery_sent":
      charts.count("deliveries");
      break;
    case "connected":
    case "bound":
    case "closed":
      refreshSoon("sessions", () => refresh($("session-rows")));
      break;
    case "messages_cleared":
      waiting = [];
      rows.replaceChildren();
      showNews();
      break;
    case "clock_set":
      refreshSoon("clock", showClock);
      break;
    case "behaviour_changed":
      refreshSoon("behaviour", showBehaviour);
      break;
    default:
  }
}

follow(`${api}events`, {
  events(page) {
    missed += page.missed;
    for (const event of page.events) onEvent(event);
    refreshSoon("conformance", refreshConformance, 2000);
    refreshSoon("states", refreshStates, STATES_MS);
    drawSoon();
  },
  state(state) {
    const lamp = $("lamp");
    lamp.dataset.state = state;
    lamp.textContent = state;
    if (state === "live") {
      refresh($("session-rows"));
      refreshConformance();
      charts.history(`${api}rates`);
      // The server tells whole seconds: the one in which the page came is over by then.
      setTimeout(() => charts.history(`${api}rates`), HISTORY_AGAIN_MS);
      showClock();
      showBehaviour();
    }
  },
});

function showBehaviour() {
  load(api);
  switches.load();
}

// The clock goes on by itself between two answers when it is the machine's.
let clock = null;
async function showClock() {
  const answer = await fetch(`${api}clock`).catch(() => null);
  if (answer?.ok) {
    const told = await answer.json();
    clock = { ...told, asked: Date.now() };
    tick();
  }
}

function tick() {
  if (!clock) return;
  const passed = clock.mode === "real" ? Date.now() - clock.asked : 0;
  $("clock-time").textContent = new Date(clock.unix_ms + passed).toISOString()
    .replace("T", " ").slice(0, 19) + " UTC";
  $("clock-mode").textContent = clock.mode;
  for (const choice of document.querySelectorAll("#clock input[name=mode]")) {
    choice.form.querySelector("button").disabled = choice.value === clock.mode;
  }
}

setInterval(() => {
  tick();
  const rates = charts.tick();
  for (const [name, rate] of Object.entries(rates)) {
    $(`rate-${name}`).textContent = rate.toLocaleString("en");
  }
}, 1000);

bindForms(api, { clock: showClock });

function openMessage(id) {
  for (const row of rows.rows) row.classList.toggle("chosen", row.dataset.id === id);
  const query = new URLSearchParams({ smsc, id });
  window.htmx.ajax("GET", `/page/message?${query}`, "#opened").then(showDetail);
}

function openHex(hex) {
  window.htmx.ajax("GET", `/page/pdu?hex=${hex}`, "#opened").then(showDetail);
}

function showDetail() {
  const detail = $("detail");
  if (detail.getBoundingClientRect().top > window.innerHeight - 120) {
    detail.scrollIntoView({ block: "start" });
  }
}

function openRow(target) {
  const row = target.closest("tr[data-id], tr[data-hex]");
  if (!row) return false;
  if (row.dataset.id) openMessage(row.dataset.id);
  else openHex(row.dataset.hex);
  return true;
}

document.addEventListener("click", (event) => {
  const opener = event.target.closest("button[data-hex]");
  if (opener) openHex(opener.dataset.hex);
  if (event.target.closest("button, a, input, select, summary")) return;
  openRow(event.target);
});

function move(step) {
  const all = [...rows.rows];
  const at = all.indexOf(document.activeElement.closest?.("tr"));
  const next = at < 0 ? 0 : Math.min(Math.max(at + step, 0), all.length - 1);
  all[next]?.focus();
}

function pause(on) {
  paused = on;
  $("pause").setAttribute("aria-pressed", String(on));
  $("pause").textContent = on ? "Resume" : "Pause";
  if (!on && unseen > 0) showNews();
}

$("pause").addEventListener("click", () => pause(!paused));
news.addEventListener("click", () => {
  for (const name of ["to", "from", "text"]) filter.elements[name].value = "";
  pause(false);
  showNews();
});
$("smsc").addEventListener("change", (event) => {
  location.search = new URLSearchParams({ smsc: event.target.value });
});

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "Escape") document.activeElement.blur();
  if (event.target.closest("input, textarea, select")) return;
  const keys = {
    j: () => move(1),
    k: () => move(-1),
    ArrowDown: () => event.target.closest("#rows") && (move(1), true),
    ArrowUp: () => event.target.closest("#rows") && (move(-1), true),
    p: () => pause(!paused),
    "/": () => filter.elements.to.focus(),
    Enter: () => !event.target.closest("button, a") && openRow(event.target),
  };
  const act = keys[event.key];
  if (act && act() !== false) event.preventDefault();
});

// A field and its octets light up together.
function light(target, on) {
  const piece = target.closest?.("[data-piece]");
  if (!piece) return;
  const all = piece.closest(".pdu").querySelectorAll(`[data-piece="${piece.dataset.piece}"]`);
  for (const one of all) one.classList.toggle("lit", on);
}
for (const [name, on] of [["mouseover", true], ["mouseout", false], ["focusin", true],
  ["focusout", false]]) {
  document.addEventListener(name, (event) => light(event.target, on));
}
