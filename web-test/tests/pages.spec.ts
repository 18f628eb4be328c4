import type { BrowserContext, Page } from "@playwright/test";
import axe from "axe-core";
import { expect, logIn, overflow, test } from "../browser.ts";
import { plainHost } from "../browser-options.ts";
import { useServer } from "../server.ts";
import { fill, member, type World } from "../world.ts";

// Every page there is, found by following every link of every page and by provoking the rest: it passes axe in light and
// in dark, it is no wider than a phone, and nothing on it offends the browser or the content security policy (see visit).

test.describe.configure({ mode: "parallel" });
const server = useServer();
let world: World;
test.beforeAll(async () => {
  world = await fill(server());
});

const wide = { width: 1280, height: 860 };
const phone = { width: 360, height: 740 };

class Inspector {
  readonly problems: string[] = [];
  readonly nonces: string[] = [];
  readonly seen: string[] = [];

  /** Listens to the pages of a browser. */
  follow(context: BrowserContext) {
    context.on("response", (response) => {
      const nonce = /'nonce-([^']+)'/.exec(response.headers()["content-security-policy"] ?? "")?.[1];
      if (nonce && response.request().isNavigationRequest()) this.nonces.push(nonce);
    });
  }

  /** Looks at the page as it stands: light, dark, and as wide as a phone. */
  async look(page: Page, what: string) {
    this.seen.push(what);
    await this.axe(page, what);
    await this.dark(page, what);
    await page.setViewportSize(phone);
    const too = await overflow(page);
    if (too > 0) this.problems.push(`${what}: ${too} px wider than a phone`);
    await this.axe(page, `${what}, on a phone`);
    await page.setViewportSize(wide);
  }

  /** Opens a menu, wide and on a phone. */
  async menu(page: Page, selector: string) {
    for (const size of [wide, phone]) {
      await page.setViewportSize(size);
      const topbar = page.locator(".topbar > details");
      if ((await topbar.isVisible()) && !(await page.locator(selector).first().isVisible())) await topbar.locator("> summary").click();
      const menu = page.locator(`${selector}:visible`).first();
      await menu.locator("> summary").click();
      const panel = menu.locator("> .menu-panel");
      await expect(panel).toBeVisible();
      const name = `${new URL(page.url()).pathname}, menu ${selector} at ${size.width} px`;
      await this.axe(page, name, { within: selector });
      await this.dark(page, name, selector);
      const box = (await panel.boundingBox())!;
      if (box.x < 4 || box.x + box.width > size.width - 4 || (await overflow(page)) > 0) this.problems.push(`${name}: it leaves the window`);
      await page.keyboard.press("Escape");
      await expect(panel).toBeHidden();
    }
    await page.setViewportSize(wide);
  }

  // Of the rules, those about colour are the ones that another theme can break.
  private async dark(page: Page, where: string, within?: string) {
    await page.emulateMedia({ colorScheme: "dark" });
    await this.axe(page, `${where}, dark`, { rules: ["color-contrast", "link-in-text-block"], within });
    await page.emulateMedia({ colorScheme: "light" });
  }

  private async axe(page: Page, where: string, { rules, within }: { rules?: string[]; within?: string } = {}) {
    if (!(await page.evaluate(() => "axe" in window))) await page.evaluate(axe.source);
    const violations = await page.evaluate(
      async ({ rules, within }) => {
        // A change of theme fades; only its end counts.
        for (const animation of document.getAnimations()) if (animation.effect?.getComputedTiming().endTime !== Infinity) animation.finish();
        const context = within ? [...document.querySelectorAll(`${within}[open]`)] : document;
        return (await axe.run(context as axe.ElementContext, { resultTypes: ["violations"], preload: false, ...(rules ? { runOnly: rules } : {}) })).violations;
      },
      { rules, within },
    );
    for (const v of violations) this.problems.push(`${where}: ${v.id}: ${v.help}\n${v.nodes.map((n) => `    ${n.html.slice(0, 200)}\n    ${n.failureSummary?.replaceAll("\n", " ")}`).join("\n")}`);
  }

  verdict() {
    expect(new Set(this.nonces).size, "each answer has a nonce of its own").toBe(this.nonces.length);
    expect(this.nonces.length).toBeGreaterThan(this.seen.length / 2);
    expect(this.problems.join("\n")).toBe("");
  }
}

/** The shape of an address: pages of one shape differ in what they are about only. */
const shape = (url: URL) =>
  url.pathname.replaceAll(/[0-9a-f]{8}-[0-9a-f-]{27}/g, "{id}").replace(/^(\/app\/[^/]+\/)[^/]+/, "$1{env}").replace(/(\/help\/errors\/).+/, "$1{code}") +
  [...url.searchParams.keys()].filter((name) => name !== "sort").sort().map((name) => "?" + name).join("");

/** Follows every link from some pages on. Every address must answer; one page of each shape is returned. */
async function crawl(page: Page, from: string[]): Promise<string[]> {
  const found = new Set(from.map((address) => new URL(address, server().url).href));
  const shapes = new Map<string, number>();
  const chosen: string[] = [];
  for (const address of found) {
    const url = new URL(address);
    const count = (shapes.get(shape(url)) ?? 0) + 1;
    shapes.set(shape(url), count);
    // Of one shape a few are enough for the links in them; the help is read whole.
    if (count > 3 && !url.pathname.startsWith("/help/")) continue;
    const answer = await page.evaluate(async (href) => {
      const response = await fetch(href, { headers: { Accept: "text/html, */*" } });
      const html = (response.headers.get("Content-Type") ?? "").startsWith("text/html");
      const text = await response.text();
      const links = html ? [...new DOMParser().parseFromString(text, "text/html").querySelectorAll("a[href]")].map((a) => a.getAttribute("href")!) : [];
      return { status: response.status, page: html && !response.redirected, links };
    }, address);
    expect(answer.status, address).toBe(200);
    if (answer.page && count === 1) chosen.push(address);
    for (const link of answer.links) {
      const target = new URL(link, address);
      target.hash = "";
      if (target.origin === server().url) found.add(target.href);
    }
  }
  return chosen;
}

test("every page that a link leads to", async ({ visit }) => {
  const inspector = new Inspector();
  const { keys, leads } = world;
  const context = await visit(server());
  inspector.follow(context);
  const page = await logIn(context);
  const settings = server().app("settings/");
  const key = (name: string, rest = "") => `${settings}api-access/${keys[name].id}${rest}`;

  const pages = await crawl(page, [server().app("leads"), server().app("entities"), "/help", ...Object.values(leads).map((id) => server().app(`leads/leads/${id}`))]);
  for (const address of pages) {
    await page.goto(address);
    await page.evaluate(() => document.querySelectorAll("details:not([data-menu], .topbar > *)").forEach((fold) => ((fold as HTMLDetailsElement).open = true)));
    await inspector.look(page, new URL(address).pathname + new URL(address).search);
  }
  expect(inspector.seen.length).toBeGreaterThan(30);

  for (const name of ["Old newsletter tool", "Partner feed", "Trade fair 2025", "CRM sync", "Nightly report"]) {
    await page.goto(key(name));
    await inspector.look(page, `the key ${name}`);
  }
  inspector.verdict();
});

test("menus, and what forms answer", async ({ visit }) => {
  const inspector = new Inspector();
  const { keys } = world;
  const context = await visit(server());
  inspector.follow(context);
  const page = await logIn(context);
  const settings = server().app("settings/");
  const key = (name: string, rest = "") => `${settings}api-access/${keys[name].id}${rest}`;

  await page.goto(settings + "api-access");
  for (const menu of [".switcher", ".person", ".status-menu", ".menu-end:not(.status-menu)"]) await inspector.menu(page, "details" + menu);
  await page.goto(key("Website server"));
  await inspector.menu(page, "details.menu-end");
  await page.goto(settings + "members");
  await inspector.menu(page, "details.menu-end");

  // What a form answers.
  await page.goto(settings + "api-access/new");
  await page.getByRole("button", { name: "Create key" }).click();
  await inspector.look(page, "a key without a name");
  await page.getByLabel("Name", { exact: true }).fill("Look at me");
  await page.getByRole("button", { name: "Create key" }).click();
  await expect(page.getByRole("heading", { name: "“Look at me” is ready" })).toBeVisible();
  await inspector.look(page, "the revealed key");
  await page.getByLabel("I stored it").check();
  await page.reload();
  await inspector.look(page, "a key that was shown already");
  await page.goto(key("Website server", "/rotate"));
  await page.getByRole("button", { name: "Rotate key" }).click();
  await expect(page.getByRole("heading", { name: "has a new key" })).toBeVisible();
  await inspector.look(page, "a rotated key");
  await page.getByLabel("I stored it").check();
  await page.goto(settings + "api-access");
  await page.getByLabel("Select Nightly report").check();
  await page.getByLabel("Select Website form").check();
  await inspector.look(page, "chosen keys");
  await page.getByRole("button", { name: "Revoke…" }).click();
  await inspector.look(page, "several keys to revoke");
  await page.goto(settings + "api-access?q=nothing-has-this-name");
  await inspector.look(page, "no key found");
  await page.goto(settings + "environments");
  await page.getByRole("button", { name: "Add environment" }).click();
  await inspector.look(page, "an environment without a name");
  await page.goto(settings + "members");
  await page.getByRole("textbox", { name: "E-mail" }).fill("nobody");
  await page.locator("form:has([name=nonce]) button[type=submit]").click();
  await inspector.look(page, "an invitation of nobody");
  await page.getByRole("textbox", { name: "E-mail" }).fill("nobody@example.com");
  await page.locator("form:has([name=nonce]) button[type=submit]").click();
  await inspector.look(page, "an invitation");
  await page.goto(settings + "security");
  await page.locator("[name=password]").fill("wrong");
  await page.locator("[name=new_password]").fill("short");
  await page.getByRole("button", { name: "Change password" }).click();
  await inspector.look(page, "a password that is no good");
  await page.goto(server().app("leads/leads", "staging"));
  await inspector.look(page, "no leads, in a test environment");
  await page.goto(server().app("settings/api-access", "staging"));
  await inspector.look(page, "no keys, in a test environment");
  for (const address of [server().app("nothing"), server().app("leads/nothing"), settings + "audit?before=x", `${settings}api-access/${"0".repeat(8)}-0000-7000-8000-${"0".repeat(12)}`]) {
    await page.goto(address);
    await inspector.look(page, new URL(address).pathname);
  }
  inspector.verdict();
});

test("at the doors, and for a member", async ({ serve, visit, browser }) => {
  const inspector = new Inspector();
  const { inviteLink, resetLink } = world;

  const context = await visit(server());
  inspector.follow(context);
  const page = await context.newPage();
  for (const [what, address] of Object.entries({ login: "/login", invitation: inviteLink, "a new password": resetLink, "no such page": "/nothing", "an invitation that was accepted": "/invite/none", "a reset link that is over": "/reset/none" })) {
    await page.goto(address);
    await inspector.look(page, what);
  }
  await page.goto(inviteLink);
  await page.getByRole("button", { name: "Join" }).click();
  await inspector.look(page, "an invitation without a name");
  await page.goto(resetLink);
  await page.getByRole("button", { name: "Save password" }).click();
  await inspector.look(page, "no new password");
  await page.goto("/login");
  await page.getByRole("button", { name: "Log in" }).click();
  await inspector.look(page, "a login that failed");

  await page.goto("/login");
  await page.getByLabel("E-mail").fill(member.email);
  await page.getByLabel("Password", { exact: true }).fill(member.password);
  await page.getByRole("button", { name: "Log in" }).click();
  await expect(page).toHaveURL(/\/leads\/leads$/);
  for (const tab of ["general", "members", "api-access", "environments"]) {
    await page.goto(server().app("settings/" + tab));
    await inspector.look(page, `${tab}, for a member`);
  }
  for (const forbidden of ["settings/audit", "settings/api-access/new"]) {
    await page.goto(server().app(forbidden));
    await inspector.look(page, `${forbidden}, for a member`);
  }
  // The same server by an address that others could listen to.
  const plain = await browser.newContext();
  inspector.follow(plain);
  const open = await plain.newPage();
  const address = new URL("/login", server().url);
  address.hostname = plainHost;
  await open.goto(address.href);
  await expect(open.getByRole("heading", { name: "This connection is not encrypted" })).toBeVisible();
  await inspector.look(open, "not encrypted");
  await plain.close();

  // A server that has no account yet.
  const fresh = await serve();
  const before = await visit(fresh);
  inspector.follow(before);
  const setup = await before.newPage();
  for (const [what, path] of Object.entries({ "set up": fresh.setupLink, "a setup link that is over": "/setup/none", "no account yet": "/" })) {
    await setup.goto(path);
    await inspector.look(setup, what);
  }
  await setup.goto(fresh.setupLink);
  await setup.getByRole("button", { name: "Create account" }).click();
  await inspector.look(setup, "a setup without anything");
  inspector.verdict();
});
