import { createHash } from "node:crypto";
import { existsSync, globSync, readFileSync } from "node:fs";
import { extname, join } from "node:path";
import { fileURLToPath } from "node:url";

const ENCODINGS = { br: ".br", gzip: ".gz" } as const;
export type AssetEncoding = keyof typeof ENCODINGS;

/** A file of the built web interface. */
export interface Asset {
  readonly type: string;
  readonly etag: string;
  readonly body: Buffer;
  readonly encoded: ReadonlyMap<AssetEncoding, Buffer>;
}

export interface WebUi {
  readonly index: Asset;
  /** By file name. These names change with what is in the files. */
  readonly files: ReadonlyMap<string, Asset>;
}

/** Beside the sources and beside what is built of them alike. */
const BUILT = fileURLToPath(new URL("../../ui/dist", import.meta.url));

/** The web interface, in memory; undefined where it was not built. */
export function loadWebUi(folder = BUILT): WebUi | undefined {
  if (!existsSync(join(folder, "index.html"))) return undefined;
  const names = globSync("*", { cwd: join(folder, "static") }).filter((name) => extname(name) in TYPES);
  return {
    index: loadAsset(join(folder, "index.html")),
    files: new Map(names.map((name) => [name, loadAsset(join(folder, "static", name))])),
  };
}

const TYPES: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".svg": "image/svg+xml",
};

function loadAsset(path: string): Asset {
  const body = readFileSync(path);
  const encoded = new Map<AssetEncoding, Buffer>();
  for (const [encoding, suffix] of Object.entries(ENCODINGS) as [AssetEncoding, string][]) {
    if (existsSync(path + suffix)) encoded.set(encoding, readFileSync(path + suffix));
  }
  return asset(extname(path), body, encoded);
}

/** @param extension of its name, with the dot */
export function asset(extension: string, body: Buffer, encoded: ReadonlyMap<AssetEncoding, Buffer>): Asset {
  const etag = `"${createHash("sha256").update(body).digest("base64url").slice(0, 22)}"`;
  return { type: TYPES[extension]!, etag, body, encoded };
}
