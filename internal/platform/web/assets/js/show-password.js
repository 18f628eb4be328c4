// Shows what was typed into a password field. The label says what a press will do.
class ShowPassword extends HTMLElement {
  connectedCallback() {
    const input = this.querySelector("input");
    const button = this.querySelector("button");
    if (!button.hidden) return;
    button.hidden = false;
    button.addEventListener("click", () => {
      const shown = input.type === "text";
      input.type = shown ? "password" : "text";
      button.textContent = shown ? "Show" : "Hide";
    });
    // Managers and the browser's own store look for a password field when the form is sent.
    input.form?.addEventListener("submit", () => (input.type = "password"));
  }
}

customElements.define("show-password", ShowPassword);
