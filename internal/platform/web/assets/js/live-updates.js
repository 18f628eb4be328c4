// <live-updates src data-poll data-cursor> turns the server's events into DOM events "leadflip:<type>" on document
// (detail: the parsed data) and refreshes elements with data-refresh-on="<type> …".

const KNOWN = 500; // ids remembered, since stream and poll may both deliver an event
const POLL = 2000;
const HELLO = 30_000;

class LiveUpdates extends HTMLElement {
  connectedCallback() {
    this.src = this.getAttribute("src");
    this.cursor = this.dataset.cursor ?? "";
    this.known = new Set();
    this.waiting = null; // events that arrived while a poll was on its way
    this.lifetime = new AbortController();
    const options = { signal: this.lifetime.signal };
    document.addEventListener("visibilitychange", () => this.wake(), options);
    addEventListener("pageshow", (event) => event.persisted && this.wake(), options);
    addEventListener("pagehide", () => this.tell("bye"), options);
    this.connect();
    this.wake();
  }

  disconnectedCallback() {
    this.tell("bye");
    this.lifetime.abort();
    clearInterval(this.timer);
  }

  connect() {
    if (!window.SharedWorker || !window.TextDecoderStream) return;
    try {
      const worker = new SharedWorker(new URL("../live-worker.js", import.meta.url), { name: "leadflip-live" });
      worker.onerror = () => this.lose();
      worker.port.onmessage = ({ data }) => this.hear(data);
      worker.port.start();
      this.port = worker.port;
    } catch {
      this.port = null; // polling does it
    }
  }

  lose() {
    this.port = null;
    this.wake();
  }

  tell(type) {
    this.port?.postMessage({ type, src: this.src, cursor: this.cursor, visible: !document.hidden });
  }

  // wake catches up from this tab's own cursor, then follows the stream, or polls where there is none.
  async wake() {
    clearInterval(this.timer);
    if (document.hidden) {
      this.tell("visibility");
      return;
    }
    await this.poll();
    this.tell("subscribe");
    if (this.port) this.follow();
    else this.ask();
  }

  // follow leaves it to the stream and tells the worker now and then that this tab is there.
  follow() {
    clearInterval(this.timer);
    this.timer = setInterval(() => this.tell("visibility"), HELLO);
  }

  // ask polls, where there is no stream.
  ask() {
    clearInterval(this.timer);
    if (document.hidden) return;
    this.timer = setInterval(() => {
      this.poll();
      if (this.port) this.tell("visibility");
    }, POLL);
  }

  hear(message) {
    if (message.type === "event") {
      if (this.waiting) this.waiting.push(message.event);
      else this.deliver(message.event);
    } else if (message.type === "up") {
      this.follow();
      this.poll();
    } else if (message.type === "down") {
      this.ask(); // until the stream is back
    } else if (message.type === "denied") {
      clearInterval(this.timer);
    }
  }

  async poll() {
    if (this.waiting) return;
    this.waiting = [];
    try {
      const url = new URL(this.dataset.poll ?? this.src + "/poll", location.href);
      if (this.cursor) url.searchParams.set("after", this.cursor);
      const response = await fetch(url, { headers: { Accept: "application/json" }, cache: "no-store" });
      if (response.status === 401) clearInterval(this.timer);
      if (response.ok) {
        const { events, cursor } = await response.json();
        for (const event of events ?? []) this.deliver(event);
        if (cursor) this.cursor = cursor;
      }
    } catch {
      // The next poll or the stream will catch up.
    } finally {
      const late = this.waiting;
      this.waiting = null;
      for (const event of late) this.deliver(event);
    }
  }

  deliver(event) {
    if (event.id) {
      if (this.known.has(event.id)) return;
      this.known.add(event.id);
      if (this.known.size > KNOWN) this.known.delete(this.known.values().next().value);
      this.cursor = event.id;
    }
    let detail = event.data;
    if (typeof detail === "string") {
      try {
        detail = JSON.parse(detail);
      } catch {
        return; // not ours
      }
    }
    document.dispatchEvent(new CustomEvent("leadflip:" + event.type, { detail }));
    refresh(event.type);
  }
}

const due = new Map(); // element → timer: a burst of events makes one request

function refresh(type) {
  for (const element of document.querySelectorAll("[data-refresh-on]")) {
    if (due.has(element) || !element.dataset.refreshOn.split(/\s+/).includes(type)) continue;
    due.set(
      element,
      setTimeout(() => {
        due.delete(element);
        if (element.isConnected) element.dispatchEvent(new CustomEvent("leadflip:refresh"));
      }, 150),
    );
  }
}

customElements.define("live-updates", LiveUpdates);
