// <expiry-choice>: the sentence of a date follows the date. Which fields are shown is up to the stylesheet.
const DAYS = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

class ExpiryChoice extends HTMLElement {
  connectedCallback() {
    this.addEventListener("input", this);
    this.addEventListener("change", this);
  }

  handleEvent() {
    const date = this.querySelector("input[type=date]");
    const radio = this.querySelector("input[type=radio][value=date]");
    const day = date?.valueAsDate;
    if (!radio || !day) return;
    radio.dataset.sentence = `Ends ${DAYS[day.getUTCDay()]} ${day.getUTCDate()} ${MONTHS[day.getUTCMonth()]} ${day.getUTCFullYear()}.`;
  }
}

// <said-choice data-more>: says what the chosen radio of its form means (data-sentence).
class SaidChoice extends HTMLElement {
  connectedCallback() {
    this.form = this.closest("form");
    this.form?.addEventListener("change", this);
  }

  disconnectedCallback() {
    this.form?.removeEventListener("change", this);
  }

  handleEvent() {
    const chosen = this.form.querySelector("input[type=radio][data-sentence]:checked");
    if (chosen) this.textContent = `${chosen.dataset.sentence} ${this.dataset.more ?? ""}`;
  }
}

customElements.define("expiry-choice", ExpiryChoice);
customElements.define("said-choice", SaidChoice);
