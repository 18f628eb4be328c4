import { defineConfig } from "@playwright/test";
import base from "./playwright.config.ts";

// Takes the pictures: all of them into screenshots/, and those of the documentation anew.
export default defineConfig(base, { testDir: "pictures", workers: 1, timeout: 600_000 });
