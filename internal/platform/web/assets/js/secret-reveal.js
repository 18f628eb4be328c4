import { announce } from "./announce.js";

const DOTS = "•".repeat(24); // says nothing about the real length

// A secret behind dots. The label of the button always says what a press will do.
class SecretReveal extends HTMLElement {
  connectedCallback() {
    if (this.input) return;
    this.input = this.querySelector("[data-secret]");
    this.toggle = this.querySelector("[data-toggle]");
    this.querySelector("[data-plain]").remove();
    this.querySelector("[data-enhanced]").hidden = false;
    this.secret = this.input.dataset.secret;
    this.input.removeAttribute("data-secret");
    this.input.addEventListener("focus", () => this.input.select());
    this.toggle.addEventListener("click", () => {
      this.render(!this.shown);
      announce(this.shown ? "Secret shown" : "Secret hidden");
    });
    // Copying the selected dots by keyboard means the secret.
    this.input.addEventListener("copy", (event) => {
      event.clipboardData.setData("text/plain", this.secret);
      event.preventDefault();
      announce("Copied");
      this.dispatchEvent(new CustomEvent("leadflip:copied", { bubbles: true }));
    });
    this.render(false);
  }

  render(shown) {
    this.shown = shown;
    this.input.value = shown ? this.secret : DOTS;
    this.toggle.setAttribute("aria-pressed", String(shown));
    this.toggle.querySelector("[data-label]").textContent = shown ? "Hide" : "Reveal";
    this.toggle.querySelector("[data-icon=show]").hidden = shown;
    this.toggle.querySelector("[data-icon=hide]").hidden = !shown;
  }
}

customElements.define("secret-reveal", SecretReveal);
