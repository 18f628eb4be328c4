import type { Page } from "@playwright/test";
import { clipboard, expect, rowOf, test } from "../browser.ts";
import { plainHost } from "../browser-options.ts";
import { databases, owner } from "../server.ts";

const table = (page: Page) => page.locator("#key-table");

/** Notes the moment at which a text comes to stand in the list of leads. */
async function noteWhenShown(page: Page, text: string): Promise<() => Promise<number>> {
  const moment = await page.evaluateHandle((wanted) => {
    const seen = new Promise<number>((resolve) => {
      new MutationObserver((_, observer) => {
        if (!document.getElementById("leads")?.textContent?.includes(wanted)) return;
        observer.disconnect();
        resolve(Date.now());
      }).observe(document.body, { subtree: true, childList: true, characterData: true });
    });
    return { seen };
  }, text);
  return () => moment.evaluate((noted) => noted.seen);
}

// The whole of it, as the first hour of an owner goes: on each database, and on an address that is neither HTTPS nor
// this machine, where browsers have no clipboard API.
for (const database of databases) {
  test(`from the setup link to a revoked key, on ${database}`, async ({ serve, visit }) => {
    const plain = database === "sqlite";
    const server = await serve(plain ? { database, host: plainHost, args: ["--allow-plain-http"] } : { database });
    const context = await visit(server);
    const page = await context.newPage();

    await test.step("set up", async () => {
      await page.goto(server.setupLink);
      await page.getByLabel("E-mail").fill(owner.email);
      await page.getByLabel("Your name").fill(owner.name);
      await page.getByLabel("Password", { exact: true }).fill(owner.password);
      await page.getByLabel("Account name").fill(owner.account);
      await page.keyboard.press("Enter");
      await expect(page).toHaveURL(server.app("leads/leads"));
      await expect(page.getByRole("heading", { name: "Leads", level: 1 })).toBeVisible();
    });

    await test.step("create a key by its name alone", async () => {
      await page.getByRole("link", { name: "Account Settings" }).click();
      await page.getByRole("link", { name: "API Access" }).click();
      await expect(page.getByText("No API key in Production yet")).toBeVisible();
      await page.getByRole("link", { name: "Create API key" }).first().click();
      await page.getByLabel("Name", { exact: false }).first().fill("Website server");
      await page.getByRole("button", { name: "Create key" }).click();
      await expect(page.getByRole("heading", { name: "“Website server” is ready" })).toBeVisible();
    });

    const secret = page.getByRole("textbox", { name: "API key" });
    await test.step("it is hidden, and revealed by a press", async () => {
      await expect(secret).toHaveValue(/^•+$/);
      await page.getByRole("button", { name: "Reveal" }).click();
      await expect(secret).toHaveValue(/^lf_live_[0-9A-Za-z]{61}$/);
      server.key = await secret.inputValue();
      await page.getByRole("button", { name: "Hide" }).click();
      await expect(secret).toHaveValue(/^•+$/);
    });

    await test.step("Copy copies", async () => {
      expect(await page.evaluate(() => window.isSecureContext)).toBe(!plain);
      await page.locator("secret-reveal copy-button").getByRole("button").click();
      await expect(page.locator("#announcer")).toHaveText("Copied");
      expect(await clipboard(page)).toBe(server.key);
      await page.getByRole("button", { name: "Copy .env line" }).click();
      await expect.poll(() => clipboard(page)).toBe(`LEADFLIP_KEY=${server.key}`);
    });

    await test.step("the first request turns the page green", async () => {
      const waiting = page.locator("first-request");
      await expect(waiting).toContainText("Waiting for your first request");
      expect((await server.call("GET", "/api/key")).status).toBe(200);
      await expect(waiting).toHaveAttribute("data-state", "done");
      await expect(waiting).toHaveText(/200 in (under 1|\d+) ms from 127\.0\.0\.1/);
    });

    await test.step("a reload shows nothing and makes nothing", async () => {
      await page.reload();
      await expect(page.getByRole("heading", { name: /was already shown/ })).toBeVisible();
      expect(await page.content()).not.toContain(server.key);
      await page.goto(server.app("settings/api-access"));
      await expect(page.locator("#key-table tbody tr")).toHaveCount(1);
    });

    await test.step("a lead appears on the open page", async () => {
      const leads = await context.newPage();
      await leads.goto(server.app("leads/leads"));
      await expect(leads.getByRole("heading", { name: "No leads yet" })).toBeVisible();
      const seen = await noteWhenShown(leads, "Grace Hopper");
      const sent = await server.must("POST", "/api/intake", { entity: "leads", name: "Grace Hopper", email: "grace@example.com", source: "landing page", note: "Call back" });
      const answered = Date.now();
      const row = leads.locator("#leads tbody tr", { hasText: "Grace Hopper" });
      await expect(row).toBeVisible();
      const delay = (await seen()) - answered;
      console.log(`${database}: the lead was on the open page ${delay} ms after the answer`);
      expect(delay).toBeLessThan(15_000);
      await expect(row).toContainText("grace@example.com");
      await expect(row).toContainText("landing page");
      await expect(row).toContainText("Website server");
      await expect(leads.locator("#leads [role=status]")).toHaveText(/1 new lead/);
      await row.getByRole("link", { name: "Grace Hopper" }).click();
      await expect(leads).toHaveURL(new RegExp(`/leads/leads/${sent.lead_id}$`));
      await expect(leads.getByText("Call back")).toBeVisible();
      await leads.close();
    });

    await test.step("its use shows on the list and on its page", async () => {
      for (let i = 0; i < 3; i++) expect((await server.call("GET", "/api/leads/none")).status).toBe(404);
      const row = rowOf(page, "Website server");
      await expect(row).toContainText("127.0.0.1");
      await expect(row).toContainText("GET /api/leads/{id}");
      await expect(row.getByRole("img")).toHaveAccessibleName("5 calls in 7 days, 3 errors");
      await row.getByRole("link", { name: "Website server" }).click();
      await expect(page.locator("#calls tbody tr")).toHaveCount(5);
      await expect(page.locator("#calls")).toContainText("POST /api/intake");
    });

    const old = server.key;
    await test.step("rotate with an overlap", async () => {
      await page.getByRole("link", { name: "Rotate" }).click();
      await page.getByRole("button", { name: "Rotate key" }).click();
      await expect(page.getByRole("heading", { name: "“Website server” has a new key" })).toBeVisible();
      await page.getByRole("button", { name: "Reveal" }).click();
      server.key = await secret.inputValue();
      expect(server.key).not.toBe(old);
      await page.getByLabel("I stored it").check();
      expect((await server.call("GET", "/api/key", undefined, old)).status).toBe(200);
      expect((await server.call("GET", "/api/key")).status).toBe(200);
      await page.getByRole("link", { name: "All keys" }).click();
    });

    await test.step("one row shows both halves and the calls of the old one", async () => {
      await expect(table(page).locator(".row-title")).toHaveText(["Website server"]);
      await expect(table(page)).toContainText(new RegExp(`old half …${old.slice(-4)} ends in 2[34] h · \\d+ calls? since`));
      await table(page).getByRole("link", { name: "End now" }).click();
      await page.getByRole("textbox").fill("Website server"); // it was used a moment ago
      await page.getByRole("button", { name: "End the old key" }).click();
      await expect(page.getByText("Only the new one works.")).toBeVisible();
      const refused = await server.call("GET", "/api/key", undefined, old);
      expect([refused.status, refused.body.code]).toEqual([401, "key_revoked"]);
      expect((await server.call("GET", "/api/key")).status).toBe(200);
    });

    await test.step("revoke by typing the name", async () => {
      await page.goto(server.app("settings/api-access"));
      await expect(table(page)).not.toContainText("old half");
      await rowOf(page, "Website server").getByRole("link", { name: "Website server" }).click();
      await page.locator("summary", { hasText: "More" }).click();
      await page.getByRole("link", { name: "Revoke" }).click();
      const button = page.getByRole("button", { name: "Revoke key" });
      await expect(page.getByRole("main")).toContainText("127.0.0.1");
      await expect(button).toBeDisabled();
      await page.getByRole("textbox").fill("Website serve");
      await expect(button).toBeDisabled();
      await page.getByRole("textbox").fill("Website server");
      await button.click();
      await expect(page).toHaveURL(/api-access/);
      const refused = await server.call("GET", "/api/key");
      expect([refused.status, refused.body.code]).toEqual([401, "key_revoked"]);
      await page.getByRole("link", { name: "Ended" }).click();
      await expect(rowOf(page, "Website server")).toContainText([/Revoked/, /Revoked/]); // with its old half
    });
  });
}
