import type { Context } from "koa";
import { setError } from "../middleware/errors.ts";
import { type Asset, asset, type WebUi } from "./assets.ts";

/** Everything the page needs comes from the gateway; nothing in it is inline, and no other page may frame it. */
const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join("; ");

/** In a checkout that was not started by its own script. */
const NOT_BUILT = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>Waystation</title>
<h1>Waystation</h1>
<p>The web interface has not been built in this checkout: start the gateway by <code>npx -y pnpm@10 start</code>.
The same facts are below <a href="api/v2/groups">api/v2</a>.</p>
</html>
`;

/** `GET /` and `GET /status`: the web interface, which finds out by itself where it is. @param webUi undefined if it was not built */
export function webUiPage(webUi: WebUi | undefined): (ctx: Context) => void {
  const index = webUi?.index ?? asset(".html", Buffer.from(NOT_BUILT), new Map());
  return (ctx) => {
    ctx.set("Content-Security-Policy", CONTENT_SECURITY_POLICY);
    ctx.set("Referrer-Policy", "same-origin");
    ctx.set("Cache-Control", "no-cache");
    send(ctx, index);
  };
}

/** `GET /static/*`: files whose names change with their content. @param folder the path above them, with a slash at its end */
export function webUiFile(webUi: WebUi | undefined, folder: string): (ctx: Context) => void {
  return (ctx) => {
    const file = webUi?.files.get(ctx.path.slice(folder.length));
    if (file === undefined) {
      setError(ctx, { status: 404, message: "404 page not found" });
      return;
    }
    ctx.set("Cache-Control", "public, max-age=31536000, immutable");
    send(ctx, file);
  };
}

function send(ctx: Context, { type, etag, body, encoded }: Asset): void {
  ctx.set("Content-Type", type);
  ctx.set("X-Content-Type-Options", "nosniff");
  ctx.set("ETag", etag);
  ctx.vary("Accept-Encoding");
  ctx.status = 200;
  if (ctx.fresh) {
    ctx.status = 304;
    return;
  }
  // The smallest one comes first, whatever the client would rather have.
  const encoding = [...encoded.keys()].find((name) => ctx.acceptsEncodings(name) === name);
  if (encoding !== undefined) ctx.set("Content-Encoding", encoding);
  ctx.body = encoding === undefined ? body : encoded.get(encoding);
}
