import { WaystationError } from "@waystation/core";

/**
 * Request targets as Go's `net/url` and `net/http.ServeMux` understand them: the Pushgateway's protocol is defined by their habits
 * (what is decoded when, which paths are "unclean" and redirected, how a redirect spells its target).
 *
 * All strings here hold one character per byte, as Node hands over `req.url`.
 *
 * Sources: Go's net/url/url.go (`setPath`, `EscapedPath`), net/http/server.go (`cleanPath`, `Redirect`), path/path.go (`Clean`).
 */
export interface RequestTarget {
  /** Percent-decoded, once. */
  readonly path: string;
  /** The spelling that the mux cleans and compares: as sent if that is valid, else encoded afresh from `path`. */
  readonly escapedPath: string;
  /** With the question mark, empty if there is none. */
  readonly query: string;
}

/** Bytes that a path may hold unescaped. */
const VALID_PATH = /^(?:[A-Za-z0-9\-_.~!$&'()*+,;=:@[\]/]|%[0-9A-Fa-f]{2})*$/;
const BAD_ESCAPE = /%(?![0-9A-Fa-f]{2})/;
const ESCAPE = /%([0-9A-Fa-f]{2})/g;
const CONTROL = /[\x00-\x1f\x7f]/;
const NEEDS_ESCAPE = /[^A-Za-z0-9\-_.~$&+,/:;=@]/g;
const ABSOLUTE_FORM = /^[A-Za-z][A-Za-z0-9+.-]*:\/\/[^/?]*/;

/** @throws `GROUPING_KEY` if it is not a valid target */
export function parseRequestTarget(url: string): RequestTarget {
  const relative = url.startsWith("/") ? url : url.replace(ABSOLUTE_FORM, "");
  const queryStart = relative.indexOf("?");
  const rawPath = queryStart < 0 ? relative : relative.slice(0, queryStart);
  const query = queryStart < 0 ? "" : relative.slice(queryStart);
  if (CONTROL.test(rawPath))
    throw new WaystationError("GROUPING_KEY", "invalid control character in the request target");
  if (BAD_ESCAPE.test(rawPath))
    throw new WaystationError("GROUPING_KEY", "invalid percent-encoding in the request target");
  const path = rawPath.includes("%")
    ? rawPath.replace(ESCAPE, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
    : rawPath;
  const escapedPath = VALID_PATH.test(rawPath) ? rawPath : escapePath(path);
  return { path: path === "" ? "/" : path, escapedPath: escapedPath === "" ? "/" : escapedPath, query };
}

/** Percent-encodes what a path may not hold, upper case. */
export function escapePath(path: string): string {
  return path.replace(NEEDS_ESCAPE, percentEncode);
}

function percentEncode(byte: string): string {
  return `%${byte.charCodeAt(0).toString(16).toUpperCase().padStart(2, "0")}`;
}

/** Without empty, `.` and `..` segments. A trailing slash is kept. */
export function cleanPath(path: string): string {
  const segments: string[] = [];
  for (const segment of path.split("/")) {
    if (segment === "..") segments.pop();
    else if (segment !== "" && segment !== ".") segments.push(segment);
  }
  const clean = `/${segments.join("/")}`;
  return path.endsWith("/") && clean !== "/" ? `${clean}/` : clean;
}

/**
 * Where the mux sends a client whose path is not clean; undefined if it is. The target is percent-encoded a second time, as the Go
 * program does it: clients that push to such paths must not silently end up in another group.
 */
export function cleaningRedirect(target: RequestTarget): string | undefined {
  const clean = cleanPath(target.escapedPath);
  return clean === target.escapedPath ? undefined : redirectLocation(clean, target.query);
}

/** How a redirect to the decoded path is spelled in a `Location` header. */
export function redirectLocation(path: string, query: string): string {
  return cleanPath(escapePath(path)) + query.replace(/[^\x21-\x7e]/g, percentEncode);
}
