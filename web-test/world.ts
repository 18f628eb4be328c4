import type { Server } from "./server.ts";
import { Session } from "./session.ts";

export const member = { email: "grace@example.com", name: "Grace Hopper", password: "seven anchors under the bridge" };

/** An account in which there is one of everything. */
export interface World {
  /** Keys of Production by their names. */
  keys: Record<string, { id: string; key: string }>;
  /** Leads of Production by the names of their people. */
  leads: Record<string, string>;
  /** A reset link that was not used yet. */
  resetLink: string;
  /** An invitation that was not accepted yet. */
  inviteLink: string;
  ada: Session;
}

export async function fill(server: Server): Promise<World> {
  const ada = await Session.of(server);
  const settings = server.app("settings/");
  const inviteLink = await invite(server, ada, "margaret@example.com", "admin");
  const joining = await invite(server, ada, member.email, "member");
  await new Session(server).post(joining, { name: member.name, password: member.password });
  await ada.post(settings + "environments", { name: "Staging", kind: "test" });
  const resetLink = new URL((await server.run(["people", "reset", member.email])).split("\n")[0]).pathname;

  const keys: World["keys"] = {};
  const make = async (name: string, more: object) => {
    keys[name] = await server.must("POST", "/api/keys", { name, scopes: ["leads:write"], ...more });
    return keys[name];
  };
  await make("Website form", { purpose: "Contact form of the public site" });
  const server1 = await make("Website server", { scopes: ["entities:read", "leads:read", "leads:write"], ip_allow: ["127.0.0.0/8"] });
  await make("Nightly report", { scopes: ["leads:read"], expires_in: "7d" });
  const rotating = await make("CRM sync", { scopes: ["entities:read", "events:read", "forms:read", "leads:delete", "leads:export", "leads:read", "leads:write"] });
  const exposed = await make("Old newsletter tool", {});
  const disabled = await make("Partner feed", { expires_in: "never" });
  const revoked = await make("Trade fair 2025", {});
  const wrong = await make("A name as long as names may be, so that one sees what becomes of it in the list", { purpose: "x".repeat(150) });

  const leads: World["leads"] = {};
  const send = async (body: Record<string, unknown>, key = server1.key) => {
    leads[String(body.name)] = (await server.must("POST", "/api/intake", { entity: "leads", ...body }, key)).lead_id;
  };
  await send({ name: "Grace Murray", email: "grace.murray@example.com", phone: "+44 20 7946 0000", company: "Navy", message: "First line\nSecond line", source: "landing page" });
  await send({ name: "Katherine Johnson", email: "katherine@example.com", "status:stage": "Won", notes: ["Called", { text: "Wants a quote\nby Friday", tag: "call" }], "utm campaign": "spring", budget: { from: 5, to: 9 } });
  await send({ name: "Averylongnamewithoutanyspaceinitthatnobodywouldeverreallyhave", email: "a.very.long.address.that.still.counts@subdomain.of.some.example.com", message: "m".repeat(400), company: "w".repeat(120) }, wrong.key);

  for (let i = 0; i < 4; i++) await server.call("GET", "/api/leads/none", undefined, wrong.key);
  await server.call("GET", "/api/key", undefined, rotating.key);
  await server.must("POST", `/api/keys/${rotating.id}/rotate`, { overlap: "24h" });
  await server.call("GET", "/api/key", undefined, rotating.key);
  await server.call("GET", `/api/key?key=${exposed.key}`);
  await server.call("GET", "/api/key", undefined, disabled.key);
  await server.must("POST", `/api/keys/${disabled.id}/disable`);
  await server.must("POST", `/api/keys/${revoked.id}/revoke`);
  return { keys, leads, resetLink, inviteLink, ada };
}

/** Invites somebody and returns the one-time link. */
export async function invite(server: Server, ada: Session, email: string, role: string): Promise<string> {
  const page = await ada.get(server.app("settings/members"));
  const nonce = /name="nonce" value="([^"]+)"/.exec(page.text)![1];
  const answer = await ada.post(server.app("settings/members"), { email, role, nonce });
  return /\/invite\/[\w-]+/.exec(answer.text)![0];
}
