import { constants, type Http2SecureServer, type ServerHttp2Session, type ServerHttp2Stream } from "node:http2";
import { stallLimit, type Timeouts } from "./http-servers.ts";

const { NGHTTP2_CANCEL, NGHTTP2_NO_ERROR, NGHTTP2_STREAM_STATE_HALF_CLOSED_REMOTE } = constants;

/**
 * Holds HTTP/2 to the time-outs that Node itself keeps for HTTP/1 only:
 *
 * - A new session has as long for its first request as any head may take, and one that has no request under way any more as long as an
 *   idle connection. What else comes in meanwhile, parts of a head or pings, gives it no more time.
 * - A request has to be there as a whole within its time, and gets 408 if it is not.
 * - A client that takes nothing of its answer for too long is not waited for.
 *
 * @param onTimeout is told of each first request and each body that took too long
 */
export function limitHttp2Times(server: Http2SecureServer, timeouts: Timeouts, onTimeout: () => void): void {
  server.on("session", (session) => {
    limitIdleness(session, timeouts, onTimeout);
    session.on("stream", (stream: ServerHttp2Stream) => {
      limitArrival(stream, timeouts.request, onTimeout);
      limitStall(stream, stallLimit(timeouts));
    });
  });
}

function limitIdleness(session: ServerHttp2Session, { header, keepAlive }: Timeouts, onTimeout: () => void): void {
  let underWay = 0;
  const end = (): void => session.destroy();
  let idle = setTimeout(() => {
    onTimeout();
    end();
  }, header);
  session.on("stream", (stream: ServerHttp2Stream) => {
    underWay++;
    clearTimeout(idle);
    stream.once("close", () => {
      underWay--;
      if (underWay === 0 && !session.destroyed) idle = setTimeout(end, keepAlive);
    });
  });
  session.once("close", () => clearTimeout(idle));
}

function limitArrival(stream: ServerHttp2Stream, limit: number, onTimeout: () => void): void {
  if (stream.endAfterHeaders) return;
  const timer = setTimeout(() => {
    // All of it has come, and it is being worked on.
    if (stream.state.state === NGHTTP2_STREAM_STATE_HALF_CLOSED_REMOTE) return;
    onTimeout();
    if (stream.headersSent) {
      stream.close(NGHTTP2_CANCEL);
      return;
    }
    stream.respond({ ":status": 408, "content-type": "text/plain; charset=utf-8" });
    stream.end("408 Request Timeout");
    stream.close(NGHTTP2_NO_ERROR);
  }, limit);
  stream.once("close", () => clearTimeout(timer));
}

/** Node's own time-out of streams takes any frame of the session, such as the answer to a ping, for progress of all its streams. */
function limitStall(stream: ServerHttp2Stream, limit: number): void {
  let waited = false;
  stream.on("drain", () => {
    waited = false;
  });
  const timer = setInterval(() => {
    if (waited) stream.close(NGHTTP2_CANCEL);
    waited = stream.writableLength > 0;
  }, limit);
  stream.once("close", () => clearInterval(timer));
}
