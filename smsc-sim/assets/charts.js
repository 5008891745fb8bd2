// Rates of the last two minutes, one point each second.

const SECONDS = 120;
const HEIGHT = 150;
const SERIES = [
  ["messages", "--messages"],
  ["refused", "--refused"],
  // Where each message has one receipt this line lies on the first.
  ["deliveries", "--deliveries", [4, 4]],
];

function timeOfDay(seconds) {
  return new Date(seconds * 1000).toISOString().slice(11, 19);
}

// As few characters as the axis has room for: 950, 12k, 1.2M.
function short(number) {
  const [unit, name] = number >= 1e6 ? [1e6, "M"] : number >= 1e3 ? [1e3, "k"] : [1, ""];
  return `${Math.round((number / unit) * 10) / 10}${name}`;
}

export class Charts {
  constructor(place) {
    this.place = place;
    this.counts = {};
    const now = Math.floor(Date.now() / 1000);
    this.data = [Array.from({ length: SECONDS }, (_, at) => now - SECONDS + 1 + at)];
    for (const [name] of SERIES) {
      this.counts[name] = 0;
      this.data.push(new Array(SECONDS).fill(0));
    }
    this.plot = null;
    this.draw();
    // Colours are the theme's, and the width is the column's.
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.draw());
    new ResizeObserver(() => {
      this.plot?.setSize({ width: this.place.clientWidth, height: HEIGHT });
    }).observe(place);
  }

  draw() {
    if (!window.uPlot) return;
    this.plot?.destroy();
    const style = getComputedStyle(document.documentElement);
    const colour = (name) => {
      const probe = document.createElement("i");
      probe.className = `colour${name}`;
      document.body.append(probe);
      const found = getComputedStyle(probe).color;
      probe.remove();
      return found || style.color;
    };
    const axis = { stroke: colour("--muted"), grid: { stroke: colour("--line"), width: 1 },
      ticks: { show: false }, font: "11px system-ui" };
    this.plot = new window.uPlot({
      width: this.place.clientWidth,
      height: HEIGHT,
      cursor: { y: false },
      legend: { show: true, live: false },
      scales: { y: { range: (_, low, high) => [0, Math.max(high, 5)] } },
      axes: [{ ...axis, space: 80, values: (_, times) => times.map(timeOfDay) },
        { ...axis, size: 44, space: 30, values: (_, rates) => rates.map(short) }],
      series: [
        { label: "UTC" },
        ...SERIES.map(([label, name, dash]) => ({
          label, stroke: colour(name), width: 2, dash, points: { show: false },
        })),
      ],
    }, this.data, this.place);
  }

  // What was before the page was opened, or while it was not connected, as the server has counted
  // it.
  async history(path) {
    const answer = await fetch(path).catch(() => null);
    if (!answer?.ok) return;
    const { rates } = await answer.json();
    const places = new Map(this.data[0].map((second, at) => [second, at]));
    for (const rate of rates) {
      const place = places.get(rate.unix_s);
      if (place === undefined) continue;
      SERIES.forEach(([name], at) => { this.data[at + 1][place] = rate[name]; });
    }
    this.plot?.setData(this.data);
    this.describe();
  }

  // For those who do not see the lines.
  describe() {
    const sums = SERIES.map(([name], at) => {
      const sum = this.data[at + 1].reduce((all, rate) => all + rate, 0);
      return `${sum.toLocaleString("en")} ${name}`;
    });
    this.place.setAttribute("aria-label", `In the last two minutes ${sums.join(", ")}`);
  }

  count(name) {
    this.counts[name] += 1;
  }

  // Closes a second: what was counted in it becomes a point.
  tick() {
    const rates = { ...this.counts };
    this.data[0].push(Math.floor(Date.now() / 1000));
    this.data[0].shift();
    SERIES.forEach(([name], at) => {
      this.data[at + 1].push(this.counts[name]);
      this.data[at + 1].shift();
      this.counts[name] = 0;
    });
    if (!document.hidden) this.plot?.setData(this.data);
    this.describe();
    return rates;
  }
}
