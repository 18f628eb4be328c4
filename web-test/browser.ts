import { test as base, expect, type BrowserContext, type BrowserContextOptions, type Locator, type Page } from "@playwright/test";
import { owner, Server, type ServerOptions } from "./server.ts";

export { expect };

interface Fixtures {
  /** Starts a server of its own for a test. */
  serve: (options?: ServerOptions) => Promise<Server>;

  /**
   * Opens a browser of its own at a server. Whatever the test does with it, at the end there must have been no fault of
   * a script, no refusal by the content security policy, no message of the browser, and no request to any other host.
   */
  visit: (server: Server, options?: VisitOptions) => Promise<BrowserContext>;
}

export interface VisitOptions extends BrowserContextOptions {
  /** Messages of the browser that this test provokes. */
  provokes?: RegExp;
}

export const test = base.extend<Fixtures>({
  serve: async ({}, use) => {
    const started: Server[] = [];
    await use(async (options) => {
      const server = await Server.start(options);
      started.push(server);
      return server;
    });
    for (const server of started) await server.stop();
  },

  // It needs serve only to end before it.
  visit: async ({ browser, serve: _ }, use) => {
    const opened: BrowserContext[] = [];
    const problems: string[] = [];
    await use(async (server, { provokes, ...options } = {}) => {
      const context = await browser.newContext({ baseURL: server.url, viewport: { width: 1280, height: 860 }, ...options });
      opened.push(context);
      watch(context, server.url, problems, provokes);
      return context;
    });
    for (const context of opened) await context.close();
    // What a test stopped behind a page's back is refused; that is no fault of the page.
    expect(problems.filter((problem) => !/ERR_CONNECTION_REFUSED|Failed to fetch/.test(problem))).toEqual([]);
  },
});

function watch(context: BrowserContext, origin: string, problems: string[], provokes?: RegExp) {
  const pages = new Set<string>();
  const add = (problem: string) => {
    if (!provokes?.test(problem)) problems.push(problem);
  };
  context.on("request", (request) => {
    const url = new URL(request.url());
    if (!["data:", "blob:"].includes(url.protocol) && url.origin !== origin) add(`a request to ${url.origin}`);
    if (request.isNavigationRequest()) pages.add(request.url());
  });
  context.on("console", (message) => {
    if (message.type() !== "error" && message.type() !== "warning") return;
    // An error page is a page; the browser mentions its status all the same.
    if (message.text().startsWith("Failed to load resource: the server responded with a status of 4") && pages.has(message.location().url)) return;
    add(`${message.page()?.url()}: ${message.type()}: ${message.text()}`);
  });
  context.on("weberror", (error) => add(`${error.page()?.url()}: ${error.error().stack ?? error.error()}`));
}

/** Logs the owner in and lands on Leads. */
export async function logIn(context: BrowserContext, page?: Page, password = owner.password): Promise<Page> {
  page ??= await context.newPage();
  await page.goto("/login");
  await page.getByLabel("E-mail").fill(owner.email);
  await page.getByLabel("Password", { exact: true }).fill(password);
  await page.getByRole("button", { name: "Log in" }).click();
  await expect(page).toHaveURL(/\/leads\/leads$/);
  return page;
}

/** The whole document, whatever of it is shown. */
export const html = (page: Page) => page.evaluate(() => document.documentElement.outerHTML);

/** How far the page is wider than the window. */
export const overflow = (page: Page) => page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);

/** The row of a key on API Access. */
export const rowOf = (page: Page, name: string): Locator =>
  page.locator("#key-table tbody tr").filter({ has: page.locator(".row-title", { hasText: new RegExp(`^${escape(name)}$`) }) });

export const escape = (text: string) => text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");

/** Pastes what the clipboard holds into a field that is made for it, as a person would find it elsewhere. */
export async function clipboard(page: Page): Promise<string> {
  const elsewhere = await page.context().newPage();
  await elsewhere.setContent("<textarea aria-label=elsewhere></textarea>");
  await elsewhere.getByLabel("elsewhere").focus();
  await elsewhere.keyboard.press("ControlOrMeta+V");
  const text = await elsewhere.getByLabel("elsewhere").inputValue();
  await elsewhere.close();
  return text;
}
