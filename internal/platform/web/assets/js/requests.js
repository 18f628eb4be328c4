import { toast } from "./announce.js";

// A form that changes something is sent once, however often the button is pressed.
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (event.defaultPrevented || form.method !== "post" || form.target) return;
  if (form.dataset.sent) {
    event.preventDefault();
    return;
  }
  form.dataset.sent = "yes";
  event.submitter?.setAttribute("aria-busy", "true");
});

// Back from the next page: the form may be sent again.
addEventListener("pageshow", () => {
  for (const form of document.querySelectorAll("form[data-sent]")) {
    delete form.dataset.sent;
    for (const button of form.querySelectorAll("[aria-busy]")) button.removeAttribute("aria-busy");
  }
});

// What refreshes by itself also fails by itself: the next refresh makes up for it, and nobody asked for this one.
const unasked = (event) => event.detail.ctx?.sourceEvent?.type === "leadflip:refresh";

// Requests made by htmx that did not get what their target can show.
document.addEventListener("htmx:response:error", (event) => {
  const status = event.detail.ctx.response.status;
  if (status === 401) location.reload(); // the login page comes, and leads back here
  else if (unasked(event)) return;
  else if (status === 403) toast("You may not do this.");
  else if (status === 429) toast("Too many requests. Please wait a moment.");
  else if (status >= 500) toast("That did not work. Please try again.");
});

document.addEventListener("htmx:error", (event) => unasked(event) || toast("No connection. Please try again."));
