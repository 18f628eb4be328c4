// The button works once the name was typed. The server checks it again.
class ConfirmName extends HTMLElement {
  connectedCallback() {
    this.input = this.querySelector("input[name=confirm]");
    this.button = this.querySelector("[data-confirm]");
    this.input.addEventListener("input", () => this.render());
    this.render();
  }

  render() {
    this.button.disabled = this.input.value.trim() !== this.dataset.expect;
  }
}

customElements.define("confirm-name", ConfirmName);
