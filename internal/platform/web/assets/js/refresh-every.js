// Elements with data-refresh-every="5" ask for news every five seconds, as long as somebody can see them. What they
// fetch and how it is put in place is told by the same attributes as for data-refresh-on (see LiveRefresh in table.go).
const TICK = 500;

const began = Date.now();
const last = new WeakMap(); // element → time of its last refresh

function tick() {
  if (document.hidden) return;
  const now = Date.now();
  for (const element of document.querySelectorAll("[data-refresh-every]")) {
    if (now - (last.get(element) ?? began) < element.dataset.refreshEvery * 1000) continue;
    last.set(element, now);
    element.dispatchEvent(new CustomEvent("leadflip:refresh"));
  }
}

setInterval(tick, TICK);
document.addEventListener("visibilitychange", tick); // back in sight: at once, if it is due
