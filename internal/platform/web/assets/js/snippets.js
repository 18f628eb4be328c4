// Remembers the language of code examples everywhere.
const KEY = "leadflip.lang";

class CodeSnippets extends HTMLElement {
  connectedCallback() {
    this.addEventListener("change", (event) => choose(event.target.value));
    try {
      this.pick(localStorage.getItem(KEY));
    } catch {
      // Storage is forbidden: the first language stays.
    }
  }

  pick(lang) {
    const radio = [...this.querySelectorAll("input[type=radio]")].find((input) => input.value === lang);
    if (radio) radio.checked = true;
  }
}

function choose(lang) {
  try {
    localStorage.setItem(KEY, lang);
  } catch {
    // See above.
  }
  for (const snippets of document.querySelectorAll("code-snippets")) snippets.pick(lang);
}

customElements.define("code-snippets", CodeSnippets);
