import fs from "node:fs";
import path from "node:path";
import type { Page } from "@playwright/test";
import { expect, logIn, rowOf, test } from "../browser.ts";
import { demo } from "../demo.ts";
import { withPalette } from "../png.ts";

const folder = path.join(import.meta.dirname, "../screenshots");
const docs = path.join(import.meta.dirname, "../../docs/screenshots");
const largest = 300_000;

const sizes = { 1280: { width: 1280, height: 860 }, 360: { width: 360, height: 740 } };

/** Shows the page that reveals a new key. */
async function reveal(page: Page, form: string, name: string) {
  await page.goto(form);
  await page.getByLabel("Name", { exact: true }).fill(name);
  await page.getByRole("button", { name: "Create key" }).click();
  await expect(page.getByRole("heading", { name: `“${name}” is ready` })).toBeVisible();
}

test("pictures of the main pages, and those of the documentation", async ({ visit }) => {
  const { server, keys, leads } = await demo();
  fs.mkdirSync(folder, { recursive: true });
  fs.mkdirSync(docs, { recursive: true });
  const settings = server.app("settings/");
  const access = settings + "api-access";
  try {
    // Twice as many dots as the page has, for screens that show them.
    const sharp = await visit(server, { deviceScaleFactor: 2 });
    const shown = await logIn(sharp);
    for (const [name, show] of Object.entries({
      "api-access": () => shown.goto(access),
      "key": () => shown.goto(`${access}/${keys["Automation"]}`),
      "leads": () => shown.goto(server.app("leads/leads")),
      "reveal": () => reveal(shown, access + "/new", "Booking page"),
    })) {
      await show();
      await shown.mouse.move(0, 0);
      const file = path.join(docs, `${name}.png`);
      fs.writeFileSync(file, withPalette(await shown.screenshot({ animations: "disabled" })));
      expect(fs.statSync(file).size, file).toBeLessThan(largest);
    }
    await shown.getByLabel("I stored it").check();
    await sharp.close();

    for (const colorScheme of ["light", "dark"] as const) {
      const context = await visit(server, { colorScheme });
      const page = await context.newPage();
      const shoot = async (name: string, arrive = async () => {}) => {
        for (const [width, viewport] of Object.entries(sizes)) {
          await page.setViewportSize(viewport);
          await arrive();
          await page.evaluate(() => scrollTo(0, 0));
          await page.mouse.move(0, 0);
          await page.screenshot({ path: path.join(folder, `${name}-${colorScheme}-${width}.png`), fullPage: true, animations: "disabled" });
        }
      };
      await page.goto("/login");
      await shoot("login");
      await logIn(context, page);
      for (const [name, address] of Object.entries({
        "leads": server.app("leads/leads"),
        "lead": server.app(`leads/leads/${leads["Ingrid Bauer"]}`),
        "leads-empty": server.app("leads/leads", "staging"),
        "entities": server.app("entities"),
        "entity": server.app("entities/leads"),
        "keys": access,
        "keys-ended": access + "?tab=ended",
        "keys-empty": server.app("settings/api-access", "staging"),
        "key-new": access + "/new",
        "key": `${access}/${keys["Automation"]}`,
        "key-rotating": `${access}/${keys["Website server"]}`,
        "key-never-used": `${access}/${keys["Trade fair tablets"]}`,
        "key-edit": `${access}/${keys["Website form"]}/edit`,
        "key-rotate": `${access}/${keys["Website form"]}/rotate`,
        "key-revoke": `${access}/${keys["Website form"]}/revoke`,
        "general": settings + "general",
        "members": settings + "members",
        "environments": settings + "environments",
        "security": settings + "security",
        "audit": settings + "audit",
        "help": "/help",
        "help-article": "/help/api-authentication",
        "help-errors": "/help/errors",
        "help-error": "/help/errors/key_revoked",
        "missing": "/nothing",
      })) {
        await shoot(name, async () => void (await page.goto(address)));
      }
      await shoot("keys-status", async () => {
        await page.goto(access);
        await rowOf(page, "Partner feed").locator(".status-menu summary").click();
      });
      await reveal(page, access + "/new", `Booking page, ${colorScheme}`);
      await shoot("reveal");
      await page.getByLabel("I stored it").check();
      await page.reload();
      await shoot("reveal-again");
    }
  } finally {
    await server.stop();
  }
});
