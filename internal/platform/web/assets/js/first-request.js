// Turns green when the key is used for the first time.
// Event key.first_used: { key_id, status, micros, ip }.
class FirstRequest extends HTMLElement {
  connectedCallback() {
    document.addEventListener("leadflip:key.first_used", this);
  }

  disconnectedCallback() {
    document.removeEventListener("leadflip:key.first_used", this);
  }

  handleEvent({ detail }) {
    if (detail.key_id !== this.dataset.keyId || this.dataset.state === "done") return;
    this.dataset.state = "done";
    const strong = document.createElement("strong");
    const ms = detail.micros < 1000 ? "under 1" : Math.round(detail.micros / 1000);
    strong.textContent = `${detail.status} in ${ms} ms from ${detail.ip}`;
    this.querySelector("[data-text]").replaceChildren(strong, " Your key works.");
  }
}

customElements.define("first-request", FirstRequest);
