import { owner, type Server } from "./server.ts";

/** A person's login without a browser, to bring an account into a state quickly. */
export class Session {
  private cookie = "";

  constructor(private readonly server: Server) {}

  static async of(server: Server, email = owner.email, password = owner.password): Promise<Session> {
    const session = new Session(server);
    const answer = await session.post("/login", { email, password });
    if (answer.status !== 303) throw new Error(`login of ${email}: ${answer.status}`);
    return session;
  }

  async get(address: string) {
    return this.send(address, { method: "GET" });
  }

  /** Sends a form as a page would. */
  async post(address: string, fields: Record<string, string> | [string, string][]) {
    return this.send(address, { method: "POST", body: new URLSearchParams(fields) });
  }

  private async send(address: string, init: RequestInit) {
    const response = await fetch(this.server.local(address), { ...init, redirect: "manual", headers: this.cookie ? { Cookie: this.cookie } : {} });
    const set = response.headers.getSetCookie()[0];
    if (set) this.cookie = set.split(";")[0];
    return { status: response.status, headers: response.headers, location: response.headers.get("Location") ?? "", text: await response.text() };
  }
}
