import zlib from "node:zlib";

/**
 * Writes a picture anew with the 256 colours it uses most: a page has few, and the shades at the edges of letters lie
 * close together. It takes what a browser writes: 8 bits a channel, not interlaced.
 */
export function withPalette(png: Buffer): Buffer {
  const { width, height, bytes, pixels } = decode(png);
  const counts = new Map<number, number>();
  for (let i = 0; i < pixels.length; i += bytes) {
    const color = pixels.readUIntBE(i, 3);
    counts.set(color, (counts.get(color) ?? 0) + 1);
  }
  const palette = [...counts].sort((a, b) => b[1] - a[1]).slice(0, 256).map(([color]) => color);
  const indexes = new Map(palette.map((color, i) => [color, i]));
  const index = (color: number) => {
    let found = indexes.get(color);
    if (found === undefined) {
      found = nearest(palette, color);
      indexes.set(color, found);
    }
    return found;
  };
  const rows = Buffer.alloc(height * (width + 1)); // each begins with filter 0: none
  for (let y = 0; y < height; y++) for (let x = 0; x < width; x++) rows[y * (width + 1) + 1 + x] = index(pixels.readUIntBE((y * width + x) * bytes, 3));

  const head = Buffer.alloc(13);
  head.writeUInt32BE(width, 0);
  head.writeUInt32BE(height, 4);
  head.set([8, 3, 0, 0, 0], 8); // 8 bits, by palette
  const table = Buffer.alloc(palette.length * 3);
  palette.forEach((color, i) => table.writeUIntBE(color, i * 3, 3));
  return Buffer.concat([png.subarray(0, 8), chunk("IHDR", head), chunk("PLTE", table), chunk("IDAT", zlib.deflateSync(rows, { level: 9, memLevel: 9 })), chunk("IEND", Buffer.alloc(0))]);
}

function nearest(palette: number[], color: number): number {
  const far = (other: number) => ((other >> 16) - (color >> 16)) ** 2 + (((other >> 8) & 255) - ((color >> 8) & 255)) ** 2 + ((other & 255) - (color & 255)) ** 2;
  return palette.reduce((best, other, i) => (far(other) < far(palette[best]) ? i : best), 0);
}

function decode(png: Buffer) {
  let width = 0;
  let height = 0;
  let bytes = 3;
  const data: Buffer[] = [];
  for (let at = 8; at < png.length; at += 12 + png.readUInt32BE(at)) {
    const body = png.subarray(at + 8, at + 8 + png.readUInt32BE(at));
    const type = png.toString("latin1", at + 4, at + 8);
    if (type === "IDAT") data.push(body);
    if (type === "IHDR") {
      width = body.readUInt32BE(0);
      height = body.readUInt32BE(4);
      bytes = body[9] === 6 ? 4 : 3;
    }
  }
  const raw = zlib.inflateSync(Buffer.concat(data));
  const stride = width * bytes;
  const pixels = Buffer.alloc(height * stride);
  for (let y = 0; y < height; y++) {
    const filter = raw[y * (stride + 1)];
    for (let x = 0; x < stride; x++) {
      const at = y * stride + x;
      const left = x >= bytes ? pixels[at - bytes] : 0;
      const up = y ? pixels[at - stride] : 0;
      const corner = x >= bytes && y ? pixels[at - stride - bytes] : 0;
      pixels[at] = raw[y * (stride + 1) + 1 + x] + [0, left, up, (left + up) >> 1, paeth(left, up, corner)][filter];
    }
  }
  return { width, height, bytes, pixels };
}

function paeth(left: number, up: number, corner: number): number {
  const [a, b, c] = [Math.abs(up - corner), Math.abs(left - corner), Math.abs(left + up - 2 * corner)];
  return a <= b && a <= c ? left : b <= c ? up : corner;
}

function chunk(type: string, body: Buffer): Buffer {
  const out = Buffer.alloc(12 + body.length);
  out.writeUInt32BE(body.length, 0);
  out.write(type, 4, "latin1");
  body.copy(out, 8);
  out.writeUInt32BE(crc(out.subarray(4, 8 + body.length)), 8 + body.length);
  return out;
}

// zlib.crc32 came with Node 22.
function crc(bytes: Buffer): number {
  let sum = ~0;
  for (const byte of bytes) {
    sum ^= byte;
    for (let bit = 0; bit < 8; bit++) sum = (sum >>> 1) ^ (sum & 1 ? 0xedb88320 : 0);
  }
  return ~sum >>> 0;
}
