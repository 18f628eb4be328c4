import http from "node:http";
import type { AddressInfo } from "node:net";
import { expect, test } from "../browser.ts";
import { owner } from "../server.ts";

// Behind a proxy that reaches nothing and notes every attempt, as on a network without a way out. Requests to the
// loopback do not go through it. It also sees what the events of a page do not tell: those of workers.
test("no request leaves for another host, and none is missed", async ({ serve, visit, browser }) => {
  const attempts: string[] = [];
  // Chromium asks its maker about forms, by itself.
  const note = (url: string) => url.startsWith("content-autofill.googleapis.com") || attempts.push(url);
  const proxy = http.createServer((request, response) => {
    note(request.url!);
    response.writeHead(502).end();
  });
  proxy.on("connect", (request, socket) => {
    note(request.url!);
    socket.end("HTTP/1.1 502 Bad Gateway\r\n\r\n");
  });
  await new Promise<void>((resolve) => proxy.listen(0, "127.0.0.1", resolve));
  const through = { proxy: { server: `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`, bypass: "127.0.0.1" } };

  await test.step("the proxy would notice", async () => {
    const other = await browser.newContext(through);
    const page = await other.newPage();
    await page.goto("http://outside.example/").catch(() => {});
    expect(attempts).toEqual(["http://outside.example/"]);
    attempts.length = 0;
    await other.close();
  });

  const server = await serve();
  const page = await (await visit(server, through)).newPage();
  await page.goto(server.setupLink);
  await page.getByLabel("E-mail").fill(owner.email);
  await page.getByLabel("Your name").fill(owner.name);
  await page.getByLabel("Password", { exact: true }).fill(owner.password);
  await page.getByLabel("Account name").fill(owner.account);
  await page.keyboard.press("Enter");
  await expect(page).toHaveURL(/\/leads\/leads$/);
  await page.goto(server.app("settings/api-access/new"));
  await page.getByLabel("Name", { exact: true }).fill("Website server");
  await page.getByRole("button", { name: "Create key" }).click();
  await page.getByRole("button", { name: "Reveal" }).click();
  server.key = await page.getByRole("textbox", { name: "API key" }).inputValue();
  await server.must("GET", "/api/key");
  await expect(page.locator("first-request")).toHaveAttribute("data-state", "done");
  await page.getByLabel("I stored it").check();
  await page.goto(server.app("leads/leads"));
  await server.must("POST", "/api/intake", { entity: "leads", name: "Grace Hopper" });
  await page.getByRole("link", { name: "Grace Hopper" }).click();
  for (const address of ["settings/general", "settings/members", "settings/api-access", "settings/environments", "settings/security", "settings/audit"]) await page.goto(server.app(address));
  for (const address of ["/help", "/help/your-first-lead", "/help/api-endpoints", "/help/errors", "/help/errors/key_revoked", "/nothing", "/llms.txt", "/api/openapi.json"]) await page.goto(address);
  await page.close();
  expect(attempts).toEqual([]);
  proxy.close();
});
