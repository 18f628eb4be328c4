import { closeMenus } from "./menus.js";

// "/" jumps to the search field; Escape closes a menu or tip, empties the search, or leaves a confirmation page.

const typing = (element) => element.closest?.("input, textarea, select, [contenteditable]") != null;

document.addEventListener("keydown", (event) => {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "/" && !typing(event.target)) {
    const field = document.querySelector("[data-slash-focus]");
    if (!field) return;
    event.preventDefault();
    field.focus();
    field.select();
  }
  if (event.key === "Escape") escape(event);
});

function escape(event) {
  if (closeMenus()) return;
  const tip = document.querySelector(".tip:is(:hover, :focus-within):not([data-dismissed])");
  if (tip) {
    tip.dataset.dismissed = "";
    tip.addEventListener("pointerleave", () => delete tip.dataset.dismissed, { once: true });
    tip.addEventListener("focusout", () => delete tip.dataset.dismissed, { once: true });
    return;
  }
  const form = document.querySelector("form[data-escape-href]");
  if (form?.dataset.escapeHref && !(typing(event.target) && event.target.value)) {
    location.assign(form.dataset.escapeHref);
  }
}

// Filters apply when changed.
document.addEventListener("change", (event) => {
  if (event.target.matches?.("[data-submit-on-change]")) event.target.form?.requestSubmit();
});

// Back from a confirmation page: the row it was about takes the focus. The browser, too, looks at the address once
// the page is loaded, and would take the focus away again; so this comes after it.
function focusRow() {
  const row = document.getElementById(location.hash.slice(1));
  if (row?.matches("tr")) row.querySelector("a, button, summary")?.focus();
}
if (location.hash) addEventListener("load", () => setTimeout(focusRow));
