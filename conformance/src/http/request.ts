import { gzipSync } from "node:zlib";

/** Exactly `application/vnd.google.protobuf` with these parameters makes a body protobuf; everything else is text. */
export const PROTOBUF_TYPE =
  "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited";

/** A request as a case describes it. Strings become UTF-8; a target is sent as it stands. */
export interface Request {
  readonly method: string;
  readonly target: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
  /** Compress the body and say so. */
  readonly gzip?: boolean;
  /** Send the body in chunks of so many bytes instead of with a length. */
  readonly chunked?: number;
  /** The version in the request line; the default is 1.1. */
  readonly version?: "1.0" | "1.1";
}

export function requestBytes(request: Request, port: number): Buffer {
  const { method, target, version = "1.1", chunked, gzip } = request;
  const plain = request.body === undefined ? undefined : Buffer.from(request.body);
  const body = plain && gzip ? gzipSync(plain) : plain;

  const headers: Record<string, string> = { Host: `127.0.0.1:${port}`, Connection: "close" };
  if (gzip) headers["Content-Encoding"] = "gzip";
  if (chunked !== undefined) headers["Transfer-Encoding"] = "chunked";
  else if (body) headers["Content-Length"] = String(body.length);
  Object.assign(headers, request.headers);

  const head = [
    `${method} ${target} HTTP/${version}`,
    ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`),
  ];
  const payload = body === undefined ? [] : chunked === undefined ? [body] : chunks(body, chunked);
  return Buffer.concat([Buffer.from(`${head.join("\r\n")}\r\n\r\n`), ...payload]);
}

function chunks(body: Buffer, size: number): Buffer[] {
  const parts: Buffer[] = [];
  for (let at = 0; at < body.length; at += size) {
    const part = body.subarray(at, at + size);
    parts.push(Buffer.from(`${part.length.toString(16)}\r\n`), part, Buffer.from("\r\n"));
  }
  return [...parts, Buffer.from("0\r\n\r\n")];
}
