import { defineConfig } from "@playwright/test";
import { browserOptions } from "./browser-options.ts";

// The limits of time are only there to end what hangs.
export default defineConfig({
  testDir: "tests",
  outputDir: "test-results",
  globalSetup: "./build.ts",
  workers: 2,
  timeout: 900_000,
  expect: { timeout: 60_000 },
  forbidOnly: true,
  reporter: [["list"]],
  use: browserOptions,
});
