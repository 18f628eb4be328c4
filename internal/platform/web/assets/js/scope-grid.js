// <scope-grid>: boxes of rights. A box that another one already covers (data-covered-by="leads:read", or "*" which
// covers all) is shown as given and cannot be ticked any more. Without the script both may be ticked; it means the same.
class ScopeGrid extends HTMLElement {
  connectedCallback() {
    this.addEventListener("change", this);
    this.handleEvent();
  }

  get boxes() {
    return [...this.querySelectorAll("input[type=checkbox]")];
  }

  get ticked() {
    return this.boxes.filter((box) => box.checked && !box.disabled).map((box) => box.value);
  }

  tick(values) {
    for (const box of this.boxes) {
      box.disabled = false;
      box.checked = values.includes(box.value);
    }
    this.dispatchEvent(new Event("change", { bubbles: true }));
  }

  handleEvent() {
    const given = new Set(this.boxes.filter((box) => box.checked).map((box) => box.value));
    for (const box of this.boxes) {
      box.disabled = box.value !== "*" && (given.has("*") || given.has(box.dataset.coveredBy));
    }
  }
}

// <scope-presets>: links that tick boxes in place instead of loading the page with them. What was typed stays.
class ScopePresets extends HTMLElement {
  connectedCallback() {
    this.grid = document.querySelector("scope-grid");
    this.name = document.querySelector("input[name=name]");
    this.addEventListener("click", this);
    this.grid?.addEventListener("change", () => this.mark());
    this.suggested = this.links.find((link) => link.dataset.name && link.dataset.name === this.name?.value)?.dataset.name ?? "";
  }

  get links() {
    return [...this.querySelectorAll("a[data-scopes]")];
  }

  handleEvent(event) {
    const link = event.target.closest("a[data-scopes]");
    if (!link || !this.grid || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    const scopes = link.dataset.scopes.split(" ").filter(Boolean);
    if (scopes.length === 0) {
      this.grid.querySelector("input")?.focus();
      this.current(link);
      return;
    }
    this.grid.tick(scopes);
    if (this.name && (this.name.value === "" || this.name.value === this.suggested)) {
      this.name.value = this.suggested = link.dataset.name;
    }
  }

  // mark shows which preset the boxes are; any other choice is the one without scopes of its own.
  mark() {
    const now = this.grid.ticked.sort().join(" ");
    const fits = (link) => link.dataset.scopes.split(" ").filter(Boolean).sort().join(" ") === now;
    this.current(this.links.find((link) => link.dataset.scopes && fits(link)) ?? this.links.find((link) => !link.dataset.scopes));
  }

  current(link) {
    for (const other of this.links) other.toggleAttribute("aria-current", false);
    link?.setAttribute("aria-current", "true");
  }
}

customElements.define("scope-grid", ScopeGrid);
customElements.define("scope-presets", ScopePresets);
