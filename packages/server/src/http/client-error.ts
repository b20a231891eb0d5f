import type { Duplex } from "node:stream";

/** Answers what Node's HTTP parser refuses: malformed requests, oversized heads, time-outs. @param onTimeout counts */
export function answerClientError(error: NodeJS.ErrnoException, socket: Duplex, onTimeout?: () => void): void {
  if (error.code === "ERR_HTTP_REQUEST_TIMEOUT") onTimeout?.();
  if (error.code === "ECONNRESET" || !socket.writable) {
    socket.destroy();
    return;
  }
  const status = STATUS[error.code ?? ""] ?? "400 Bad Request";
  socket.end(
    `HTTP/1.1 ${status}\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: ${status.length}\r\nConnection: close\r\n\r\n${status}`,
    () => socket.destroy(),
  );
}

const STATUS: Readonly<Record<string, string>> = {
  HPE_HEADER_OVERFLOW: "431 Request Header Fields Too Large",
  ERR_HTTP_REQUEST_TIMEOUT: "408 Request Timeout",
};
