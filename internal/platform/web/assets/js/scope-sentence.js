// Says in words what the form's choices allow. In the same form:
//   data-phrase="read|all leads"        on a checkbox or radio: what it allows, after "Can"; verbs and object
//   data-sentence="Ends 21 Feb 2027."   on a radio, checkbox or option: a sentence of its own

// The server composes the first version by the same rules: Sentence in sentence.go.
export function compose(phrases, sentences) {
  const groups = sayTogether(phrases);
  if (groups.length === 0) return ["Can do nothing yet.", ...sentences].join(" ");
  const said = [`Can ${joinGroups(groups)}.`];
  if (!phrases.some(reads)) said.push("Can read nothing.");
  return [...said, ...sentences].join(" ");
}

function sayTogether(phrases) {
  const groups = [];
  for (const phrase of phrases) {
    const at = phrase.indexOf("|");
    if (at < 0) {
      groups.push({ verbs: [phrase], objects: [] });
      continue;
    }
    const object = phrase.slice(at + 1);
    let group = groups.find((other) => other.objects[0] === object);
    if (!group) groups.push((group = { verbs: [], objects: [object] }));
    group.verbs.push(...phrase.slice(0, at).split(","));
  }
  const merged = [];
  for (const group of groups) {
    const same = group.objects.length && merged.find((other) => other.verbs.join() === group.verbs.join());
    if (same) same.objects.push(...group.objects);
    else merged.push(group);
  }
  return merged.map(({ verbs, objects }) => `${and(verbs)} ${and(objects)}`.trim());
}

function joinGroups(groups) {
  if (groups.length === 1 || !groups.join("\n").includes(" and ")) return and(groups);
  return groups.slice(0, -1).join("; ") + (groups.length === 2 ? ", and " : "; and ") + groups.at(-1);
}

const and = (words) => (words.length < 2 ? words.join("") : `${words.slice(0, -1).join(", ")} and ${words.at(-1)}`);

const reads = (phrase) =>
  phrase.startsWith("do everything") || phrase.split("|")[0].split(" ")[0].split(",").includes("read");

class ScopeSentence extends HTMLElement {
  connectedCallback() {
    this.form = this.closest("form");
    this.form?.addEventListener("input", this);
    this.form?.addEventListener("change", this);
    this.handleEvent();
  }

  disconnectedCallback() {
    this.form?.removeEventListener("input", this);
    this.form?.removeEventListener("change", this);
  }

  handleEvent() {
    if (!this.form) return;
    const values = (name) =>
      [...this.form.querySelectorAll(`[${name}]`)]
        .filter((element) => (element.checked || element.selected) && !element.disabled)
        .map((element) => element.getAttribute(name))
        .filter(Boolean);
    const text = compose(values("data-phrase"), values("data-sentence"));
    if (text !== this.textContent) this.textContent = text;
  }
}

customElements.define("scope-sentence", ScopeSentence);
