import type { Locator, Page } from "@playwright/test";
import { clipboard, expect, rowOf, test } from "../browser.ts";
import { owner } from "../server.ts";

/** What has the focus, and whether somebody who looks at the page can see that. */
const focus = (page: Page) =>
  page.evaluate(() => {
    const element = document.activeElement as HTMLElement;
    const what = `${element.tagName.toLowerCase()} “${(element.getAttribute("aria-label") ?? element.textContent ?? "").trim().slice(0, 40)}”`;
    if (element === document.body || element.id === "main") return { what, problem: "" };
    const ringed = [element, element.closest("label"), ...((element as HTMLInputElement).labels ?? [])].find((candidate) => {
      const style = candidate && getComputedStyle(candidate);
      return style && style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2;
    });
    if (!ringed) return { what, problem: "no ring" };
    const box = ringed.getBoundingClientRect();
    const points = [0.5, 0.1, 0.9].flatMap((x) => [0.5, 0.1, 0.9].map((y) => [box.left + box.width * x, box.top + box.height * y]));
    const seen = points.some(([x, y]) => {
      const top = document.elementFromPoint(x, y);
      return top && (ringed.contains(top) || top.contains(ringed));
    });
    return { what, problem: seen ? "" : "out of sight" };
  });

/** Presses Tab until something has the focus. On the way every stop must be seen. */
async function tabTo(page: Page, target: Locator, key: "Tab" | "Shift+Tab" = "Tab") {
  const stops: string[] = [];
  for (let i = 0; i < 80; i++) {
    const { what, problem } = await focus(page);
    expect(problem, `${what} on ${page.url()}`).toBe("");
    if (await target.evaluateAll((all) => all.includes(document.activeElement as HTMLElement))) return;
    stops.push(what);
    await page.keyboard.press(key);
  }
  throw new Error(`${target} was not reached:\n${stops.join("\n")}`);
}

/** Goes to something with Tab and presses a key there. */
async function press(page: Page, target: Locator, key = "Enter", way?: "Shift+Tab") {
  await tabTo(page, target, way);
  await page.keyboard.press(key);
}

test("by keyboard only: account, key, rotation, revocation, logout", async ({ serve, visit }) => {
  const server = await serve();
  const context = await visit(server);
  const page = await context.newPage();
  const { keyboard } = page;

  await test.step("set up", async () => {
    await page.goto(server.setupLink);
    for (const [label, text] of [["E-mail", owner.email], ["Your name", owner.name], ["Password", owner.password], ["Account name", owner.account]]) {
      await tabTo(page, page.getByLabel(label, { exact: true }));
      await keyboard.type(text);
    }
    await keyboard.press("Enter");
    await expect(page).toHaveURL(/\/leads\/leads$/);
  });

  await test.step("skip to the content, and back to the settings", async () => {
    await press(page, page.getByRole("link", { name: "Skip to content" }));
    await expect(page.locator("#main")).toBeFocused();
    await press(page, page.getByRole("link", { name: "Account Settings" }), "Enter", "Shift+Tab");
    await expect(page).toHaveURL(/\/settings\/api-access$/);
    await press(page, page.getByRole("navigation", { name: "Account settings" }).getByRole("link", { name: "General" }));
    await expect(page).toHaveURL(/\/settings\/general$/);
    await press(page, page.getByRole("navigation", { name: "Account settings" }).getByRole("link", { name: "API Access" }));
    await expect(page.getByText("No API key in Production yet")).toBeVisible();
  });

  await test.step("the switcher: open, move, close", async () => {
    const switcher = page.locator(".sidebar .switcher");
    await press(page, switcher.locator("summary"));
    await expect(switcher.getByRole("link", { name: "Production" })).toBeVisible();
    await keyboard.press("ArrowDown");
    await expect(switcher.getByRole("link", { name: "Production" })).toBeFocused();
    expect((await focus(page)).problem).toBe("");
    await keyboard.press("Escape");
    await expect(switcher.locator("summary")).toBeFocused();
    await expect(switcher.getByRole("link", { name: "Production" })).toBeHidden();
  });

  await test.step("create a key: a preset, a scope, an expiry", async () => {
    await press(page, page.getByRole("link", { name: "Create API key" }).first());
    await expect(page.getByLabel("Name", { exact: true })).toBeFocused();
    const sentence = page.locator("scope-sentence");
    await press(page, page.getByRole("link", { name: "Read-only report" }), "Enter", "Shift+Tab");
    await expect(sentence).toContainText("Can read all leads");
    await press(page, page.getByRole("checkbox", { name: "Write All leads" }), "Space");
    await expect(sentence).toContainText("create and change");
    await tabTo(page, page.locator("input[name=expires]"));
    await expect(page.getByRole("radio", { name: "90 d" })).toBeFocused();
    await keyboard.press("ArrowLeft");
    await expect(page.getByRole("radio", { name: "30 d" })).toBeChecked();
    expect((await focus(page)).problem).toBe("");
    const limits = page.getByLabel("Addresses it may be used from");
    await press(page, page.locator("summary", { hasText: "Limits" }));
    await expect(limits).toBeVisible();
    await press(page, page.locator("add-ip button"), "Space");
    await expect(limits).toHaveValue("127.0.0.1");
    await tabTo(page, page.getByLabel("Name", { exact: true }), "Shift+Tab");
    await keyboard.press("ControlOrMeta+A");
    await keyboard.type("By hand");
    await keyboard.press("Enter");
    await expect(page.getByRole("heading", { name: "“By hand” is ready" })).toBeVisible();
  });

  await test.step("reveal, copy, done", async () => {
    const secret = page.getByRole("textbox", { name: "API key" });
    await press(page, page.getByRole("button", { name: "Reveal" }), "Space");
    await expect(secret).toHaveValue(/^lf_live_/);
    server.key = await secret.inputValue();
    await press(page, page.locator("secret-reveal copy-button button"));
    await expect(page.locator("#announcer")).toHaveText("Copied");
    expect(await clipboard(page)).toBe(server.key);
    await press(page, page.getByLabel("I stored it"), "Space");
    await press(page, page.getByRole("link", { name: "Done" }));
    await expect(page.getByRole("heading", { name: "By hand", level: 1 })).toBeVisible();
    await server.must("GET", "/api/key");
  });

  await test.step("search, the menu of a row, a status", async () => {
    await page.goto(server.app("settings/api-access"));
    await keyboard.press("/");
    await expect(page.getByRole("searchbox")).toBeFocused();
    await keyboard.type("hand");
    const row = rowOf(page, "By hand");
    await press(page, row.locator(".status-menu summary"));
    await expect(row.locator(".status-panel")).toBeVisible();
    await keyboard.press("Escape");
    await expect(row.locator(".status-panel")).toBeHidden();
    await keyboard.press("Tab");
    await press(page, row.locator(".menu:not(.status-menu) summary"));
    await keyboard.press("ArrowUp");
    await expect(row.getByRole("link", { name: "Revoke" })).toBeFocused();
    await keyboard.press("Enter");
    await expect(page).toHaveURL(/\/revoke$/);
  });

  await test.step("Escape goes back to the row", async () => {
    await keyboard.press("Escape");
    await expect(page).toHaveURL(/\/api-access#key-/);
    await expect(rowOf(page, "By hand").locator(":focus")).toHaveCount(1);
    expect((await focus(page)).problem).toBe("");
  });

  await test.step("rotate without an overlap", async () => {
    await press(page, rowOf(page, "By hand").getByRole("link", { name: "By hand" }));
    await expect(page.getByRole("heading", { name: "By hand", level: 1 })).toBeVisible();
    await press(page, page.getByRole("link", { name: "Rotate" }));
    await expect(page).toHaveURL(/\/rotate$/);
    await tabTo(page, page.locator("input[name=overlap]"));
    for (let i = 0; i < 5 && !(await page.locator("input[name=overlap]").first().isChecked()); i++) await keyboard.press("ArrowLeft");
    await press(page, page.getByRole("button", { name: "Rotate key" }));
    await expect(page.getByRole("heading", { name: "has a new key" })).toBeVisible();
    await press(page, page.getByRole("button", { name: "Reveal" }));
    const fresh = await page.getByRole("textbox", { name: "API key" }).inputValue();
    expect((await server.call("GET", "/api/key")).status).toBe(401);
    server.key = fresh;
    expect((await server.call("GET", "/api/key")).status).toBe(200);
    await press(page, page.getByLabel("I stored it"), "Space");
    await press(page, page.getByRole("link", { name: "Done" }));
    await expect(page.getByRole("heading", { name: "By hand", level: 1 })).toBeVisible();
  });

  await test.step("revoke from the menu of the key", async () => {
    const more = page.locator("details.menu", { hasText: "More" });
    await press(page, more.locator("summary"));
    await keyboard.press("ArrowUp");
    await expect(more.getByRole("link", { name: "Revoke" })).toBeFocused();
    await keyboard.press("Enter");
    await expect(page).toHaveURL(/\/revoke$/);
    await tabTo(page, page.locator("input[name=confirm]"));
    await keyboard.type("By hand");
    await keyboard.press("Enter");
    await expect(page).not.toHaveURL(/\/revoke$/);
    const refused = await server.call("GET", "/api/key");
    expect([refused.status, refused.body.code]).toEqual([401, "key_revoked"]);
  });

  await test.step("log out", async () => {
    await press(page, page.locator(".sidebar .person summary"), "Enter", "Shift+Tab");
    await keyboard.press("ArrowUp");
    await expect(page.locator(".sidebar").getByRole("button", { name: "Log out" })).toBeFocused();
    await keyboard.press("Enter");
    await expect(page).toHaveURL(/\/login$/);
    await expect(page.getByLabel("E-mail")).toBeFocused();
  });
});
