// Faults as switches, and the rules of the scenario, as the control API tells them. Each switch is
// one fault: those of the catalogue have the attributes that are named here; each active fault
// that is none of these has a switch of its own, with what it was given.

import { arrange } from "./rows.js";

// Type, what it is called here, and the attributes that it is switched on with.
const FAULTS = [
  ["drop_response", "no response", {}],
  ["delay_response", "response 2 s late", { delay: "2s" }],
  ["duplicate_response", "response twice", {}],
  ["reorder", "responses reversed, 4 each", { window: 4 }],
  ["disconnect", "disconnect before response", { when: "before_response", how: "fin" }],
  ["garbage", "octets that are no PDU", {}],
  ["throttle", "throttle at 10/s", { tps: 10 }],
  ["queue_full", "queue full", {}],
  ["bad_sequence", "wrong sequence number", {}],
  ["bad_length", "wrong length", {}],
  ["unknown_command", "unknown command", {}],
  ["corrupt_tlv", "corrupt parameter", {}],
  ["no_enquire_link_resp", "enquire_link unanswered", {}],
  ["bind_refuse", "binds refused", {}],
  ["slow_bind", "bind takes 5 s", { delay: "5s" }],
  ["unbind_after", "unbind after 10 messages", { messages: 10 }],
  ["latency", "slow wire, 200 ms", { latency: "200ms" }],
  ["bandwidth", "1 kB per second", { octets_per_second: 1000 }],
  ["merge", "merged, 100 ms each", { delay: "100ms" }],
  ["slicer", "octet by octet", { octets: 1, delay: "1ms" }],
  ["stop_reading", "stop reading", {}],
  ["limit_data", "end after 10 kB", { octets: 10000 }],
  ["slow_close", "close 5 s late", { delay: "5s" }],
  ["timeout", "silent connection", {}],
  ["reset_peer", "reset in a response", {}],
  ["tls_stall", "TLS handshake stalls", {}],
  ["tls_close", "TLS handshake is cut", {}],
];

function switchOf(label, on) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "switch";
  button.setAttribute("role", "switch");
  button.setAttribute("aria-checked", String(on));
  button.textContent = label;
  return button;
}

// Whether it is what the catalogue's switch of its type makes.
function isOfCatalogue({ type, stream, toxicity = 1, attributes = {} }) {
  const names = Object.keys(attributes);
  const [, , wanted] = FAULTS.find(([known]) => known === type) ?? [];
  return wanted !== undefined && stream === undefined && toxicity === 1
    && names.length === Object.keys(wanted).length
    && names.every((name) => attributes[name] === wanted[name]);
}

// latency, latency=77ms, jitter=5ms, up, 50 %
function wordsOf({ type, stream, toxicity, attributes = {} }) {
  const words = Object.entries(attributes).map(([name, value]) =>
    `${name}=${typeof value === "string" ? value : JSON.stringify(value)}`);
  if (stream) words.push(stream);
  if ((toxicity ?? 1) < 1) words.push(`${+(toxicity * 100).toPrecision(3)} %`);
  return [type, ...words].join(", ");
}

export class Switches {
  constructor(api, places) {
    Object.assign(this, { api, ...places });
    // The catalogue: by type its switch, and the id of the fault that it has switched on.
    this.buttons = new Map();
    this.ids = new Map();
    // By id.
    this.extraRows = new Map();
    this.ruleRows = new Map();
    for (const [type, label, attributes] of FAULTS) {
      const button = switchOf(label, false);
      button.title = wordsOf({ type, attributes });
      button.addEventListener("click", () => {
        const id = this.ids.get(type);
        if (id === undefined) this.act("faults", "POST", { type, attributes });
        else this.act(`faults/${encodeURIComponent(id)}`, "DELETE");
      });
      this.catalogue.append(button);
      this.buttons.set(type, button);
    }
  }

  async ask(path, method, body) {
    const answer = await fetch(this.api + path, {
      method,
      headers: body ? { "content-type": "application/json" } : {},
      body: body && JSON.stringify(body),
    }).catch(() => null);
    const text = answer ? await answer.text() : "";
    return { ok: answer?.ok ?? false, told: text ? JSON.parse(text) : {} };
  }

  // Changes something, and shows what came of it.
  async act(path, method, body) {
    const { ok, told } = await this.ask(path, method, body);
    this.output.textContent = ok ? "" : told.detail ?? "not reached";
    this.output.dataset.ok = ok;
    await this.load();
  }

  // Shows what is on: here, in another tab, by a test or by the scenario.
  async load() {
    const { ok, told } = await this.ask("scenario", "GET");
    if (!ok) return;
    this.ids.clear();
    const extras = told.faults.filter((fault) => {
      const isItsSwitch = isOfCatalogue(fault) && !this.ids.has(fault.type);
      if (isItsSwitch) this.ids.set(fault.type, fault.id);
      return !isItsSwitch;
    });
    for (const [type, button] of this.buttons) {
      button.setAttribute("aria-checked", String(this.ids.has(type)));
    }
    this.extraRows = arrange(this.extras, this.extraRows, extras, {
      make: (fault) => this.extraRow(fault),
      update: updateExtra,
      otherwise: (row) => this.buttons.get(row.dataset.type),
    });
    this.ruleRows = arrange(this.rules, this.ruleRows, told.rules, {
      make: (rule) => this.ruleRow(rule),
      update: updateRule,
      otherwise: () => this.ruleField,
    });
  }

  extraRow(fault) {
    const item = document.createElement("li");
    const button = switchOf("", true);
    button.title = fault.id;
    button.addEventListener("click", () => {
      this.act(`faults/${encodeURIComponent(fault.id)}`, "DELETE");
    });
    item.append(button);
    return item;
  }

  ruleRow({ id }) {
    const path = `rules/${encodeURIComponent(id)}`;
    const item = document.createElement("li");
    const turn = switchOf("", true);
    turn.setAttribute("aria-label", `Rule ${id}`);
    turn.addEventListener("click", () => {
      this.act(path, "POST", { enabled: turn.getAttribute("aria-checked") !== "true" });
    });
    const count = document.createElement("span");
    count.className = "tag";
    const text = document.createElement("div");
    const name = document.createElement("strong");
    name.textContent = id;
    text.append(name, " ", document.createElement("code"));
    const off = document.createElement("button");
    off.type = "button";
    off.textContent = "Remove";
    off.setAttribute("aria-label", `Remove rule ${id}`);
    off.addEventListener("click", () => this.act(path, "DELETE"));
    item.append(turn, count, text, off);
    return item;
  }
}

// An id may mean another fault once the simulator was started again.
function updateExtra(row, fault) {
  row.dataset.type = fault.type;
  row.querySelector(".switch").textContent = wordsOf(fault);
}

function updateRule(row, { id, applied, enabled = true, ...rule }) {
  row.querySelector(".switch").setAttribute("aria-checked", String(enabled));
  row.querySelector(".tag").textContent = `${applied} ×`;
  row.querySelector("code").textContent = JSON.stringify(rule);
}
