// Menus are <details data-menu>. The script adds what people expect of a menu: one open at a time, closed by Escape,
// by a click outside and by tabbing out.

const open = () => document.querySelectorAll("details[data-menu][open]");

document.addEventListener("click", (event) => {
  for (const menu of open()) if (!menu.contains(event.target)) menu.open = false;
});

document.addEventListener("focusin", (event) => {
  for (const menu of open()) if (!menu.contains(event.target)) menu.open = false;
});

document.addEventListener("keydown", (event) => {
  const menu = event.target.closest?.("details[data-menu][open]");
  if (!menu || (event.key !== "ArrowDown" && event.key !== "ArrowUp")) return;
  const items = [...menu.querySelectorAll(".menu-panel :is(a, button)")];
  if (!items.length) return;
  event.preventDefault();
  const step = event.key === "ArrowDown" ? 1 : -1;
  const at = items.indexOf(document.activeElement);
  items[at < 0 ? (step > 0 ? 0 : items.length - 1) : (at + step + items.length) % items.length].focus();
});

// closeMenus is what Escape does first; it tells whether there was anything to close.
export function closeMenus() {
  const menus = [...open()];
  for (const menu of menus) {
    const inside = menu.contains(document.activeElement);
    menu.open = false;
    if (inside) menu.querySelector("summary").focus();
  }
  return menus.length > 0;
}
