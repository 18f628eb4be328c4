// Runs before the first paint: a chosen theme must not flash in the wrong colours.
try {
  const theme = localStorage.getItem("leadflip.theme");
  if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
} catch {
  // Storage may be forbidden; the system's theme is then the right one.
}
