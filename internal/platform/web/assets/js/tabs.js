// A tab bar that is wider than the phone begins with the current tab in view.
for (const bar of document.querySelectorAll(".tabs")) {
  const tab = bar.querySelector("[aria-current]");
  if (tab) bar.scrollLeft = tab.offsetLeft - (bar.clientWidth - tab.clientWidth) / 2;
}
