// Chooses auto, light or dark for this browser.
class ThemeSwitch extends HTMLElement {
  connectedCallback() {
    this.addEventListener("click", this);
    this.render();
  }

  handleEvent(event) {
    const button = event.target.closest("button");
    if (!button) return;
    const root = document.documentElement;
    if (button.value === "auto") delete root.dataset.theme;
    else root.dataset.theme = button.value;
    try {
      if (button.value === "auto") localStorage.removeItem("leadflip.theme");
      else localStorage.setItem("leadflip.theme", button.value);
    } catch {
      // Storage is forbidden: the choice holds for this page.
    }
    for (const other of document.querySelectorAll("theme-switch")) other.render();
  }

  render() {
    const now = document.documentElement.dataset.theme ?? "auto";
    for (const button of this.querySelectorAll("button")) {
      button.setAttribute("aria-pressed", String(button.value === now));
    }
  }
}

customElements.define("theme-switch", ThemeSwitch);
