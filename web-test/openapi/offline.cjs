// Loaded into the tools before they start: they must do their work without any other host.
const fs = require("node:fs");
const net = require("node:net");
const dns = require("node:dns");

function refuse(what) {
  fs.appendFileSync(process.env.OFFLINE_LOG, `${process.argv.slice(1).join(" ")}: ${what}\n`);
  throw new Error(`${what}: there is no network for this tool`);
}
net.Socket.prototype.connect = (...to) => refuse(`connects to ${JSON.stringify(to[0])}`);
dns.lookup = (name) => refuse(`looks ${name} up`);
dns.promises.lookup = (name) => refuse(`looks ${name} up`);
