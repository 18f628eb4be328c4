// Asks before leaving until the secret inside was copied or "I stored it" is ticked. Never again afterwards.
class LeaveGuard extends HTMLElement {
  connectedCallback() {
    const box = this.querySelector("[data-guard-box]");
    if (box) box.hidden = false;
    this.addEventListener("leadflip:copied", () => this.release());
    this.addEventListener("change", (event) => {
      if (event.target.closest("[data-guard-box]")) event.target.checked ? this.release() : this.hold();
    });
    this.hold();
  }

  disconnectedCallback() {
    this.release();
  }

  hold() {
    window.addEventListener("beforeunload", this);
  }

  release() {
    window.removeEventListener("beforeunload", this);
  }

  handleEvent(event) {
    event.preventDefault();
  }
}

customElements.define("leave-guard", LeaveGuard);
