// Faults as switches, and the rules of the scenario, as the control API tells them.

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

export class Switches {
  constructor(api, faults, rules, output) {
    Object.assign(this, { api, faults, rules, output });
    this.buttons = new Map();
    for (const [type, label] of FAULTS) {
      const button = document.createElement("button");
      button.type = "button";
      button.className = "switch";
      button.setAttribute("role", "switch");
      button.setAttribute("aria-checked", "false");
      button.title = type;
      button.textContent = label;
      button.addEventListener("click", () => this.turn(type));
      faults.append(button);
      this.buttons.set(type, button);
    }
    this.active = [];
  }

  async ask(path, method, body) {
    const answer = await fetch(this.api + path, {
      method,
      headers: body ? { "content-type": "application/json" } : {},
      body: body && JSON.stringify(body),
    }).catch(() => null);
    const text = answer ? await answer.text() : "";
    const told = text ? JSON.parse(text) : {};
    this.output.textContent = answer?.ok ? "" : told.detail ?? "not reached";
    this.output.dataset.ok = answer?.ok ?? false;
    return told;
  }

  async turn(type) {
    const ids = this.active.filter((fault) => fault.type === type).map((fault) => fault.id);
    if (ids.length > 0) {
      for (const id of ids) await this.ask(`faults/${encodeURIComponent(id)}`, "DELETE");
    } else {
      const [, , attributes] = FAULTS.find(([known]) => known === type);
      await this.ask("faults", "POST", { type, attributes });
    }
    await this.load();
  }

  // Shows what is on: here, in another tab, by a test or by the scenario.
  async load() {
    this.active = (await this.ask("faults", "GET")).faults ?? [];
    for (const [type, button] of this.buttons) {
      const on = this.active.filter((fault) => fault.type === type);
      button.setAttribute("aria-checked", String(on.length > 0));
      const share = on[0]?.toxicity ?? 1;
      const [, label] = FAULTS.find(([known]) => known === type);
      button.textContent = share < 1 ? `${label}, ${+(share * 100).toPrecision(3)} %` : label;
    }
    const scenario = await this.ask("scenario", "GET");
    this.rules.replaceChildren(...(scenario.rules ?? []).map((rule) => this.row(rule)));
  }

  row({ id, applied, enabled = true, ...rule }) {
    const item = document.createElement("li");
    const turn = document.createElement("button");
    turn.type = "button";
    turn.className = "switch";
    turn.setAttribute("role", "switch");
    turn.setAttribute("aria-checked", String(enabled));
    turn.setAttribute("aria-label", `Rule ${id}`);
    turn.addEventListener("click", async () => {
      await this.ask(`rules/${encodeURIComponent(id)}`, "POST", { enabled: !enabled });
      await this.load();
    });
    const text = document.createElement("code");
    text.textContent = JSON.stringify(rule);
    const count = document.createElement("span");
    count.className = "tag";
    count.textContent = `${applied} ×`;
    const off = document.createElement("button");
    off.type = "button";
    off.textContent = "Remove";
    off.setAttribute("aria-label", `Remove rule ${id}`);
    off.addEventListener("click", async () => {
      await this.ask(`rules/${encodeURIComponent(id)}`, "DELETE");
      await this.load();
    });
    item.append(turn, count, text, off);
    return item;
  }
}
