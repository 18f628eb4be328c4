import type { BrowserContext, Page } from "@playwright/test";
import { expect, logIn, test } from "../browser.ts";
import { Relay } from "../relay.ts";
import { useServer, type Server } from "../server.ts";

const server = useServer();
let relay: Relay;
test.beforeEach(async () => {
  relay = await Relay.to(server());
});
test.afterEach(() => relay.close());

/** A visit through the relay. */
const through = (): Server => Object.assign(Object.create(server()), { url: relay.url });

const leads = () => `${relay.url}/app/acme-solar/production/leads/leads`;
const send = (name: string) => server().must("POST", "/api/intake", { entity: "leads", name });

/** What a browser does with a tab that is covered, or shown again. */
async function hide(page: Page, hidden: boolean) {
  await page.evaluate((value) => {
    Object.defineProperty(document, "hidden", { value, configurable: true });
    Object.defineProperty(document, "visibilityState", { value: value ? "hidden" : "visible", configurable: true });
    document.dispatchEvent(new Event("visibilitychange"));
  }, hidden);
}

async function twoTabs(context: BrowserContext): Promise<[Page, Page]> {
  const one = await logIn(context);
  await one.goto(leads());
  const two = await context.newPage();
  await two.goto(leads());
  return [one, two];
}

test("two tabs share one stream, and hidden tabs have none", async ({ visit }) => {
  const [one, two] = await twoTabs(await visit(through()));
  await expect.poll(() => relay.reading("/stream")).toBe(1);
  await send("For both");
  await expect(one.getByRole("link", { name: "For both" })).toBeVisible();
  await expect(two.getByRole("link", { name: "For both" })).toBeVisible();
  expect(relay.reading("/stream")).toBe(1);

  await hide(one, true);
  await send("For the other");
  await expect(two.getByRole("link", { name: "For the other" })).toBeVisible();
  await hide(two, true);
  await expect.poll(() => relay.reading("/stream")).toBe(0);
  await send("Meanwhile");
  const polls = relay.count("/stream/poll");

  await hide(one, false);
  await expect(one.getByRole("link", { name: "Meanwhile" })).toBeVisible();
  await expect.poll(() => relay.reading("/stream")).toBe(1);
  expect(relay.count("/stream/poll")).toBeGreaterThan(polls);
});

test("a stream that was cut comes back, and nothing is lost", async ({ visit }) => {
  const page = await logIn(await visit(through(), { provokes: /ERR_|Failed to load resource/ }));
  await page.goto(leads());
  await expect.poll(() => relay.reading("/stream")).toBe(1);
  const before = relay.count("/stream");
  await relay.cut("/stream");
  await send("During the gap");
  await expect(page.getByRole("link", { name: "During the gap" })).toBeVisible();
  await expect.poll(() => relay.count("/stream")).toBeGreaterThan(before);
  await send("After the gap");
  await expect(page.getByRole("link", { name: "After the gap" })).toBeVisible();
});

test("without shared workers the page asks again and again", async ({ visit }) => {
  const context = await visit(through());
  await context.addInitScript(() => Reflect.deleteProperty(window, "SharedWorker"));
  const page = await logIn(context);
  await page.goto(leads());
  await send("By asking");
  await expect(page.getByRole("link", { name: "By asking" })).toBeVisible();
  expect(relay.count("/stream")).toBe(0);
  const polls = relay.count("/stream/poll");
  await expect.poll(() => relay.count("/stream/poll")).toBeGreaterThan(polls);
  await hide(page, true);
  await send("Unseen");
  await hide(page, false);
  await expect(page.getByRole("link", { name: "Unseen" })).toBeVisible();
});

test("a stream ends with the login", async ({ visit }) => {
  const context = await visit(through(), { provokes: /status of 401/ });
  const [one, two] = await twoTabs(context);
  await expect.poll(() => relay.reading("/stream")).toBe(1);
  await one.locator(".sidebar .person > summary").click();
  await one.locator(".sidebar").getByRole("button", { name: "Log out" }).click();
  await expect(one).toHaveURL(/\/login$/);
  await expect.poll(() => relay.reading("/stream")).toBe(0);
  await two.close();
});
