import { type Channel, channel } from "node:diagnostics_channel";
import type { Entry } from "../journal/journal.ts";
import type { ByteString } from "../model/byte-string.ts";
import type { GatewayRecord } from "../record/record.ts";

/**
 * What a gateway publishes, for logs and metrics, so that core depends on neither. Every message carries the gateway it is about.
 * Subscribers run synchronously and must not throw.
 */
export interface ChannelMessages {
  /** A batch was appended and applied. Milliseconds; bytes of the entry. */
  "waystation:append": { readonly records: number; readonly bytes: number; readonly duration: number };
  /**
   * An entry became part of the state, whichever gateway appended it: `own` if it was this one. Not for what a state is loaded from, at
   * the beginning and after `waystation:reload`.
   */
  "waystation:applied": {
    readonly position: number;
    readonly own: boolean;
    readonly records: readonly AppliedRecord[];
    /** Of each record, why it was refused, if so. */
    readonly verdicts: readonly (Error | undefined)[];
  };
  /** An append failed. `code` as in the journal contract. */
  "waystation:append-failed": { readonly error: Error; readonly records: number };
  /** A push was refused for its content. */
  "waystation:rejected": { readonly error: Error; readonly group: string };
  /** A text body was mended before it was read. */
  "waystation:repaired": { readonly group: string };
  /** A snapshot replaced older entries, or was not needed any more. */
  "waystation:compaction": {
    readonly outcome: "published" | "older" | "failed";
    readonly bytes: number;
    readonly duration: number;
    readonly error?: Error;
  };
  /** The state was loaded anew, since the journal's history is another one or went on without this replica. */
  "waystation:reload": { readonly reason: Error };
  /** This replica's state differs from that of another one: it loads its own anew, unless it did so within the last minute. */
  "waystation:divergence": { readonly position: number };
  /**
   * The journal's history was found not to be the one that this replica has applied, up to `position`: it lost its end or all of it, and
   * now holds it again (`restored`); it holds another one (`diverged`); or that could not be settled yet (`failed`).
   */
  "waystation:rewound": {
    readonly outcome: "restored" | "diverged" | "failed";
    readonly position: number;
    readonly error?: Error;
  };
  /** The journal has lost entries that this replica had applied, for good: positions in the history that is gone, inclusive. */
  "waystation:lost": {
    readonly from: number;
    readonly to: number;
    /** Those that are still held, in order, the newest; and their bytes. */
    readonly entries: readonly LostEntry[];
    readonly bytes: number;
  };
  /** The replica cannot go on: it serves what it knows, and acknowledges nothing. */
  "waystation:halt": { readonly error: Error };
  /** After something was stored without check: what is left out of the exposition, as it contradicts something else. May be nothing. */
  "waystation:conflicts": { readonly hidden: readonly { readonly family: string; readonly group: string }[] };
}

export interface LostEntry extends Entry {
  readonly records: readonly AppliedRecord[];
}

export interface AppliedRecord {
  readonly kind: GatewayRecord["kind"];
  /** The `id` of the group's key; a wipe has none. */
  readonly key?: ByteString;
  /** When the gateway took it: nanoseconds since the epoch. */
  readonly time: bigint;
}

export type ChannelName = keyof ChannelMessages;

/** Publishes for one gateway. Costs nothing while nobody listens. */
export class Publisher {
  readonly #gateway: object;
  /** Looked up once: channels stay for the life of the process. */
  readonly #channels = new Map<ChannelName, Channel>();

  constructor(gateway: object) {
    this.#gateway = gateway;
  }

  publish<Name extends ChannelName>(name: Name, message: ChannelMessages[Name]): void {
    let target = this.#channels.get(name);
    if (target === undefined) {
      target = channel(name);
      this.#channels.set(name, target);
    }
    if (target.hasSubscribers) target.publish({ ...message, gateway: this.#gateway });
  }
}
