// Keeps "3 min ago" current and adds the reader's own time to the exact one in the title.

const UNITS = [
  [365 * 86400, 365 * 86400, "y"],
  [60 * 86400, 30 * 86400, "mo"],
  [86400, 86400, "d"],
  [3600, 3600, "h"],
  [60, 60, "min"],
  [0, 1, "s"],
];

// The same words as Relative in time.go.
export function relative(then, now) {
  const seconds = Math.abs(now - then) / 1000;
  const past = now >= then;
  if (seconds < 10) return past ? "just now" : "in a moment";
  const [, size, unit] = UNITS.find(([from]) => seconds >= from);
  const text = `${Math.floor(seconds / size)} ${unit}`;
  return past ? `${text} ago` : `in ${text}`;
}

const local = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "long" });

function upgrade() {
  const now = Date.now();
  for (const element of document.querySelectorAll("time[datetime]")) {
    const then = Date.parse(element.dateTime);
    if (Number.isNaN(then)) continue;
    if (!element.title.includes("\n")) element.title = `${local.format(then)}\n${element.title}`;
    if ("relative" in element.dataset) {
      const text = relative(then, now);
      if (element.textContent !== text) element.textContent = text;
    }
  }
}

upgrade();
setInterval(() => document.hidden || upgrade(), 10_000);
document.addEventListener("visibilitychange", () => document.hidden || upgrade());
document.addEventListener("htmx:after:swap", upgrade);
