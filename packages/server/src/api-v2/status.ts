import { performance } from "node:perf_hooks";
import type { Gateway } from "@waystation/core";
import type { Settings } from "../config/settings.ts";
import type { StatusFacts } from "../routes/api.ts";
import { VERSION } from "../version.ts";
import type { GatewayWatch } from "./gateway-watch.ts";
import type { PushLog } from "./push-log.ts";
import type { Limit, ProcessSample, Status, StorageStatus } from "./schema.ts";

export interface StatusOptions {
  readonly gateway: Gateway;
  readonly settings: Settings;
  readonly facts: StatusFacts;
  readonly watch: GatewayWatch;
  readonly log: PushLog;
}

const MAX_HIDDEN = 100;

export function statusJson({ gateway, settings, facts, watch, log }: StatusOptions): Status {
  const health = gateway.health();
  const externalUrl = settings["web.external-url"];
  return {
    version: VERSION,
    build: facts.buildInformation,
    startTime: facts.startTime.getTime() / 1000,
    now: Date.now() / 1000,
    externalUrl: URL.canParse(externalUrl) ? externalUrl : null,
    telemetryPath: settings.telemetryPath.slice(settings.routePrefix.length + 1),
    flags: facts.flags,
    ready: health.ready,
    reason: health.reason ?? null,
    storage: storageJson(gateway, watch),
    groups: health.groups,
    limits: limitsJson(gateway, settings),
    hidden: watch.hidden.slice(0, MAX_HIDDEN),
    process: processSample(gateway, log),
  };
}

function storageJson(gateway: Gateway, { lastSnapshot, othersSeen }: GatewayWatch): StorageStatus {
  const { journal, shared, survives, position, behind, lastContact, journalBytes, snapshotBytes } = gateway.health();
  return {
    kind: journal,
    shared,
    survives,
    position,
    behind,
    lastContact: shared && lastContact > 0 ? lastContact / 1000 : null,
    journalBytes,
    snapshotBytes,
    lastSnapshot: lastSnapshot ? { ...lastSnapshot, time: lastSnapshot.time / 1000 } : null,
    othersSeen: othersSeen > 0 ? othersSeen / 1000 : null,
  };
}

function limitsJson(gateway: Gateway, settings: Settings): Limit[] {
  const { waiting, waitingBytes, journalBytes, limits } = gateway.health();
  return [
    {
      name: "body of a push",
      flag: "push.max-body-bytes",
      unit: "bytes",
      limit: settings["push.max-body-bytes"],
      used: null,
    },
    {
      name: "pushes waiting for the journal",
      flag: "push.max-waiting",
      unit: "count",
      limit: limits.waiting,
      used: waiting,
    },
    {
      name: "bytes waiting for the journal",
      flag: "push.max-waiting-bytes",
      unit: "bytes",
      limit: limits.waitingBytes,
      used: waitingBytes,
    },
    {
      name: "groups",
      flag: "storage.max-groups",
      unit: "count",
      limit: settings["storage.max-groups"],
      used: gateway.health().groups,
    },
    {
      name: "journal until the next snapshot",
      flag: null,
      unit: "bytes",
      limit: limits.journalBytes,
      used: journalBytes,
    },
  ];
}

export function processSample(gateway: Gateway, log: PushLog): ProcessSample {
  const { rss, heapUsed } = process.memoryUsage();
  const { user, system } = process.cpuUsage();
  return {
    time: Date.now() / 1000,
    groups: gateway.health().groups,
    pushes: log.pushes,
    refused: log.refused,
    notStored: log.notStored,
    pushedBytes: log.bytes,
    pushMilliseconds: log.milliseconds,
    residentBytes: rss,
    heapBytes: heapUsed,
    cpuSeconds: (user + system) / 1e6,
    busySeconds: performance.eventLoopUtilization().active / 1000,
  };
}
