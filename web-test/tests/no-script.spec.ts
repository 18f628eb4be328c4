import { expect, rowOf, test } from "../browser.ts";
import { owner } from "../server.ts";

test("without JavaScript: set up, create a key, use it, revoke it, log out and in", async ({ serve, visit }) => {
  const server = await serve();
  const context = await visit(server, { javaScriptEnabled: false });
  const page = await context.newPage();
  await page.goto(server.setupLink);
  await page.getByLabel("E-mail").fill(owner.email);
  await page.getByLabel("Your name").fill(owner.name);
  await page.getByLabel("Password", { exact: true }).fill(owner.password);
  await page.getByLabel("Account name").fill(owner.account);
  await page.getByRole("button", { name: "Create account" }).click();
  await expect(page).toHaveURL(/\/leads\/leads$/);

  await page.getByRole("link", { name: "Account Settings" }).click();
  await page.getByRole("link", { name: "Create API key" }).first().click();
  await page.getByLabel("Name", { exact: true }).fill("Plain");
  await page.getByRole("button", { name: "Create key" }).click();
  await expect(page.getByRole("heading", { name: "“Plain” is ready" })).toBeVisible();
  const fold = page.locator("[data-plain] summary");
  if (await fold.isVisible()) await fold.click();
  const shown = page.locator("[data-plain]").getByText(/lf_live_[0-9A-Za-z]{61}/);
  await expect(shown).toBeVisible();
  server.key = /lf_live_[0-9A-Za-z]{61}/.exec(await shown.innerText())![0];
  await server.must("POST", "/api/intake", { entity: "leads", name: "No Script" });

  await page.reload(); // sends the form again
  await expect(page.getByRole("heading", { name: /was already shown/ })).toBeVisible();
  await page.goto(server.app("leads/leads"));
  await expect(page.getByRole("link", { name: "No Script" })).toBeVisible();

  await page.goto(server.app("settings/api-access?q=nothing"));
  await expect(rowOf(page, "Plain")).toBeHidden();
  await page.getByRole("searchbox").fill("plain");
  await page.keyboard.press("Enter");
  const row = rowOf(page, "Plain");
  await expect(row).toBeVisible();
  await row.locator("details.menu:not(.status-menu) > summary").click();
  await row.getByRole("link", { name: "Revoke" }).click();
  await page.getByRole("textbox").fill("Plain");
  await page.getByRole("button", { name: "Revoke key" }).click();
  await expect(page).toHaveURL(/\/api-access/);
  expect((await server.call("GET", "/api/key")).body.code).toBe("key_revoked");

  await page.locator(".sidebar .person > summary").click();
  await page.locator(".sidebar").getByRole("button", { name: "Log out" }).click();
  await expect(page).toHaveURL(/\/login$/);
  await page.getByLabel("E-mail").fill(owner.email);
  await page.getByLabel("Password", { exact: true }).fill(owner.password);
  await page.getByRole("button", { name: "Log in" }).click();
  await expect(page).toHaveURL(/\/leads\/leads$/);
});
