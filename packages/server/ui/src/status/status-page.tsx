import { useEffect } from "preact/hooks";
import type { Limit, ProcessSample, Status, StorageStatus } from "../../../src/api-v2/schema.ts";
import { api } from "../api/client.ts";
import { useSamples } from "../api/live.ts";
import { Age } from "../lib/age.tsx";
import { formatBytes, formatCompact, formatCount, formatDuration, formatTime } from "../lib/format.ts";
import { useNow } from "../lib/use-now.ts";
import { useResource } from "../lib/use-resource.ts";
import { LivePlot } from "./live-plot.tsx";

const REFRESH_MS = 5_000;

export function StatusPage() {
  const { value, failure, reload } = useResource("status", (signal) => api.status(signal));
  const samples = useSamples();
  const now = useNow(1_000);
  useEffect(() => {
    const timer = setInterval(() => {
      if (!document.hidden) void reload();
    }, REFRESH_MS);
    return () => clearInterval(timer);
  }, [reload]);
  return (
    <section class="status">
      <h1>Status</h1>
      {failure !== undefined && (
        <p class="problem" role="alert">
          {failure.message}
        </p>
      )}
      {value !== undefined && !value.ready && (
        <p class="problem" role="alert">
          Not ready to take pushes: {value.reason}
        </p>
      )}
      {value !== undefined && value.hidden.length > 0 && <Hidden hidden={value.hidden} />}
      <section aria-labelledby="now">
        <h2 id="now">At a glance</h2>
        <div class="plots">
          <LivePlot title="Pushes per second" samples={samples} value={perSecond("pushes")} format={formatCompact} />
          <LivePlot title="Time to answer a push" samples={samples} value={answerTime} format={formatDuration} />
          <LivePlot title="Refused per second" samples={samples} value={perSecond("refused")} format={formatCompact} />
          <LivePlot title="Groups" samples={samples} value={({ groups }) => groups} format={formatCompact} />
          <LivePlot
            title="Memory"
            samples={samples}
            value={({ residentBytes }) => residentBytes}
            format={formatBytes}
          />
          <LivePlot title="CPU" samples={samples} value={cpuShare} format={formatShare} />
        </div>
      </section>
      {value !== undefined && (
        <>
          <div class="columns">
            <Storage storage={value.storage} now={now} />
            <Limits limits={value.limits} />
          </div>
          <div class="columns">
            <Build status={value} now={now} />
            <Flags flags={value.flags} />
          </div>
        </>
      )}
    </section>
  );
}

function Hidden({ hidden }: { hidden: Status["hidden"] }) {
  return (
    <section class="card warned" aria-labelledby="hidden">
      <h2 id="hidden">Left out of scrapes</h2>
      <p>
        These contradict what is exposed, by their type or their series. They were pushed without consistency check, or
        taken over from elsewhere: push them anew, or delete them.
      </p>
      <ul>
        {hidden.map(({ family, group }) => (
          <li key={`${family} ${group}`}>
            <b>{family}</b> of <code>{group}</code>
          </li>
        ))}
      </ul>
    </section>
  );
}

function perSecond(counter: "pushes" | "refused"): (now: ProcessSample, before: ProcessSample) => number {
  return (now, before) => (now[counter] - before[counter]) / (now.time - before.time);
}

/** On average, seconds. */
function answerTime(now: ProcessSample, before: ProcessSample): number | null {
  const pushes = now.pushes - before.pushes;
  return pushes === 0 ? null : (now.pushMilliseconds - before.pushMilliseconds) / pushes / 1000;
}

function cpuShare(now: ProcessSample, before: ProcessSample): number {
  return (now.cpuSeconds - before.cpuSeconds) / (now.time - before.time);
}

const formatShare = (share: number): string => `${Math.round(share * 100)} %`;

const SURVIVES: Readonly<Record<StorageStatus["survives"], string>> = {
  nothing: "nothing: it is gone when this process ends",
  "gateway-crash": "a crash of this process",
  "storage-crash": "a crash of the storage, too",
  "host-crash": "a crash of the machine and power loss",
  "host-loss": "the loss of a whole machine",
};

function Storage({ storage, now }: { storage: StorageStatus; now: number }) {
  const {
    kind,
    shared,
    survives,
    position,
    behind,
    lastContact,
    journalBytes,
    snapshotBytes,
    lastSnapshot,
    othersSeen,
  } = storage;
  return (
    <section class="card" aria-labelledby="storage">
      <h2 id="storage">Storage</h2>
      <dl>
        <Fact name="Kind">{shared ? `${kind}, may be shared by replicas` : kind}</Fact>
        <Fact name="An acknowledged push outlives">{SURVIVES[survives]}</Fact>
        <Fact name="Position">
          {formatCount(position)}
          {behind > 0 && `, ${formatCount(behind)} behind`}
        </Fact>
        <Fact name="Entries since the snapshot">{formatBytes(journalBytes)}</Fact>
        <Fact name="Newest snapshot">
          {snapshotBytes === 0 ? "none yet" : formatBytes(snapshotBytes)}
          {lastSnapshot !== null && (
            <>
              {", made "}
              <Age time={lastSnapshot.time} now={now} /> in {formatDuration(lastSnapshot.milliseconds / 1000)}
            </>
          )}
        </Fact>
        {shared && (
          <>
            <Fact name="Last heard of">
              <Age time={lastContact} now={now} />
            </Fact>
            <Fact name="Other replicas">
              {othersSeen === null ? (
                "none seen to push since this process started"
              ) : (
                <>
                  one pushed <Age time={othersSeen} now={now} />
                </>
              )}
            </Fact>
          </>
        )}
      </dl>
    </section>
  );
}

function Limits({ limits }: { limits: readonly Limit[] }) {
  return (
    <section class="card" aria-labelledby="limits">
      <h2 id="limits">Limits</h2>
      <ul class="limits">
        {limits.map(({ name, flag, unit, limit, used }) => {
          const format = unit === "bytes" ? formatBytes : formatCount;
          return (
            <li key={name}>
              <span class="line">
                <span>
                  {name}
                  {flag !== null && <code> --{flag}</code>}
                </span>
                <span class="number">
                  {used !== null && `${format(used)} of `}
                  {format(limit)}
                </span>
              </span>
              {used !== null && (
                <span
                  class={used > limit * 0.8 ? "gauge full" : "gauge"}
                  role="meter"
                  aria-valuemin={0}
                  aria-valuemax={limit}
                  aria-valuenow={used}
                  aria-label={`${name}: ${format(used)} of ${format(limit)}`}
                >
                  <span style={{ width: `${Math.min(100, (100 * used) / limit)}%` }} />
                </span>
              )}
            </li>
          );
        })}
      </ul>
    </section>
  );
}

function Build({ status, now }: { status: Status; now: number }) {
  const facts = Object.entries(status.build).filter(([name, value]) => value !== "" && name !== "version");
  return (
    <section class="card" aria-labelledby="build">
      <h2 id="build">Build</h2>
      <dl>
        <Fact name="Waystation">{status.version}</Fact>
        {facts.map(([name, value]) => (
          <Fact key={name} name={name === "goVersion" ? "Runtime" : name}>
            {value}
          </Fact>
        ))}
        <Fact name="Started">
          <Age time={status.startTime} now={now} />, {formatTime(status.startTime)}
        </Fact>
        <Fact name="Scraped at">{`/${status.telemetryPath}`}</Fact>
        <Fact name="API">
          <a href="api/v2/openapi.yaml">OpenAPI document</a>
        </Fact>
      </dl>
    </section>
  );
}

function Flags({ flags }: { flags: Status["flags"] }) {
  return (
    <section class="card" aria-labelledby="flags">
      <h2 id="flags">Flags</h2>
      <dl class="flags">
        {Object.entries(flags).map(([name, value]) => (
          <Fact key={name} name={`--${name}`}>
            {value === "" ? <span class="none">not set</span> : <code>{value}</code>}
          </Fact>
        ))}
      </dl>
    </section>
  );
}

function Fact({ name, children }: { name: string; children: preact.ComponentChildren }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}
