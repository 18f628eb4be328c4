import type { Page } from "@playwright/test";
import { expect, logIn, test } from "../browser.ts";
import { owner, useServer } from "../server.ts";
import { Session } from "../session.ts";
import { invite, member } from "../world.ts";

const server = useServer();

// Each would call trip() if any view took it for markup, or leave an element marked "planted".
const payloads = [
  `<script>trip()</script>`,
  `"><script>trip()</script>`,
  `'><script>trip()</script>`,
  `</script><script>trip()</script>`,
  `</title><script>trip()</script>`,
  `</textarea><script>trip()</script>`,
  `</style><script>trip()</script>`,
  `</noscript><script>trip()</script>`,
  `</template><b planted>`,
  `--><script>trip()</script>`,
  `]]><script>trip()</script>`,
  `<img planted src=q onerror=trip()>`,
  `"><img planted src=q onerror=trip()>`,
  `'><img planted src=q onerror=trip()>`,
  `<svg planted onload=trip()>`,
  `<svg planted><script>trip()</script></svg>`,
  `<svg planted><animate onbegin=trip() attributeName=y>`,
  `<math planted><mtext><img src=q onerror=trip()>`,
  `<body planted onload=trip()>`,
  `<details planted open ontoggle=trip()>`,
  `<video planted src=q onerror=trip()>`,
  `<input planted autofocus onfocus=trip()>`,
  `<select planted autofocus onfocus=trip()>`,
  `<a planted href=javascript:trip()>y</a>`,
  `javascript:trip()`,
  `JaVaScRiPt:trip()`,
  `data:text/html,<script>trip()</script>`,
  `<iframe planted src=javascript:trip()>`,
  `<iframe planted srcdoc="<script>parent.trip()</script>">`,
  `<object planted data=javascript:trip()>`,
  `<embed planted src=javascript:trip()>`,
  `<form planted action=javascript:trip()><button>y`,
  `<button planted formaction=javascript:trip()>y`,
  `<base planted href=//outside.example/>`,
  `<meta planted http-equiv=refresh content=0;url=//outside.example>`,
  `<link planted rel=stylesheet href=//outside.example/y.css>`,
  `<style planted>@import"//outside.example"</style>`,
  `" onmouseover=trip() planted="`,
  `' onmouseover=trip() planted='`,
  `" autofocus onfocus=trip() planted="`,
  `" planted hx-on:load="trip()`,
  `<b planted hx-get=/login hx-trigger=load>`,
  `<b planted data-refresh-on=lead.created>`,
  `{{constructor.constructor('trip()')()}}`,
  "${trip()}",
  "`+trip()+`",
  `'-trip()-'`,
  `";trip();//`,
  `\\u003cscript\\u003etrip()\\u003c/script\\u003e`,
  `&lt;script&gt;trip()&lt;/script&gt;`,
  `&#60;script&#62;trip()&#60;/script&#62;`,
  `%3Cscript%3Etrip()%3C/script%3E`,
  `<scr<script>ipt>trip()</scr</script>ipt>`,
  `<live-updates planted src=//outside.example data-poll=//outside.example>`,
];

test("nothing that is typed or sent in becomes markup, on any page that shows it", async ({ visit }) => {
  const context = await visit(server(), { provokes: /status of 404/ });
  const tripped: string[] = [];
  await context.exposeFunction("trip", () => tripped.push("a script ran"));
  context.on("dialog", (dialog) => {
    tripped.push(dialog.message());
    void dialog.dismiss();
  });
  const page = await logIn(context);
  await page.evaluate("trip()");
  expect(tripped.splice(0), "the wire is tight").toHaveLength(1);
  const ada = await Session.of(server());
  const forms = server().app("settings/");

  /** Opens a page: it must show these texts as they were typed, and hold nothing made of them. */
  const look = async (address: string, texts: string[] = []) => {
    await page.goto(address);
    await page.evaluate(() => document.querySelectorAll("details").forEach((fold) => (fold.open = true)));
    expect(await page.locator("[planted], [href^='javascript:' i], [src^='javascript:' i], [action^='javascript:' i]").count(), address).toBe(0);
    if (texts.length) {
      const shown = await shownOn(page);
      expect(texts.filter((text) => !shown.includes(text.replaceAll(/\s+/g, " "))), address).toEqual([]);
    }
    expect(tripped, address).toEqual([]);
  };

  await test.step("in keys", async () => {
    const ids: string[] = [];
    for (const [i, text] of payloads.entries()) {
      const key = await server().must("POST", "/api/keys", { name: `${i} ${text}`, purpose: text, scopes: ["leads:write"] });
      ids.push(key.id);
    }
    await look(forms + "api-access", payloads);
    for (const id of ids.filter((_, i) => i % 5 === 0)) {
      const text = payloads[ids.indexOf(id)];
      for (const part of ["", "/edit", "/rotate", "/revoke"]) await look(`${forms}api-access/${id}${part}`, [text]);
    }
    await look(`${forms}api-access?q=${encodeURIComponent(payloads[1])}&status=${encodeURIComponent(payloads[12])}&sort=${encodeURIComponent(payloads[37])}&tab=${encodeURIComponent(payloads[37])}`);
    await look(`${forms}api-access/new?name=${encodeURIComponent(payloads[1])}&purpose=${encodeURIComponent(payloads[5])}&preset=${encodeURIComponent(payloads[11])}&scopes=${encodeURIComponent(payloads[12])}&expires=${encodeURIComponent(payloads[37])}`);
    await look(forms + "audit", [payloads.at(-1)!]);
  });

  await test.step("in leads", async () => {
    const key = (await server().must("POST", "/api/keys", { name: payloads[11], scopes: ["leads:write"] })).key;
    const leads: string[] = [];
    for (const [i, text] of payloads.entries()) {
      const lead = { entity: "leads", name: text, company: text, message: text, source: text, notes: [text, { text, tag: text.slice(0, 20) }], [`${i} ${text}`]: text, nested: { [text]: [text] } };
      leads.push((await server().must("POST", "/api/intake", lead, key)).lead_id);
    }
    await look(server().app("leads/leads?limit=200"), payloads);
    for (const [i, id] of leads.entries()) if (i % 3 === 0) await look(server().app(`leads/leads/${id}`), [payloads[i]]);
    await page.goto(server().app("leads/leads"));
    await server().must("POST", "/api/intake", { entity: "leads", name: `Live ${payloads[12]}`, source: payloads[14] }, key);
    await expect(page.getByRole("link", { name: `Live ${payloads[12]}` })).toBeVisible();
    expect(await page.locator("[planted]").count()).toBe(0);
  });

  await test.step("in names of environments", async () => {
    const names = new Map(payloads.filter((text) => text.length <= 40).map((text) => [text.toLowerCase(), text]));
    const short = [...names.values()];
    for (const text of short) expect((await ada.post(forms + "environments", { name: text, kind: "test" })).status, text).toBe(303);
    await look(forms + "environments", short);
    await look(forms + "api-access/new", short);
    const links = await page.locator(".sidebar .switcher a").evaluateAll((all) => all.map((a) => a.getAttribute("href")!));
    for (const link of links.filter((_, i) => i % 10 === 1)) await look(link);
  });

  await test.step("in the names of people and of the account", async () => {
    // Every page names the account, in its frame and its title.
    for (const text of payloads) {
      expect((await ada.post(forms + "general", { name: text, exposed_policy: "mark" })).status, text).toBe(303);
      await look(`${server().url}/app/acme-solar/production/entities`, [text]);
    }
    await look(forms + "general", [payloads.at(-1)!]);
    const names = [payloads[1], payloads[12], payloads[37], payloads[19]];
    for (const [i, name] of names.entries()) {
      const link = await invite(server(), ada, `person${i}@example.com`, "admin");
      expect((await new Session(server()).post(link, { name, password: `${member.password} ${i}` })).status, name).toBe(303);
    }
    await look(forms + "members", names);
    await look(forms + "audit", names);
    await ada.post(forms + "general", { name: owner.account, exposed_policy: "mark" });
  });

  await test.step("in addresses", async () => {
    const addresses = payloads.flatMap((text) => {
      const sent = encodeURIComponent(text);
      return [`/help?q=${sent}`, `/login?next=${sent}`, `/help/${sent}`, `/app/${sent}/production/leads`, `/app/acme-solar/production/settings/${sent}`];
    });
    const planted = await page.evaluate(async (all) => {
      const bad: string[] = [];
      for (const address of all) {
        const parsed = new DOMParser().parseFromString(await (await fetch(address)).text(), "text/html");
        if (parsed.querySelector("[planted], script:not([src])")) bad.push(address);
      }
      return bad;
    }, addresses);
    expect(planted).toEqual([]);
    await look(`/help?q=${encodeURIComponent(payloads[1])}`);
    await look(`/help/${encodeURIComponent(payloads[11])}`);
  });
  expect(tripped).toEqual([]);
});

/** All text of a page, and what stands in its fields. */
const shownOn = (page: Page) =>
  page.evaluate(() => [document.body.textContent, ...[...document.querySelectorAll("input, textarea")].map((field) => (field as HTMLInputElement).value)].join("\n").replaceAll(/\s+/g, " "));
