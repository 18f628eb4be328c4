import http from "node:http";
import type { AddressInfo } from "node:net";
import type { Server } from "./server.ts";

/**
 * Stands between a browser and the program, passes everything on as it is, and notes the requests: also those of
 * workers, which the events of a page do not tell.
 */
export class Relay {
  url = "";
  readonly requests: string[] = [];
  private readonly open = new Set<http.IncomingMessage>();
  private readonly listener: http.Server;

  private constructor(server: Server) {
    const { hostname, port } = new URL(server.url);
    this.listener = http.createServer((request, response) => {
      this.requests.push(`${request.method} ${request.url!.split("?")[0]}`);
      const onward = http.request({ hostname, port, method: request.method, path: request.url, headers: request.headers }, (answer) => {
        this.open.add(request);
        response.on("close", () => {
          this.open.delete(request);
          onward.destroy();
        });
        response.writeHead(answer.statusCode!, answer.headers);
        answer.pipe(response);
      });
      onward.on("error", () => response.destroy());
      request.pipe(onward);
    });
  }

  static async to(server: Server): Promise<Relay> {
    const relay = new Relay(server);
    await new Promise<void>((resolve) => relay.listener.listen(0, "127.0.0.1", resolve));
    relay.url = `http://127.0.0.1:${(relay.listener.address() as AddressInfo).port}`;
    return relay;
  }

  /** How many requests went to an address that ends so. */
  count = (end: string) => this.requests.filter((request) => request.endsWith(end)).length;

  /** How many answers of such an address are still being read. */
  reading = (end: string) => [...this.open].filter((request) => request.url!.split("?")[0].endsWith(end)).length;

  /** Cuts the answers of such an address, and waits until they are. */
  async cut(end: string) {
    const cut = [...this.open].filter((request) => request.url!.split("?")[0].endsWith(end));
    for (const request of cut) request.socket.destroy();
    while (cut.some((request) => this.open.has(request))) await new Promise((resolve) => setTimeout(resolve, 5));
  }

  close() {
    this.listener.closeAllConnections();
    this.listener.close();
  }
}
