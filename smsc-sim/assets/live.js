// The one WebSocket of this tab: events in pages, and a new connection when it breaks.

const WAIT_MIN_MS = 500;
const WAIT_MAX_MS = 10_000;

// Calls told.events(page) for each page and told.state("live" | "offline" | "connecting").
export function follow(path, told) {
  const url = new URL(path, location.href);
  url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
  let wait = WAIT_MIN_MS;
  const connect = () => {
    told.state("connecting");
    const socket = new WebSocket(url);
    socket.onopen = () => {
      wait = WAIT_MIN_MS;
      told.state("live");
    };
    socket.onmessage = (message) => told.events(JSON.parse(message.data));
    socket.onclose = () => {
      told.state("offline");
      setTimeout(connect, wait);
      wait = Math.min(wait * 2, WAIT_MAX_MS);
    };
  };
  connect();
}
