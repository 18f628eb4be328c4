import { defineConfig } from "@playwright/test";
import base from "./playwright.config.ts";

// The OpenAPI document, with public tools. No browser is started.
export default defineConfig(base, { testDir: "openapi", workers: 2 });
