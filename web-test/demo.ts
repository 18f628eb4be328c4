import { execFileSync } from "node:child_process";
import path from "node:path";
import { Server } from "./server.ts";
import { Session } from "./session.ts";
import { invite, member } from "./world.ts";

interface Statement {
  sql: string;
  args: (string | number | null)[];
}

interface Use {
  route: string;
  /** Calls on a busy hour, by status. */
  calls: Record<number, number>;
}

interface DemoKey {
  name: string;
  purpose?: string;
  by?: Session;
  service?: boolean;
  scopes: string[];
  expires?: string;
  /** How many days ago it was made. */
  age: number;
  use: Use[];
  ip?: string;
  agent?: string;
  /** Seconds since the last call. */
  last?: number;
  /** Days since the use ended. */
  quiet?: number;
}

const hour = 3600;
const day = 24 * hour;

/** An account after a few busy weeks. Whatever the API can do is done by it; the past is written into the database. */
export async function demo(): Promise<{ server: Server; keys: Record<string, string>; leads: Record<string, string> }> {
  const server = await Server.start({ setUp: "without key" });
  const ada = await Session.of(server);
  const link = await invite(server, ada, member.email, "admin");
  await new Session(server).post(link, { name: member.name, password: member.password });
  const grace = await Session.of(server, member.email, member.password);
  await ada.post(server.app("settings/environments"), { name: "Staging", kind: "test" });

  const list: DemoKey[] = [
    { name: "Website form", purpose: "Quote form on the public site", scopes: ["leads:write"], age: 64, ip: "203.0.113.24", agent: "acme-site/2.4", last: 40, use: [{ route: "POST /api/intake", calls: { 200: 34, 422: 1 } }] },
    { name: "Website server", purpose: "Sends leads, reads them back", scopes: ["entities:read", "leads:read", "leads:write"], age: 58, ip: "203.0.113.80", agent: "node", last: 190, use: [{ route: "POST /api/intake", calls: { 200: 12 } }, { route: "GET /api/leads/{id}", calls: { 200: 9, 404: 1 } }, { route: "GET /api/entities", calls: { 200: 2 } }] },
    { name: "Nightly report", purpose: "Pipeline sheet of the sales team", by: grace, scopes: ["entities:read", "leads:read"], expires: "7d", age: 83, ip: "198.51.100.7", agent: "python-requests/2.32", last: 5 * hour, use: [{ route: "GET /api/leads", calls: { 200: 6 } }] },
    { name: "Automation", purpose: "n8n: new lead to chat", by: grace, scopes: ["entities:read", "events:read", "leads:read", "leads:write"], age: 31, ip: "198.51.100.41", agent: "n8n", last: 12, use: [{ route: "GET /api/leads", calls: { 200: 40, 429: 9 } }, { route: "POST /api/intake", calls: { 200: 3 } }] },
    { name: "Partner feed", purpose: "Leads from SunTrade", service: true, scopes: ["leads.leads:write"], age: 22, ip: "192.0.2.180", agent: "suntrade-feed/1.1", last: 26 * 60, use: [{ route: "POST /api/intake", calls: { 200: 7, 422: 3 } }] },
    { name: "Old newsletter tool", service: true, scopes: ["leads:write"], age: 200, ip: "192.0.2.15", agent: "curl/8.5.0", last: 3 * day, quiet: 3, use: [{ route: "POST /api/intake", calls: { 200: 2 } }] },
    { name: "Trade fair tablets", purpose: "Stand in Munich, from 12 December", by: grace, scopes: ["leads:write"], age: 2, use: [] },
    { name: "Data warehouse", service: true, scopes: ["leads:export", "leads:read"], age: 120, ip: "198.51.100.90", agent: "airbyte/1.9", last: 41 * day, quiet: 41, use: [{ route: "GET /api/leads", calls: { 200: 4 } }] },
  ];

  const keys: Record<string, string> = {};
  const secrets: Record<string, string> = {};
  const create = server.app("settings/api-access/new");
  for (const key of list) {
    const by = key.by ?? ada;
    const nonce = /name="nonce" value="([^"]+)"/.exec((await by.get(create)).text)![1];
    const answer = await by.post(create, [
      ["nonce", nonce], ["name", key.name], ["purpose", key.purpose ?? ""], ["environment", "production"], ["owner", key.service ? "service" : "me"],
      ["expires", key.expires ?? "90d"], ["rate_limit", "6000"], ...key.scopes.map((scope): [string, string] => ["scopes", scope]),
    ]);
    secrets[key.name] = /lf_live_[0-9A-Za-z]{61}/.exec(answer.text)![0];
    keys[key.name] = (await server.must("GET", "/api/key", undefined, secrets[key.name])).id;
  }
  const leads = await sendLeads(server, secrets["Website form"], secrets["Website server"]);

  // A rotation under way, and a key in the wrong place.
  const old = keys["Website server"];
  const rotate = server.app(`settings/api-access/${old}/rotate`);
  const nonce = /name="nonce" value="([^"]+)"/.exec((await ada.get(rotate)).text)![1];
  const rotated = await ada.post(rotate, { nonce, overlap: "24h" });
  keys["Website server"] = (await server.must("GET", "/api/key", undefined, /lf_live_[0-9A-Za-z]{61}/.exec(rotated.text)![0])).id;
  await server.call("GET", `/api/limits?key=${secrets["Old newsletter tool"]}`);

  await server.pause();
  write(server, [...past(list, keys, old), ...pastOf(leads)]);
  await server.resume();
  return { server, keys, leads };
}

/** Writes the weeks before today. */
function past(list: DemoKey[], keys: Record<string, string>, oldHalf: string): Statement[] {
  const now = Math.floor(Date.now() / 1000);
  const out: Statement[] = [];
  const run = (sql: string, ...args: Statement["args"]) => out.push({ sql, args });
  for (const table of ["key_usage", "key_addresses", "key_calls", "key_activity"]) run(`DELETE FROM ${table}`);
  const environment = "(SELECT environment_id FROM api_keys WHERE id = $1)";
  for (const key of list) {
    const rotating = key.name === "Website server";
    const id = rotating ? oldHalf : keys[key.name];
    run("UPDATE api_keys SET created_at = $2, first_used_at = $3 WHERE id = $1", id, (now - key.age * day) * 1e6, key.use.length ? (now - key.age * day + 600) * 1e6 : null);
    if (rotating) run("UPDATE api_keys SET created_at = $2, first_used_at = $3, expires_at = (SELECT expires_at FROM api_keys WHERE id = $4) + $5 WHERE id = $1", keys[key.name], (now - 5 * hour) * 1e6, (now - 4 * hour) * 1e6, keys["Website form"], 60 * day * 1e6);
    if (rotating) run("UPDATE api_keys SET expires_at = $2 WHERE id = $1", id, (now + 19 * hour + 300) * 1e6);
    if (!key.use.length) continue;
    for (let ago = Math.min(key.age, 90) * 24; ago >= (key.quiet ?? 0) * 24; ago--) {
      const at = now - ago * hour;
      for (const { route, calls } of key.use) {
        for (const [status, busy] of Object.entries(calls)) {
          // An even noise instead of chance: the pictures are the same each time, but for the days.
          const count = Math.round(busy * load(at) * (0.7 + 0.6 * noise(at / hour, route.length + Number(status))));
          const owner = rotating && ago < 5 ? keys[key.name] : id;
          if (count > 0) run(`INSERT INTO key_usage (environment_id, key_id, hour, route, status, calls) VALUES (${environment}, $1, $2, $3, $4, $5)`, owner, Math.floor(at / hour), route, Number(status), count);
        }
      }
    }
    const calls = key.use.flatMap(({ route, calls }) => Object.entries(calls).flatMap(([status, n]) => Array.from({ length: Math.min(n, 12) }, () => ({ route, status: Number(status) }))));
    const use = (owner: string, from: number, count: number, spread: number) => {
      for (let i = 0; i < count; i++) {
        const call = calls[Math.floor(noise(i, 7) * calls.length)];
        const at = now - from - Math.floor(i * spread * (0.5 + noise(i, 3)));
        const [method, pattern] = call.route.split(" ");
        const micros = call.status === 429 ? 90 : 700 + Math.floor(2600 * noise(i, 5));
        run(`INSERT INTO key_calls (environment_id, key_id, at, request_id, method, route, status, micros, ip, user_agent) VALUES (${environment}, $1, $2, $3, $4, $5, $6, $7, $8, $9)`,
          owner, at * 1e6 + i, `req_${letters(at + i)}`, method, pattern, call.status, micros, key.ip!, key.agent!);
        if (i === 0) run(`INSERT INTO key_activity (key_id, environment_id, at, ip, method, route, status, user_agent) VALUES ($1, ${environment}, $2, $3, $4, $5, $6, $7)`, owner, at * 1e6, key.ip!, method, pattern, call.status, key.agent!);
      }
      for (const [i, ip] of [key.ip!, key.ip!.replace(/\d+$/, "9")].entries()) {
        for (let d = 0; d < 7; d++) {
          const last = now - from - d * day - i * 7 * hour;
          run(`INSERT INTO key_addresses (environment_id, key_id, day, ip, calls, last_at) VALUES (${environment}, $1, $2, $3, $4, $5)`, owner, Math.floor(last / day), ip, i ? 14 : 260, last * 1e6);
        }
      }
    };
    if (rotating) {
      use(keys[key.name], key.last!, 60, 120);
      use(id, 47 * 60, 40, 600);
    } else use(id, key.last!, 100, 90);
  }
  return out;
}

const people: [name: string, company: string, mail: string, stage: string, message: string][] = [
  ["Mara Lindqvist", "Lindqvist Bakery", "mara@lindqvist.example", "New", "Two ovens, one roof: what would 40 panels save us?"],
  ["Tomás Herrera", "Herrera Farms", "tomas@herrera.example", "New", "Need an offer for three barns before spring."],
  ["Aiko Tanaka", "", "aiko.tanaka@mail.example", "Contacted", "Flat roof, 120 m². Is a battery worth it?"],
  ["Oluwaseun Adeyemi", "Adeyemi Logistics", "seun@adeyemi.example", "New", "Please call in the afternoon."],
  ["Ingrid Bauer", "Hotel Seeblick", "bauer@seeblick.example", "Qualified", "Pool heating and 60 rooms; we have the plans."],
  ["Noor Haddad", "Haddad & Sons", "noor@haddad.example", "Contacted", "We compare three offers, yours would be the third."],
  ["Piotr Zieliński", "", "piotr.z@mail.example", "New", "Can you do Saturdays?"],
  ["Charlotte Dubois", "École Dubois", "direction@dubois.example", "Qualified", "School roof, public tender to follow."],
  ["Samuel Okafor", "Okafor Print", "sam@okafor.example", "Won", "Let us do it as we said on the phone."],
  ["Elif Yılmaz", "", "elif@mail.example", "Lost", "We are moving, so not this year."],
  ["Giulia Conti", "Cantina Conti", "giulia@conti.example", "Contacted", "Cellar cooling in summer is our biggest bill."],
  ["Daniel Novák", "Novák Metal", "novak@metal.example", "Won", "Go ahead with phase two."],
];

async function sendLeads(server: Server, form: string, backend: string): Promise<Record<string, string>> {
  const ids: Record<string, string> = {};
  for (const [i, [name, company, email, stage, message]] of [...people.entries()].reverse()) {
    const body: Record<string, unknown> = { entity: "leads", name, email, message, "status:stage": stage, source: i % 3 === 2 ? "referral" : i % 3 ? "landing page" : "website" };
    if (company) body.company = company;
    if (i % 4) body.phone = `+44 20 7946 0${100 + i * 7}`;
    if (i === 4) Object.assign(body, { notes: [{ text: "Asked for the plans, will come by mail.", tag: "call" }, "Decides together with the owner."], utm_campaign: "winter-offer", "roof area": "410 m²" });
    ids[name] = (await server.must("POST", "/api/intake", body, i % 3 ? backend : form)).lead_id;
  }
  return ids;
}

function pastOf(leads: Record<string, string>): Statement[] {
  const now = Date.now() * 1000;
  return people.flatMap(([name], i) => {
    const at = now - Math.floor((i === 0 ? 40 : i ** 1.9 * 2100 + 900) * 1e6);
    return [
      { sql: "UPDATE leads SET created_at = $2, updated_at = $2 WHERE id = $1", args: [leads[name], at] },
      // Two ids and a moment: the starter entity has one pipeline.
      { sql: "UPDATE leads SET statuses = substr(statuses, 1, 74) || CAST($2 AS INTEGER) WHERE id = $1", args: [leads[name], at] },
      { sql: "UPDATE lead_notes SET created_at = $2 WHERE lead_id = $1", args: [leads[name], at] },
      { sql: "UPDATE events SET at = $2 WHERE data ->> 'lead_id' = $1", args: [leads[name], at] },
    ];
  });
}

/** How much of a busy hour an hour is: less at night and at the weekend. */
function load(at: number): number {
  const time = new Date(at * 1000);
  const weekend = [0, 6].includes(time.getUTCDay()) ? 0.35 : 1;
  return weekend * (0.08 + 0.92 * Math.max(0, Math.sin(((time.getUTCHours() - 5) / 15) * Math.PI)));
}

const noise = (a: number, b: number) => {
  const x = Math.sin(Math.floor(a) * 12.9898 + b * 78.233) * 43758.5453;
  return x - Math.floor(x);
};

const letters = (seed: number) => Array.from({ length: 20 }, (_, i) => "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"[Math.floor(noise(seed, i) * 32)]).join("");

function write(server: Server, statements: Statement[]) {
  execFileSync("go", ["run", "./web-test/statements", server.data], { cwd: path.join(import.meta.dirname, ".."), input: JSON.stringify(statements), stdio: ["pipe", "inherit", "inherit"] });
}
