import type { PlaywrightTestOptions, PlaywrightWorkerOptions } from "@playwright/test";

// A name that is not the loopback for the browser, so that it counts as an ordinary site on plain http.
export const plainHost = "plain.test";

export const browserOptions: Partial<PlaywrightTestOptions & PlaywrightWorkerOptions> = {
  browserName: "chromium",
  headless: true,
  actionTimeout: 60_000,
  navigationTimeout: 120_000,
  screenshot: "only-on-failure",
  launchOptions: {
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: [
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
      `--host-resolver-rules=MAP ${plainHost} 127.0.0.1`,
    ],
  },
};
