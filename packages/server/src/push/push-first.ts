import type { IncomingMessage, ServerResponse } from "node:http";
import Koa from "koa";
import type { PushRoute } from "./push-route.ts";

/** Pushes do not come as far as Koa, whose context and promises would cost as much as reading their body. */
export class PushFirst extends Koa {
  /** Nothing of the application has to look at a push before this does. */
  readonly push: PushRoute;

  constructor(push: PushRoute) {
    super();
    this.push = push;
  }

  override callback(): ReturnType<Koa["callback"]> {
    const handle = super.callback();
    const taken = Promise.resolve();
    return (req, res) => (this.push.take(req as IncomingMessage, res as ServerResponse) ? taken : handle(req, res));
  }
}
