import { expect, logIn, test } from "../browser.ts";
import { owner, useServer } from "../server.ts";

const server = useServer();

test("a session ends another, which is logged out at its next click", async ({ visit }) => {
  const here = await logIn(await visit(server()));
  const phone = await visit(server(), { userAgent: "Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/19.0 Mobile/15E148 Safari/604.1", provokes: /status of 401/ });
  const there = await logIn(phone);
  await here.goto(server().app("settings/security"));
  const logins = here.locator("#logins tbody tr, table tbody tr");
  await expect(logins).toHaveCount(2);
  await expect(logins.filter({ hasText: "This one" })).toHaveCount(1);
  await logins.filter({ hasText: "Safari on iPhone" }).getByRole("button", { name: /^End/ }).click();
  await expect(here.getByText("That login was ended.")).toBeVisible();
  await expect(logins).toHaveCount(1);
  await there.getByRole("link", { name: "Account Settings" }).click();
  await expect(there).toHaveURL(/\/login\?next=/);
  await there.getByLabel("E-mail").fill(owner.email);
  await there.getByLabel("Password", { exact: true }).fill(owner.password);
  await there.getByRole("button", { name: "Log in" }).click();
  await expect(there, "the login leads to where the click went").toHaveURL(/\/settings\/api-access$/);
});

test("changing the password ends all other logins", async ({ visit }) => {
  const here = await logIn(await visit(server()));
  const there = await logIn(await visit(server(), { provokes: /status of 401/ }));
  await here.goto(server().app("settings/security"));
  const changed = owner.password + " again";
  const change = async (from: string, to: string) => {
    await here.locator("[name=password]").fill(from);
    await here.locator("[name=new_password]").fill(to);
    await here.getByRole("button", { name: "Change password" }).click();
  };
  await change("not the right words", changed);
  await expect(here.locator(".error-text").first()).toBeVisible();
  await change(owner.password, changed);
  await expect(here.getByText("all your other logins were ended")).toBeVisible();
  await there.reload();
  await expect(there).toHaveURL(/\/login/);
  await change(changed, owner.password);
  await expect(here.getByText("all your other logins were ended")).toBeVisible();
});

test("a wrong password is told, and many of them make one wait", async ({ visit }) => {
  const page = await (await visit(server())).newPage();
  await page.goto("/login");
  const tries = async (email: string) => {
    await page.getByLabel("E-mail").fill(email);
    await page.getByLabel("Password", { exact: true }).fill("this is not the password");
    const answer = page.waitForResponse((r) => r.request().method() === "POST");
    await page.getByRole("button", { name: "Log in" }).click();
    return (await answer).status();
  };
  const alert = page.getByRole("main").locator(".alert, [role=alert]");
  expect(await tries(owner.email)).toBe(422);
  const said = await alert.innerText();
  await expect(page.getByLabel("E-mail")).toHaveValue(owner.email);
  await expect(page.getByLabel("Password", { exact: true })).toHaveValue("");
  // Nobody learns which addresses there are.
  expect(await tries("nobody@example.com")).toBe(422);
  expect(await alert.innerText()).toBe(said);
  let status = 0;
  for (let i = 0; i < 12 && status !== 429; i++) status = await tries(owner.email);
  expect(status).toBe(429);
  await expect(alert).toHaveText(/Too many failed logins\. Please wait \d+ seconds/);
});
