import { announce } from "./announce.js";

// Adds the reader's own address to a list, one per line, once.
class AddIP extends HTMLElement {
  connectedCallback() {
    const button = this.querySelector("button");
    const { ip, target } = this.dataset;
    button.hidden = false;
    button.addEventListener("click", () => {
      const area = document.getElementById(target);
      const lines = area.value.split(/[\s,]+/).filter(Boolean);
      if (!lines.includes(ip)) {
        area.value = [...lines, ip].join("\n");
        area.dispatchEvent(new Event("input", { bubbles: true }));
      }
      announce(`${ip} is on the list`);
    });
  }
}

customElements.define("add-ip", AddIP);
