import { expect, logIn, rowOf, test } from "../browser.ts";
import { useServer } from "../server.ts";

const server = useServer();

test("a test environment is unmistakable, and keys and leads of one never show in the other", async ({ visit }) => {
  const page = await logIn(await visit(server()));

  await test.step("add Staging", async () => {
    await page.goto(server().app("settings/environments"));
    await page.getByLabel("Name", { exact: true }).fill("Staging");
    await page.getByRole("radio", { name: "Test" }).check();
    await page.getByRole("button", { name: "Add environment" }).click();
    await expect(page.getByText("The environment was added.")).toBeVisible();
    await expect(page.getByText("Test environment ·")).toBeHidden();
    await expect(page).toHaveTitle(/^Environments/);
  });

  await test.step("switch from API Access to API Access", async () => {
    await page.goto(server().app("settings/api-access"));
    await expect(rowOf(page, "Test runner")).toBeVisible();
    await page.locator(".sidebar .switcher > summary").click();
    await page.locator(".sidebar .switcher").getByRole("link", { name: "Staging" }).click();
    await expect(page).toHaveURL(server().app("settings/api-access", "staging"));
  });

  await test.step("it looks different", async () => {
    await expect(page.getByRole("region", { name: "Environment" })).toHaveText(/Test environment · Staging/);
    await expect(page.locator(".sidebar .switcher .env-badge").first()).toHaveText("Test");
    await expect(page).toHaveTitle(/^\[Staging\] /);
    await page.setViewportSize({ width: 360, height: 740 });
    await expect(page.getByRole("region", { name: "Environment" })).toBeVisible();
    await page.setViewportSize({ width: 1280, height: 860 });
  });

  await test.step("it has its own keys and leads", async () => {
    await expect(page.getByText("No API key in Staging yet")).toBeVisible();
    await page.getByRole("link", { name: "Create API key" }).first().click();
    await page.getByLabel("Name", { exact: true }).fill("Only here");
    await page.getByRole("button", { name: "Create key" }).click();
    await page.getByRole("button", { name: "Reveal" }).click();
    const key = await page.getByRole("textbox", { name: "API key" }).inputValue();
    expect(key).toMatch(/^lf_test_/);
    await page.getByLabel("I stored it").check();
    await server().must("POST", "/api/intake", { entity: "leads", name: "Staged Person" }, key);
    await server().must("POST", "/api/intake", { entity: "leads", name: "Real Person" });
    for (const [environment, own, foreign, ownKey, foreignKey] of [
      ["staging", "Staged Person", "Real Person", "Only here", "Test runner"],
      ["production", "Real Person", "Staged Person", "Test runner", "Only here"],
    ]) {
      await page.goto(server().app("leads/leads", environment));
      await expect(page.getByRole("link", { name: own })).toBeVisible();
      await expect(page.getByText(foreign)).toHaveCount(0);
      await page.goto(server().app("settings/api-access", environment));
      await expect(rowOf(page, ownKey)).toBeVisible();
      await expect(page.getByText(foreignKey)).toHaveCount(0);
    }
    // Not by its address either.
    const lead = (await server().must("GET", "/api/leads?entity=leads")).data[0].id;
    expect((await page.goto(server().app(`leads/leads/${lead}`)))!.status()).toBe(200);
    expect((await page.goto(server().app(`leads/leads/${lead}`, "staging")))!.status()).toBe(404);
    const own = (await server().must("GET", "/api/keys")).data.find((k: { name: string }) => k.name === "Test runner").id;
    expect((await page.goto(server().app(`settings/api-access/${own}`, "staging")))!.status()).toBe(404);
  });

  await test.step("a lead of the other environment does not arrive on an open page", async () => {
    await page.goto(server().app("leads/leads", "staging"));
    const live = page.waitForResponse((r) => r.url().includes("/stream/poll"));
    await page.reload();
    await live;
    await server().must("POST", "/api/intake", { entity: "leads", name: "Another Real Person" });
    const staged = (await server().makeKey("Second", ["leads:write"], "staging")).key;
    await server().must("POST", "/api/intake", { entity: "leads", name: "Another Staged Person" }, staged);
    await expect(page.getByRole("link", { name: "Another Staged Person" })).toBeVisible();
    await expect(page.getByText("Another Real Person")).toHaveCount(0);
  });
});
