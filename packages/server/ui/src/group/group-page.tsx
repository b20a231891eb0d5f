import { useEffect, useRef, useState } from "preact/hooks";
import type { GroupSummary } from "../../../src/api-v2/schema.ts";
import { api } from "../api/client.ts";
import { concerns, useChanges } from "../api/live.ts";
import { listPath } from "../groups/left-place.ts";
import { Age } from "../lib/age.tsx";
import { CodeBlock } from "../lib/code-block.tsx";
import { CopyButton } from "../lib/copy-button.tsx";
import { Dialog } from "../lib/dialog.tsx";
import { formatBytes, plural } from "../lib/format.ts";
import { describeLabels, LabelChips } from "../lib/labels.tsx";
import { go } from "../lib/location.ts";
import { useThresholds } from "../lib/thresholds.ts";
import { useAddress } from "../lib/use-address.ts";
import { useNow } from "../lib/use-now.ts";
import { useResource } from "../lib/use-resource.ts";
import { FamilyCard } from "./family.tsx";
import { Timeline } from "./timeline.tsx";

/** From this many families on there is a field to find one. */
const MANY_FAMILIES = 8;

export function GroupPage({ id }: { id: string }) {
  const { value, failure, reload } = useResource(id, (signal) => api.group(id, signal));
  const [thresholds] = useThresholds();
  const [wanted, setWanted] = useState("");
  const [doomed, setDoomed] = useState<"group" | { family: string }>();
  const now = useNow();
  useChanges(async (changes) => {
    if (concerns(changes, id)) await reload();
  });

  if (value === undefined) {
    if (failure === undefined) return <p class="nothing">Loading …</p>;
    return (
      <section class="group">
        <h1>{failure.status === 404 ? "This group is gone" : "This group cannot be shown"}</h1>
        <p>{failure.status === 404 ? "It was deleted, or never pushed to." : failure.message}</p>
        <p>
          <a href={`#/${listPath()}`}>All groups</a>
        </p>
      </section>
    );
  }
  const { group, families, pushes } = value;
  const matching = families.filter(({ name }) => name.toLowerCase().includes(wanted.toLowerCase().trim()));
  return (
    <section class="group">
      <p class="crumbs">
        <a href={`#/${listPath()}`}>Groups</a> /
      </p>
      <header class="title">
        <h1>
          <span class="off-screen">Group </span>
          <LabelChips labels={group.labels} />
        </h1>
        <button type="button" class="danger" onClick={() => setDoomed("group")}>
          Delete group …
        </button>
      </header>
      {failure !== undefined && (
        <p class="problem" role="alert">
          {failure.status === 404
            ? "This group was deleted meanwhile. What you see is its last state."
            : failure.message}
        </p>
      )}
      {group.failed && (
        <p class="problem box">
          The newest push failed: {group.failure ?? "why is not known here, as another process took it"}.
          {families.length > 0 && " What is below was pushed before."}
        </p>
      )}
      <dl class="tiles">
        <div>
          <dt>Last push</dt>
          <dd>
            <Age time={group.pushTime} now={now} thresholds={thresholds} />
          </dd>
        </div>
        <div>
          <dt>Last failure</dt>
          <dd>
            <Age time={group.failureTime} now={now} />
          </dd>
        </div>
        <div>
          <dt>Holds</dt>
          <dd>{plural(group.series, "series", "series")}</dd>
        </div>
        <div>
          <dt>Size</dt>
          <dd>{formatBytes(group.bytes)}</dd>
        </div>
      </dl>

      <section aria-labelledby="families">
        <header class="title">
          <h2 id="families">{plural(families.length, "metric family", "metric families")}</h2>
          {families.length >= MANY_FAMILIES && (
            <input
              type="search"
              value={wanted}
              onInput={({ currentTarget }) => setWanted(currentTarget.value)}
              placeholder="Find a family"
              aria-label="Find a metric family by name"
            />
          )}
        </header>
        {families.length === 0 && <p class="nothing">The group is empty: only its push times are exposed.</p>}
        <div class="families">
          {matching.map((family) => (
            <FamilyCard
              key={family.name}
              family={family}
              groupLabels={group.labels}
              now={now}
              onDelete={() => setDoomed({ family: family.name })}
            />
          ))}
        </div>
      </section>

      <section aria-labelledby="pushes">
        <h2 id="pushes">Recent pushes</h2>
        <Timeline pushes={pushes} now={now} />
      </section>
      <Commands group={group} />
      <RawExposition key={group.id} id={group.id} position={value.position} />
      {doomed !== undefined && (
        <DeleteOne
          group={group}
          family={doomed === "group" ? undefined : doomed.family}
          onClose={() => setDoomed(undefined)}
          onDone={() => {
            setDoomed(undefined);
            if (doomed === "group") go(listPath());
            else void reload();
          }}
        />
      )}
    </section>
  );
}

function Commands({ group }: { group: GroupSummary }) {
  const { home } = useAddress();
  const url = `${home}metrics/${group.path}`;
  return (
    <section aria-labelledby="commands">
      <h2 id="commands">From a shell</h2>
      <CodeBlock
        label="Push to this group"
        text={`cat <<'EOF' | curl --fail --data-binary @- ${url}\nsome_metric 42\nEOF`}
      />
      <CodeBlock label="Delete this group" text={`curl --fail --request DELETE ${url}`} />
    </section>
  );
}

function RawExposition({ id, position }: { id: string; position: number }) {
  const [open, setOpen] = useState(false);
  return (
    <section>
      <details class="raw" onToggle={({ currentTarget }) => setOpen(currentTarget.open)}>
        <summary>
          <h2>Raw exposition</h2>
        </summary>
        {open && <RawText id={id} position={position} />}
      </details>
    </section>
  );
}

/** Characters that are shown; copied is all of it. */
const MAX_SHOWN = 200_000;

function RawText({ id, position }: { id: string; position: number }) {
  const { value, failure, reload } = useResource(id, (signal) => api.groupText(id, signal));
  const loaded = useRef(position);
  useEffect(() => {
    if (loaded.current === position) return;
    loaded.current = position;
    void reload();
  }, [position, reload]);
  if (failure !== undefined) return <p class="problem">{failure.message}</p>;
  if (value === undefined) return <p class="nothing">Loading …</p>;
  return (
    <figure class="code">
      <figcaption>
        {value.length > MAX_SHOWN ? "The beginning of it" : "Text format 0.0.4"}
        <CopyButton text={value} what="the raw exposition" />
      </figcaption>
      {/* Can be scrolled, and so must be reachable by keyboard. */}
      <pre tabIndex={0} aria-label="Raw exposition" role="region">
        {value.slice(0, MAX_SHOWN)}
      </pre>
    </figure>
  );
}

interface DeleteOneProps {
  readonly group: GroupSummary;
  /** Undefined for the whole group. */
  readonly family: string | undefined;
  onClose(): void;
  onDone(): void;
}

function DeleteOne({ group, family, onClose, onDone }: DeleteOneProps) {
  const [failure, setFailure] = useState<string>();
  const [busy, setBusy] = useState(false);
  const remove = async (): Promise<void> => {
    setBusy(true);
    try {
      await (family === undefined ? api.deleteGroup(group.id) : api.deleteFamily(group.id, family));
      onDone();
    } catch (error) {
      setFailure((error as Error).message);
      setBusy(false);
    }
  };
  return (
    <Dialog title={family === undefined ? "Delete this group?" : `Delete ${family}?`} onClose={onClose}>
      <p>
        {family === undefined ? "All its metrics vanish" : "It vanishes"} from the next scrape, until the job pushes
        again. This cannot be undone.
      </p>
      <p class="subject">{describeLabels(group.labels)}</p>
      {failure !== undefined && (
        <p class="problem" role="alert">
          {failure}
        </p>
      )}
      <div class="buttons">
        <button type="button" onClick={onClose} autofocus>
          Cancel
        </button>
        <button type="button" class="danger" disabled={busy} onClick={() => void remove()}>
          {family === undefined ? "Delete group" : "Delete family"}
        </button>
      </div>
    </Dialog>
  );
}
