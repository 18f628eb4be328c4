// What somebody writes with the generated client: sends a lead of the entity that
// every account begins with, and reads it back.
import createClient from "openapi-fetch";
import type { components, paths } from "./schema.d.ts";

declare const process: { argv: string[] };

const [url, key] = process.argv.slice(2);
const client = createClient<paths>({ baseUrl: url, headers: { Authorization: `Bearer ${key}` } });

const sent: components["schemas"]["Intake_leads"] = {
  entity: "leads",
  name: "Grace Hopper",
  email: "grace@example.com",
  phone: null,
  "status:stage": "Contacted",
  source: "typescript",
  notes: ["Met at the fair", { text: "Call back", tag: "call" }],
};
const intake = await client.POST("/api/intake", { body: sent });
if (intake.error) throw new Error(intake.error.detail);
const id = intake.data.lead_id;
if (!id || intake.data.action !== "created" || intake.data.warnings) throw new Error("the lead was not created as it was sent");

const got = await client.GET("/api/leads/{id}", { params: { path: { id } } });
if (got.error) throw new Error(got.error.detail);
const lead = got.data;
if (lead.entity !== "leads") throw new Error("a lead of another entity");
const email: string | null = lead.fields.email;
const stage: "New" | "Contacted" | "Qualified" | "Won" | "Lost" | undefined = lead.status.stage?.name;
if (email !== sent.email || stage !== "Contacted" || lead.fields.phone !== null || lead.source !== "typescript") {
  throw new Error("the lead is not what was sent");
}

const list = await client.GET("/api/leads", { params: { query: { entity: "leads", limit: 1 } } });
if (list.error) throw new Error(list.error.detail);
if (list.data.data[0]?.id !== id) throw new Error("the lead is not the newest of the list");

const missing = await client.GET("/api/leads/{id}", { params: { path: { id: "0198c4f2-7d10-7cc3-98c4-dc0c0c07398f" } } });
if (missing.error?.code !== "not_found" || missing.response.status !== 404) throw new Error("a lead that there is not was found");
