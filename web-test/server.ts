import { spawn, type ChildProcess } from "node:child_process";
import fs from "node:fs";
import net from "node:net";
import os from "node:os";
import path from "node:path";
import pg from "pg";
import { test } from "@playwright/test";

export type Database = "sqlite" | "postgres";

const admin = process.env.LEADFLIP_TEST_DATABASE_URL;

/** The databases that there are to test on: PostgreSQL when LEADFLIP_TEST_DATABASE_URL names a server. */
export const databases: Database[] = admin ? ["sqlite", "postgres"] : ["sqlite"];

export const owner = {
  email: "ada@example.com",
  name: "Ada Lovelace",
  password: "nine lanterns over the harbour",
  account: "Acme Solar",
};

export interface ServerOptions {
  database?: Database;
  /** Makes the account of `owner`, and an API key with all rights. */
  setUp?: boolean | "without key";
  args?: string[];
  /** The host in the address that people use; the program always listens on the loopback. */
  host?: string;
}

export interface Answer {
  status: number;
  headers: Headers;
  text: string;
  body: any;
}

/** The program with a database of its own. */
export class Server {
  url = "";
  setupLink = "";
  /** A key of Production with all rights, when the account was set up. */
  key = "";
  readonly folder = fs.mkdtempSync(path.join(os.tmpdir(), "leadflip-web-"));
  readonly data = path.join(this.folder, "data");
  private process?: ChildProcess;
  private log = "";
  private databaseURL = "";

  constructor(private readonly options: ServerOptions) {}

  static async start(options: ServerOptions = {}): Promise<Server> {
    const server = new Server(options);
    try {
      if (options.database === "postgres") server.databaseURL = await createDatabase();
      if (options.setUp) await server.makeAccount();
      await server.serve();
    } catch (error) {
      await server.stop().catch(() => {});
      throw error;
    }
    return server;
  }

  private env(): NodeJS.ProcessEnv {
    const env: NodeJS.ProcessEnv = { PATH: process.env.PATH, HOME: this.folder, LEADFLIP_DATA: this.data };
    if (this.databaseURL) env.LEADFLIP_DATABASE_URL = this.databaseURL;
    return env;
  }

  private async makeAccount() {
    await this.run(["setup", "--email", owner.email, "--name", owner.name, "--account", owner.account, "--password-stdin"], owner.password + "\n");
    if (this.options.setUp !== "without key") this.key = (await this.makeKey("Test runner", ["*"])).key;
  }

  /** Makes a key from the command line, beside the server. */
  async makeKey(name: string, scopes: string[], env = "production"): Promise<{ id: string; key: string }> {
    const out = await this.run(["keys", "create", "--account", owner.account, "--env", env, "--name", name, "--scopes", scopes.join(","), "--expires", "never", "--rate-limit", "none", "--json"]);
    return JSON.parse(out);
  }

  /** Runs a command of the program and returns its standard output. */
  run(args: string[], stdin = ""): Promise<string> {
    return new Promise((resolve, reject) => {
      const child = spawn(process.env.LEADFLIP_TEST_BINARY!, args, { env: this.env() });
      let out = "";
      let errors = "";
      child.stdout.on("data", (chunk) => (out += chunk));
      child.stderr.on("data", (chunk) => (errors += chunk));
      child.on("error", reject);
      child.on("close", (code) => (code === 0 ? resolve(out) : reject(new Error(`leadflip ${args.join(" ")}: exit ${code}\n${errors}`))));
      child.stdin.end(stdin);
    });
  }

  private async serve() {
    for (let attempt = 1; ; attempt++) {
      const port = await freePort();
      const host = this.options.host ?? "127.0.0.1";
      const url = `http://${host}:${port}`;
      const args = ["serve", "--addr", `127.0.0.1:${port}`, "--public-url", url, "--log-format", "json", ...(this.options.args ?? [])];
      const child = spawn(process.env.LEADFLIP_TEST_BINARY!, args, { env: this.env(), stdio: ["ignore", "pipe", "pipe"] });
      this.process = child;
      this.log = "";
      child.stderr!.on("data", (chunk) => (this.log += chunk));
      const out = await new Promise<string>((resolve) => {
        let text = "";
        child.stdout!.on("data", (chunk) => {
          text += chunk;
          if (text.includes("Ctrl-C")) resolve(text);
        });
        child.on("close", () => resolve(""));
      });
      if (out) {
        this.url = url;
        this.setupLink = /Setup\s+(http\S+)/.exec(out)?.[1] ?? "";
        return;
      }
      if (attempt === 5 || !this.log.includes("is in use")) throw new Error(`the program did not start:\n${this.log}`);
    }
  }

  /** Ends the program. It must end well, with no fault and no secret in its log. */
  async stop() {
    try {
      await this.pause();
    } finally {
      fs.rmSync(this.folder, { recursive: true, force: true });
      if (this.databaseURL) await dropDatabase(this.databaseURL);
    }
  }

  /** Ends the program and keeps its data, for resume. */
  async pause() {
    const child = this.process;
    this.process = undefined;
    let code = child?.exitCode ?? 0;
    if (child && child.exitCode === null && child.signalCode === null) {
      code = await new Promise<number>((resolve) => {
        child.on("close", (exit) => resolve(exit ?? -1));
        child.kill("SIGTERM");
      });
    }
    const faults = this.log.split("\n").filter((line) => /"level":"ERROR"|panic|lf_(live|test)_[0-9A-Za-z]{61}/.test(line));
    if (code !== 0 || faults.length) throw new Error(`the program ended with ${code}\n${faults.join("\n")}`);
  }

  /** Starts the program again, at another port. */
  resume = () => this.serve();

  /** Calls the API. */
  async call(method: string, address: string, body?: unknown, key = this.key): Promise<Answer> {
    const headers: Record<string, string> = { Accept: "application/json", Authorization: `Bearer ${key}` };
    if (body !== undefined) headers["Content-Type"] = "application/json";
    const response = await fetch(this.local(address), { method, headers, body: body === undefined ? undefined : JSON.stringify(body) });
    const text = await response.text();
    let parsed: unknown = null;
    try {
      parsed = JSON.parse(text);
    } catch {
      // Not every answer is JSON.
    }
    return { status: response.status, headers: response.headers, text, body: parsed };
  }

  /** Calls the API and fails unless it went well. */
  async must(method: string, address: string, body?: unknown, key = this.key) {
    const answer = await this.call(method, address, body, key);
    if (answer.status >= 300) throw new Error(`${method} ${address}: ${answer.status}\n${answer.text}`);
    return answer.body;
  }

  /** The address as a program on this machine reaches it. */
  local(address: string): string {
    const url = new URL(address, this.url);
    url.hostname = "127.0.0.1";
    return url.href;
  }

  /** The address of a page inside the account of `owner`. */
  app(page: string, environment = "production"): string {
    return `${this.url}/app/acme-solar/${environment}/${page}`;
  }
}

/** Starts a server for the tests of a file, and stops it after them. */
export function useServer(options: ServerOptions = {}): () => Server {
  let server: Server | undefined;
  test.beforeAll(async () => {
    server = await Server.start({ setUp: true, ...options });
  });
  test.afterAll(async () => {
    await server?.stop();
    server = undefined;
  });
  return () => server!;
}

export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = net.createServer();
    probe.on("error", reject);
    probe.listen(0, "127.0.0.1", () => {
      const { port } = probe.address() as net.AddressInfo;
      probe.close(() => resolve(port));
    });
  });
}

async function asAdmin(sql: string) {
  const client = new pg.Client({ connectionString: admin });
  await client.connect();
  try {
    await client.query(sql);
  } finally {
    await client.end();
  }
}

async function createDatabase(): Promise<string> {
  const name = `leadflip_web_${process.pid}_${Math.random().toString(36).slice(2)}`;
  await asAdmin(`CREATE DATABASE ${name}`);
  const url = new URL(admin!);
  url.pathname = "/" + name;
  return url.href;
}

const dropDatabase = (url: string) => asAdmin(`DROP DATABASE IF EXISTS ${new URL(url).pathname.slice(1)} WITH (FORCE)`);
