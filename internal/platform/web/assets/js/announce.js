// announce speaks to screen readers; toast also shows.

export function announce(text) {
  const region = document.getElementById("announcer");
  if (!region) return;
  // The same words twice would be no change, and so not be read.
  region.textContent = "";
  requestAnimationFrame(() => (region.textContent = text));
}

export function toast(text) {
  const region = document.getElementById("toasts");
  if (!region) return;
  const box = document.createElement("div");
  box.className = "toast";
  box.textContent = text;
  region.append(box);
  setTimeout(() => box.remove(), 6000);
}

// Servers can ask for a toast with the header HX-Trigger: {"leadflip:toast":{"text":"Saved"}}
document.addEventListener("leadflip:toast", (event) => toast(event.detail.text ?? event.detail.value));
