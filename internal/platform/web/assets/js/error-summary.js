// A form that came back with errors: the summary takes the focus, so that it is read first.
class ErrorSummary extends HTMLElement {
  connectedCallback() {
    this.focus();
    // A link to a field should also put the cursor in it.
    this.addEventListener("click", (event) => {
      const link = event.target.closest("a[href^='#']");
      const field = link && document.getElementById(decodeURIComponent(link.hash.slice(1)));
      if (!field) return;
      event.preventDefault();
      for (let fold = field.closest("details:not([open])"); fold; fold = field.closest("details:not([open])")) fold.open = true;
      field.focus();
    });
  }
}

customElements.define("error-summary", ErrorSummary);
