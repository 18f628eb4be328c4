import { announce } from "./announce.js";

// copyText also works on plain http, where the clipboard API doesn't exist: it selects the text and asks the browser
// to copy the selection.
export async function copyText(text) {
  if (navigator.clipboard && window.isSecureContext) {
    try {
      await navigator.clipboard.writeText(text);
      return true;
    } catch {
      // No permission: try the old way.
    }
  }
  const area = document.createElement("textarea");
  area.value = text;
  area.readOnly = true;
  area.className = "sr-only";
  const focused = document.activeElement;
  document.body.append(area);
  area.select();
  let ok = false;
  try {
    ok = document.execCommand("copy");
  } finally {
    area.remove();
    focused?.focus({ preventScroll: true });
  }
  return ok;
}

class CopyButton extends HTMLElement {
  connectedCallback() {
    this.addEventListener("click", this);
  }

  disconnectedCallback() {
    this.removeEventListener("click", this);
    clearTimeout(this.timer);
  }

  get text() {
    const target = this.dataset.target && document.getElementById(this.dataset.target);
    return target ? (target.value ?? target.textContent) : (this.dataset.text ?? "");
  }

  async handleEvent(event) {
    if (!event.target.closest("button")) return;
    if (!(await copyText(this.text))) {
      announce("Copying failed. Select the text and copy it with your keyboard.");
      return;
    }
    announce("Copied");
    this.show(true);
    this.dispatchEvent(new CustomEvent("leadflip:copied", { bubbles: true }));
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.show(false), 2000);
  }

  show(done) {
    this.querySelector("[data-icon=copy]").hidden = done;
    this.querySelector("[data-icon=done]").hidden = !done;
    const label = this.querySelector("[data-label]");
    if (!label) return;
    this.label ??= label.textContent;
    label.textContent = done ? "Copied" : this.label;
  }
}

customElements.define("copy-button", CopyButton);
