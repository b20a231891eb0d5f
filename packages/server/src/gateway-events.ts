import { subscribe, unsubscribe } from "node:diagnostics_channel";
import type { ChannelMessages, ChannelName, Gateway } from "@waystation/core";

/** Calls back for each message that this gateway publishes on a channel, until the returned function is called. */
export function onGatewayEvent<Name extends ChannelName>(
  gateway: Gateway,
  name: Name,
  callback: (message: ChannelMessages[Name]) => void,
): () => void {
  const onMessage = (message: unknown): void => {
    const published = message as ChannelMessages[Name] & { readonly gateway: Gateway };
    if (published.gateway === gateway) callback(published);
  };
  subscribe(name, onMessage);
  return () => void unsubscribe(name, onMessage);
}
