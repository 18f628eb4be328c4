import http from "node:http";
import type { AddressInfo } from "node:net";
import { expect, logIn, test } from "../browser.ts";
import { plainHost } from "../browser-options.ts";
import { owner, useServer } from "../server.ts";
import { Session } from "../session.ts";

const server = useServer();

/** Another site that serves one page. */
async function otherSite(body: string): Promise<{ url: (host: string) => string; close: () => void }> {
  const site = http.createServer((_, response) => response.writeHead(200, { "Content-Type": "text/html" }).end(body));
  await new Promise<void>((resolve) => site.listen(0, "127.0.0.1", resolve));
  const { port } = site.address() as AddressInfo;
  return { url: (host) => `http://${host}:${port}/`, close: () => site.close() };
}

test("there is one cookie, bound to the host, to encryption and away from scripts", async ({ visit }) => {
  const answer = await fetch(server().url + "/login", { method: "POST", redirect: "manual", body: new URLSearchParams({ email: owner.email, password: owner.password }) });
  const set = answer.headers.getSetCookie();
  expect(set).toHaveLength(1);
  const [pair, ...attributes] = set[0].split("; ");
  expect(pair).toMatch(/^__Host-leadflip=[\w-]{43,}$/);
  expect(attributes.map((a) => a.replace(/=\d+$/, "")).sort()).toEqual(["HttpOnly", "Max-Age", "Path=/", "SameSite=Lax", "Secure"]);

  const context = await visit(server());
  const page = await logIn(context);
  await page.goto(server().app("settings/security"));
  expect(await context.cookies()).toMatchObject([{ name: "__Host-leadflip", httpOnly: true, secure: true, sameSite: "Lax", path: "/" }]);
  expect(await page.evaluate(() => document.cookie)).toBe("");
});

test("where others can listen, the cookie has another name and a short life", async ({ serve, visit }) => {
  const plain = await serve({ setUp: true, host: plainHost, args: ["--allow-plain-http"] });
  const context = await visit(plain);
  const page = await logIn(context);
  await expect(page.getByText("This connection is not encrypted.")).toBeVisible();
  const [cookie] = await context.cookies();
  expect(cookie).toMatchObject({ name: "leadflip-plain", httpOnly: true, secure: false, sameSite: "Lax" });
  expect(cookie.expires).toBeLessThan(Date.now() / 1000 + 12 * 3600 + 60);
});

test("a form on another site changes nothing", async ({ browser }) => {
  const context = await browser.newContext();
  const page = await context.newPage();
  await page.goto(server().url + "/login");
  await page.getByLabel("E-mail").fill(owner.email);
  await page.getByLabel("Password", { exact: true }).fill(owner.password);
  await page.getByRole("button", { name: "Log in" }).click();
  await expect(page).toHaveURL(/\/leads\/leads$/);
  const target = server().app("settings/environments");
  const site = await otherSite(`<!doctype html><form method=post action="${target}"><input name=name value=Planted><input name=kind value=test><button>Win</button></form>`);
  try {
    // Another port of the same host counts as the same site, so the cookie goes along; another name does not.
    for (const host of ["127.0.0.1", "localhost"]) {
      await page.goto(site.url(host));
      const answer = page.waitForResponse((r) => r.request().method() === "POST");
      await page.getByRole("button").click();
      expect((await answer).status()).toBe(403);
      await expect(page.getByRole("main")).toContainText("came from another site");
    }
    await page.goto(target);
    await expect(page.getByText("Planted")).toHaveCount(0);
  } finally {
    site.close();
    await context.close();
  }
});

test("no page of ours is shown in a frame", async ({ browser }) => {
  const context = await browser.newContext();
  const page = await context.newPage();
  const site = await otherSite(["/login", "/help", "/nothing", "/assets/x", "/api/key"].map((path) => `<iframe src="${server().url}${path}"></iframe>`).join(""));
  try {
    await page.goto(site.url("127.0.0.1"));
    await expect.poll(() => page.frames().length).toBe(6);
    for (const frame of page.frames().slice(1)) {
      await expect.poll(() => frame.url()).toBe("chrome-error://chromewebdata/");
      expect(await frame.content()).not.toContain("Leadflip");
    }
  } finally {
    site.close();
    await context.close();
  }
});

test("after the logout Back shows nothing", async ({ visit }) => {
  await server().must("POST", "/api/intake", { entity: "leads", name: "Private Person" });
  const context = await visit(server(), { provokes: /status of 401/ });
  const page = await logIn(context);
  await expect(page.getByRole("link", { name: "Private Person" })).toBeVisible();
  const answer = await page.goto(server().app("settings/api-access"));
  expect(answer!.headers()["cache-control"]).toBe("no-store");
  await page.goto(server().app("leads/leads"));
  await page.locator(".sidebar .person > summary").click();
  await page.locator(".sidebar").getByRole("button", { name: "Log out" }).click();
  await expect(page).toHaveURL(/\/login$/);
  expect(await context.cookies()).toEqual([]);
  for (let i = 0; i < 3; i++) {
    await page.goBack();
    await expect(page).toHaveURL(/\/login/);
    expect(await page.content()).not.toContain("Private Person");
    expect(await page.content()).not.toContain("Test runner");
  }
});

test("the secret is on one page and nowhere else", async ({ visit }) => {
  const context = await visit(server());
  const page = await logIn(context);
  const texts: string[] = [];
  context.on("response", (response) => {
    if (response.request().method() === "GET") void response.text().then((text) => texts.push(text), () => {});
  });
  await page.goto(server().app("settings/api-access/new"));
  await page.getByLabel("Name", { exact: true }).fill("Seen once");
  const made = page.waitForResponse((r) => r.request().method() === "POST");
  await page.getByRole("button", { name: "Create key" }).click();
  expect((await made).headers()["cache-control"]).toBe("no-store");
  await page.getByRole("button", { name: "Reveal" }).click();
  const secret = await page.getByRole("textbox", { name: "API key" }).inputValue();
  expect(secret).toMatch(/^lf_live_/);
  const traces = () => page.evaluate(() => JSON.stringify([location.href, history.state, { ...localStorage }, { ...sessionStorage }, document.cookie]));
  expect(await traces()).not.toContain(secret);

  await page.getByLabel("I stored it").check();
  await page.getByRole("link", { name: "Done" }).click();
  await expect(page.getByRole("heading", { name: "Seen once", level: 1 })).toBeVisible();
  const id = new URL(page.url()).pathname.split("/").at(-1);
  expect(await page.content()).not.toContain(secret);
  await page.goBack().catch(() => {}); // the browser asks whether to send the form again
  await expect(async () => expect(await page.content()).not.toContain(secret)).toPass();
  for (const address of ["", `/${id}`, `/${id}/edit`, `/${id}/rotate`, `/${id}/revoke`, "/new"]) {
    await page.goto(server().app("settings/api-access" + address));
    expect(await page.content()).not.toContain(secret);
  }
  for (const address of ["leads/leads", "settings/audit", "settings/general"]) {
    await page.goto(server().app(address));
    expect(await page.content()).not.toContain(secret);
  }
  expect(await traces()).not.toContain(secret);
  expect(texts.length).toBeGreaterThan(8);
  expect(texts.filter((text) => text.includes(secret))).toEqual([]);
});

test("the form of a key cannot be sent twice", async ({ visit }) => {
  const page = await logIn(await visit(server()));
  await page.goto(server().app("settings/api-access/new"));
  await page.getByLabel("Name", { exact: true }).fill("Twice");
  const fields = await page.locator("form.key-form").evaluate((form) => Object.fromEntries(new FormData(form as HTMLFormElement) as unknown as Iterable<[string, string]>));
  const ada = await Session.of(server());
  const form = await ada.get(server().app("settings/api-access/new"));
  const nonce = /name="nonce" value="([^"]+)"/.exec(form.text)![1];
  const answers = await Promise.all([1, 2, 3].map(() => ada.post(server().app("settings/api-access/new"), { ...fields, nonce })));
  const keys = answers.flatMap((answer) => [...new Set(answer.text.match(/lf_live_[0-9A-Za-z]{61}/g))]);
  expect(keys).toHaveLength(1);
  expect((await server().must("GET", "/api/keys")).data.filter((key: { name: string }) => key.name === "Twice")).toHaveLength(1);
});
