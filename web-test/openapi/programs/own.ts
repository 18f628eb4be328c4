// The same for an entity of the account's own, with a field of many types.
import createClient from "openapi-fetch";
import type { components, paths } from "./schema.d.ts";

declare const process: { argv: string[] };

const [url, key] = process.argv.slice(2);
const client = createClient<paths>({ baseUrl: url, headers: { Authorization: `Bearer ${key}` } });

const sent: components["schemas"]["Intake_solar_roofs"] = {
  entity: "solar-roofs",
  name: "Grace Hopper",
  budget: 12500.5,
  panels: 12,
  place: "roof",
  wishes: ["battery", "wallbox"],
  owner: true,
  moves_on: "2028-02-29",
  call_at: "2026-07-31T14:30:00.000000Z",
  site: "https://example.com/roof",
  "status:sales": "In talks",
};
const intake = await client.POST("/api/intake", { body: sent });
if (intake.error) throw new Error(JSON.stringify(intake.error));
if (!intake.data.lead_id || intake.data.warnings) throw new Error("the lead was not created as it was sent");

const got = await client.GET("/api/leads/{id}", { params: { path: { id: intake.data.lead_id } } });
if (got.error) throw new Error(got.error.detail);
const lead = got.data;
if (lead.entity !== "solar-roofs") throw new Error("a lead of another entity");
const fields: {
  readonly [name: string]: unknown;
  name: string | null;
  budget: number | null;
  panels: number | null;
  place: "roof" | "balcony" | null;
  wishes: ("battery" | "wallbox")[] | null;
  owner: boolean | null;
} = lead.fields;
for (const name of ["name", "budget", "panels", "place", "wishes", "owner", "moves_on", "call_at", "site"] as const) {
  if (JSON.stringify(fields[name]) !== JSON.stringify(sent[name])) throw new Error(`${name} is not what was sent`);
}
const status: "New" | "In talks" | undefined = lead.status.sales?.name;
if (status !== "In talks") throw new Error("the status is not what was sent");

// The type of a lead tells its entity, and with it the names of its fields.
export const total = (leads: components["schemas"]["LeadList"]) =>
  leads.data.reduce((sum, one) => sum + (one.entity === "solar-roofs" ? (one.fields?.budget ?? 0) : 0), 0);
