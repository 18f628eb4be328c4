// Mistakes that the compiler has to find. Each line that ends in MISTAKE is one, and no
// other line is.
import createClient from "openapi-fetch";
import type { components, paths } from "./schema.d.ts";

const client = createClient<paths>({ baseUrl: "http://127.0.0.1" });
type Schemas = components["schemas"];

export const name = (lead: Schemas["Lead_leads"]) => lead.fields.name;
export const wrongName = (lead: Schemas["Lead_leads"]) => lead.fields.nmae; // MISTAKE
export const notAlways = (lead: Schemas["Lead_leads"]): string => lead.fields.name; // MISTAKE
export const pipeline = (lead: Schemas["Lead_leads"]) => lead.status.stgae; // MISTAKE
export const status = (lead: Schemas["Lead_leads"]) => lead.status.stage?.name === "Wno"; // MISTAKE
export const readOnly = (lead: Schemas["Lead_leads"]) => void (lead.id = ""); // MISTAKE

export const sent: Schemas["Intake_leads"] = { entity: "leads", name: "Ada", favourite_colour: "kept under unmapped" };
export const noEntity: Schemas["Intake_leads"] = { name: "Ada" }; // MISTAKE
export const otherEntity: Schemas["Intake_leads"] = { entity: "laeds", name: "Ada" }; // MISTAKE
export const wrongType: Schemas["Intake_leads"] = { entity: "leads", name: 5 }; // MISTAKE
export const wrongStatus: Schemas["Intake_leads"] = { entity: "leads", "status:stage": "Wno" }; // MISTAKE

export const change: Schemas["LeadPatch_leads"] = { fields: { name: null, email: "ada@example.com" }, status: { stage: "Won" } };
export const wrongField: Schemas["LeadPatch_leads"] = { fields: { nmae: "Ada" } }; // MISTAKE
export const wrongChange: Schemas["LeadPatch_leads"] = { name: "Ada" }; // MISTAKE

export const noPath = () => client.GET("/api/laeds"); // MISTAKE
export const noParameter = () => client.GET("/api/leads", { params: { query: { limit: 1 } } }); // MISTAKE
