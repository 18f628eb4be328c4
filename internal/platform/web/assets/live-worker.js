// One event stream per browser. Browsers allow six connections to a host over HTTP/1.1; a stream in every tab would
// use them up. Tabs subscribe by message; the stream is open while at least one of them is visible.
//
// The stream is read by fetch and not by EventSource: that one only delivers event types it was told beforehand, and
// hides the status, so "logged out" would look like "network down".

const streams = new Map(); // src → Stream
const SILENCE = 60_000; // the server sends a comment at least every 30 s
const LOST = 90_000; // a visible tab reports every 30 s

class Stream {
  constructor(src) {
    this.src = src;
    this.cursor = "";
    this.tabs = new Map(); // port → { visible, heard }
    this.abort = null;
    this.delay = 1000;
  }

  update() {
    const now = Date.now();
    for (const [port, tab] of this.tabs) if (now - tab.heard > LOST && tab.visible) this.tabs.delete(port);
    const wanted = [...this.tabs.values()].some((tab) => tab.visible);
    if (wanted && !this.abort) this.run();
    if (!wanted && this.abort) this.abort.abort();
  }

  send(message) {
    for (const port of this.tabs.keys()) port.postMessage(message);
  }

  async run() {
    const abort = (this.abort = new AbortController());
    let status = 0;
    try {
      const url = new URL(this.src, location.origin);
      if (this.cursor) url.searchParams.set("after", this.cursor);
      const response = await fetch(url, {
        signal: abort.signal,
        headers: { Accept: "text/event-stream" },
        credentials: "same-origin",
        cache: "no-store",
      });
      status = response.status;
      if (response.ok && response.body) {
        this.delay = 1000;
        this.send({ type: "up" });
        await this.read(response.body, abort);
      }
    } catch {
      // Network trouble or our own abort: both end below.
    }
    this.abort = null;
    if (status === 401 || status === 403) {
      this.send({ type: "denied" });
      return;
    }
    this.send({ type: "down" });
    setTimeout(() => this.update(), this.delay);
    this.delay = Math.min(this.delay * 2, 30_000);
  }

  async read(body, abort) {
    const reader = body.pipeThrough(new TextDecoderStream()).getReader();
    let rest = "";
    for (;;) {
      const watchdog = setTimeout(() => abort.abort(), SILENCE);
      const { value, done } = await reader.read().finally(() => clearTimeout(watchdog));
      if (done) return;
      const blocks = (rest + value).replaceAll("\r\n", "\n").split("\n\n");
      rest = blocks.pop();
      for (const block of blocks) this.deliver(block);
    }
  }

  deliver(block) {
    const event = { id: "", type: "message", data: "" };
    for (const line of block.split("\n")) {
      const [, field, value] = /^([a-z]+): ?(.*)$/.exec(line) ?? [];
      if (field === "id") event.id = value;
      else if (field === "event") event.type = value;
      else if (field === "data") event.data += (event.data && "\n") + value;
    }
    if (event.id) this.cursor = event.id;
    if (event.data) this.send({ type: "event", event });
  }
}

function receive(port, message) {
  if (message.type === "subscribe" && !streams.has(message.src)) streams.set(message.src, new Stream(message.src));
  const stream = streams.get(message.src);
  if (!stream) return;
  if (message.type === "bye") stream.tabs.delete(port);
  else stream.tabs.set(port, { visible: message.visible, heard: Date.now() });
  // A tab that has just caught up knows where an idle stream has to go on.
  if (!stream.abort && message.cursor) stream.cursor = message.cursor;
  stream.update();
}

self.onconnect = ({ ports: [port] }) => {
  port.onmessage = ({ data }) => receive(port, data);
  port.start();
};

setInterval(() => streams.forEach((stream) => stream.update()), 30_000);
