// <pick-list> around a table whose rows have a checkbox named "pick": one box in the heading ticks all of them, Shift
// and a click tick a whole range, and the bar below says how many there are. Without the script each box works alone.
class PickList extends HTMLElement {
  connectedCallback() {
    this.addEventListener("click", this);
    this.addEventListener("change", this);
    document.addEventListener("htmx:after:swap", this);
    this.render();
  }

  disconnectedCallback() {
    document.removeEventListener("htmx:after:swap", this);
  }

  get boxes() {
    return [...this.querySelectorAll("input[name=pick]")];
  }

  handleEvent(event) {
    const box = event.target;
    if (event.type === "click") {
      if (box.matches("input[name=pick]")) this.range(box, event.shiftKey);
      return; // a change follows where something was ticked
    }
    if (event.type === "change" && box.matches("[data-pick-all]")) for (const other of this.boxes) other.checked = box.checked;
    this.render();
  }

  range(box, wide) {
    const boxes = this.boxes;
    const from = boxes.indexOf(this.anchor);
    if (wide && from >= 0) {
      const to = boxes.indexOf(box);
      for (const other of boxes.slice(Math.min(from, to), Math.max(from, to) + 1)) other.checked = box.checked;
    }
    this.anchor = box;
  }

  render() {
    const boxes = this.boxes;
    const picked = boxes.filter((box) => box.checked);
    for (const box of boxes) box.closest("tr")?.toggleAttribute("data-picked-row", box.checked);
    const all = this.querySelector("[data-pick-all]");
    if (all) {
      all.hidden = boxes.length === 0;
      all.checked = boxes.length > 0 && picked.length === boxes.length;
      all.indeterminate = picked.length > 0 && picked.length < boxes.length;
    }
    const count = this.querySelector("[data-picked]");
    if (count && count.textContent !== String(picked.length)) count.textContent = picked.length;
  }
}

customElements.define("pick-list", PickList);
