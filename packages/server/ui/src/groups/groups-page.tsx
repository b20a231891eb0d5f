import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import type { DeleteRequest } from "../../../src/api-v2/schema.ts";
import { formatCount, plural } from "../lib/format.ts";
import { go, replacePlace, usePlace } from "../lib/location.ts";
import { useThresholds } from "../lib/thresholds.ts";
import { useMedia } from "../lib/use-media.ts";
import { useNow } from "../lib/use-now.ts";
import { DeleteDialog } from "./delete-dialog.tsx";
import { EmptyState } from "./empty-state.tsx";
import { type Filters, isNarrowed, readFilters, writeFilters } from "./filters.ts";
import { GroupHeader } from "./group-header.tsx";
import { GroupRow } from "./group-row.tsx";
import { leaveListAt, placeIn } from "./left-place.ts";
import { ThresholdsMenu } from "./thresholds-menu.tsx";
import { Toolbar } from "./toolbar.tsx";
import { useGroupList } from "./use-group-list.ts";
import { reachableRows, VirtualList } from "./virtual-list.tsx";

export function GroupsPage() {
  const { params } = usePlace();
  const filters = readFilters(params);
  const query = writeFilters(filters);
  const rows = useGroupList(query);
  const [thresholds, setThresholds] = useThresholds();
  const [selected, setSelected] = useState<ReadonlySet<string>>(new Set());
  const [deleting, setDeleting] = useState<DeleteRequest>();
  const [notice, setNotice] = useState("");
  const place = placeIn(query);
  const [active, setActive] = useState(place.active);
  const now = useNow();
  const narrow = useMedia("(max-width: 40rem)");
  const rowHeight = narrow ? 100 : 46;

  const shownQuery = useRef(query);
  useEffect(() => {
    if (shownQuery.current === query) return;
    shownQuery.current = query;
    setActive(0);
  }, [query]);
  const onShow = useCallback(
    (first: number, last: number): void => {
      leaveListAt({ query, first, active });
      rows.show(first, last);
    },
    [query, active, rows.show],
  );
  const change = useCallback(
    (next: Partial<Filters>): void => {
      const changed = writeFilters({ ...readFilters(new URLSearchParams(query)), ...next });
      replacePlace(changed === "" ? "" : `?${changed}`);
    },
    [query],
  );

  const select = (id: string, on: boolean): void => {
    const next = new Set(selected);
    if (on) next.add(id);
    else next.delete(id);
    setSelected(next);
  };
  const onKey = (event: KeyboardEvent, index: number): void => {
    const row = rows.row(index);
    if (row === undefined || !(event.target as HTMLElement).matches("[role=row], [role=grid]")) return;
    if (event.key === "Enter") go(`group/${row.id}`);
    else if (event.key === " ") select(row.id, !selected.has(row.id));
    else if (event.key === "Delete") setDeleting({ ids: selected.size > 0 ? [...selected] : [row.id] });
    else return;
    event.preventDefault();
  };

  const { matched, failure } = rows;
  if (matched === 0 && rows.total === 0 && failure === undefined && !isNarrowed(filters)) return <EmptyState />;
  const count = Math.min(matched ?? 0, reachableRows(rowHeight));
  return (
    <section class="groups">
      <h1 class="off-screen">Groups</h1>
      <Toolbar filters={filters} onChange={change} sortable={narrow}>
        <ThresholdsMenu value={thresholds} onChange={setThresholds} />
      </Toolbar>
      <div class="summary">
        <span role="status">{describeCount(matched, rows.total, filters)}</span>
        {rows.outdated && (
          <button type="button" class="pill" onClick={() => void rows.reload()}>
            The list has changed: show
          </button>
        )}
        <span class="space" />
        {selected.size > 0 ? (
          <>
            <button type="button" class="quiet" onClick={() => setSelected(new Set())}>
              Clear selection
            </button>
            <button type="button" class="danger" onClick={() => setDeleting({ ids: [...selected] })}>
              Delete {formatCount(selected.size)} selected …
            </button>
          </>
        ) : (
          isNarrowed(filters) &&
          (matched ?? 0) > 0 && (
            <button type="button" class="quiet danger-text" onClick={() => setDeleting(deleteRequest(filters))}>
              {matched === 1 ? "Delete this group …" : `Delete these ${plural(matched!, "group")} …`}
            </button>
          )
        )}
      </div>
      {notice !== "" && (
        <p class="notice" role="status">
          {notice}
        </p>
      )}
      {failure !== undefined && (
        <p class="problem" role="alert">
          {failure.message}{" "}
          <button type="button" onClick={() => void rows.reload()}>
            Try again
          </button>
        </p>
      )}
      {matched === 0 ? (
        <p class="nothing">
          No group matches.{" "}
          <button type="button" onClick={() => replacePlace("")}>
            Show all
          </button>
        </p>
      ) : (
        <VirtualList
          count={count}
          rowHeight={rowHeight}
          label="Metric groups"
          header={<GroupHeader sort={filters.sort} order={filters.order} onSort={change} />}
          headerHeight={narrow ? 0 : 36}
          resetKey={`${rows.generation} ${query}`}
          active={Math.min(active, Math.max(0, count - 1))}
          onActive={setActive}
          first={place.first}
          onShow={onShow}
          onKey={onKey}
          render={(index) => {
            const group = rows.row(index);
            if (group === undefined) return <span role="gridcell" class="cell placeholder" aria-label="Loading" />;
            return (
              <GroupRow
                group={group}
                gone={rows.isGone(group.id)}
                now={now}
                thresholds={thresholds}
                selected={selected.has(group.id)}
                onSelect={(on) => select(group.id, on)}
              />
            );
          }}
        />
      )}
      {deleting !== undefined && (
        <DeleteDialog
          request={deleting}
          onClose={() => setDeleting(undefined)}
          onDeleted={({ deleted, matched }) => {
            setDeleting(undefined);
            setSelected(new Set());
            const kept =
              matched > deleted ? `; ${formatCount(matched - deleted)} were pushed to meanwhile and stayed` : "";
            setNotice(`Deleted ${plural(deleted, "group")}${kept}.`);
            void rows.reload();
          }}
        />
      )}
    </section>
  );
}

function describeCount(matched: number | undefined, total: number, filters: Filters): string {
  if (matched === undefined) return "Loading …";
  if (!isNarrowed(filters)) return plural(matched, "group");
  return `${formatCount(matched)} of ${plural(total, "group")}`;
}

function deleteRequest({ search, failed, olderThan }: Filters): DeleteRequest {
  return {
    ...(search.trim() !== "" && { search }),
    ...(failed && { failed }),
    ...(olderThan !== "" && { olderThan }),
  };
}
