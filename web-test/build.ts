import { execFileSync } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";

// Builds the program once for all tests. LEADFLIP_TEST_BINARY names one that is built already.
export default function build() {
  if (process.env.LEADFLIP_TEST_BINARY) return;
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "leadflip-web-test-"));
  const binary = path.join(folder, "leadflip");
  execFileSync("go", ["build", "-o", binary, "./cmd/leadflip"], { cwd: path.join(import.meta.dirname, ".."), stdio: "inherit" });
  process.env.LEADFLIP_TEST_BINARY = binary;
  return () => fs.rmSync(folder, { recursive: true, force: true });
}
