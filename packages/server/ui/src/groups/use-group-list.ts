import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import type { ChangeEvent, GroupList, GroupSummary } from "../../../src/api-v2/schema.ts";
import { ApiFailure, api } from "../api/client.ts";
import { useChanges } from "../api/live.ts";

const PAGE = 100;
/** How many ids one request can name. */
const MAX_IDS = 100;

export interface GroupRows {
  /** Of the query; undefined until the first answer. */
  readonly matched: number | undefined;
  readonly total: number;
  readonly failure: ApiFailure | undefined;
  /** Groups have come or gone since the list was made. It is not made anew by itself while somebody reads in the middle of it. */
  readonly outdated: boolean;
  row(index: number): GroupSummary | undefined;
  isGone(id: string): boolean;
  /** Counts how often the list was made anew on request: then it begins at its top. */
  readonly generation: number;
  /** Says which rows are looked at, so that they are loaded and kept up to date. */
  show(first: number, last: number): void;
  reload(): Promise<void>;
}

interface Content {
  readonly query: string;
  readonly matched: number | undefined;
  readonly total: number;
  readonly pages: ReadonlyMap<number, readonly GroupSummary[]>;
  readonly gone: ReadonlySet<string>;
  readonly outdated: boolean;
  readonly failure: ApiFailure | undefined;
}

/**
 * The rows of a query, loaded page by page as they are looked at.
 *
 * Their order stays as it was when it was asked for: what changes is shown in its place, so that nobody loses theirs. Only while the
 * top of the list is looked at, the list is made anew when groups come and go.
 *
 * @param query parameters of `GET /api/v2/groups`
 */
export function useGroupList(query: string): GroupRows {
  const [content, setContent] = useState<Content>(() => emptyContent(query));
  const current = useRef(content);
  const view = useRef({ first: 0, last: PAGE - 1 });
  const loading = useRef(new Set<number>());
  const newest = useRef(query);
  newest.current = query;

  const update = useCallback((change: (content: Content) => Content): void => {
    current.current = change(current.current);
    setContent(current.current);
  }, []);

  const loadPage = useCallback(
    async (number: number, fresh: boolean): Promise<void> => {
      if (loading.current.has(number)) return;
      loading.current.add(number);
      const asked = newest.current;
      try {
        const parameters = new URLSearchParams(asked);
        parameters.set("limit", String(PAGE));
        parameters.set("offset", String(number * PAGE));
        const list = await api.groups(parameters);
        if (asked === newest.current) update((content) => withPage(content, asked, number, list, fresh));
      } catch (error) {
        const failure = error instanceof ApiFailure ? error : new ApiFailure(0, "UNKNOWN", String(error));
        if (asked === newest.current) {
          update((content) => ({ ...(content.query === asked ? content : emptyContent(asked)), failure }));
        }
      } finally {
        loading.current.delete(number);
        // The query changed while this page was under way.
        if (asked !== newest.current && number === 0) void loadPage(0, true);
      }
    },
    [update],
  );

  useEffect(() => void loadPage(0, true), [query, loadPage]);

  const show = useCallback(
    (first: number, last: number): void => {
      view.current = { first, last };
      const { matched, pages } = current.current;
      if (matched === undefined) return;
      for (let page = Math.floor(first / PAGE); page <= Math.floor(Math.min(last, matched - 1) / PAGE); page++) {
        if (!pages.has(page)) void loadPage(page, false);
      }
    },
    [loadPage],
  );

  const [generation, setGeneration] = useState(0);
  const reload = useCallback(async () => {
    view.current = { first: 0, last: PAGE - 1 };
    await loadPage(0, true);
    setGeneration((count) => count + 1);
  }, [loadPage]);

  useChanges(async (changes) => {
    const { matched, total } = current.current;
    const last = changes.findLast((change) => change !== undefined);
    const moved = changes.includes(undefined) || last?.total !== total;
    if (matched === undefined || (view.current.first === 0 && isAffected(current.current, changes))) {
      await loadPage(0, true);
    } else {
      if (moved) update((content) => ({ ...content, total: last?.total ?? content.total, outdated: true }));
      await refreshRows(changes);
    }
  });

  /** Brings the rows that are looked at up to date, where they stand. */
  const refreshRows = async (changes: readonly (ChangeEvent | undefined)[]): Promise<void> => {
    const { first, last } = view.current;
    const ids: string[] = [];
    for (let index = first; index <= last && ids.length < MAX_IDS; index++) {
      const row = rowAt(current.current, index);
      if (row !== undefined && mayHaveChanged(row.id, changes)) ids.push(row.id);
    }
    if (ids.length === 0) return;
    const list = await api.groups(new URLSearchParams([...ids.map((id) => ["id", id]), ["limit", String(MAX_IDS)]]));
    update((content) => withRows(content, ids, list.groups));
  };

  const shown = content.query === query ? content : { ...content, failure: undefined };
  return {
    matched: shown.matched,
    total: shown.total,
    failure: shown.failure,
    outdated: shown.outdated,
    generation,
    row: (index) => rowAt(shown, index),
    isGone: (id) => shown.gone.has(id),
    show,
    reload,
  };
}

function emptyContent(query: string): Content {
  return {
    query,
    matched: undefined,
    total: 0,
    pages: new Map(),
    gone: new Set(),
    outdated: false,
    failure: undefined,
  };
}

/** @param fresh forget all other pages: they belong to an older order */
function withPage(old: Content, query: string, number: number, list: GroupList, fresh: boolean): Content {
  const anew = fresh || old.query !== query;
  return {
    query,
    matched: anew ? list.matched : old.matched,
    total: list.total,
    pages: new Map([...(anew ? [] : old.pages), [number, list.groups]]),
    gone: anew ? new Set() : old.gone,
    outdated: anew ? false : old.outdated || list.matched !== old.matched,
    failure: undefined,
  };
}

/** @param asked whoever of them is not among `rows` is gone */
function withRows(old: Content, asked: readonly string[], rows: readonly GroupSummary[]): Content {
  const newer = new Map(rows.map((row) => [row.id, row]));
  const pages = new Map(
    [...old.pages].map(([number, page]) => [number, page.map((row) => newer.get(row.id) ?? row)] as const),
  );
  const gone = new Set(old.gone);
  for (const id of asked) {
    if (newer.has(id)) gone.delete(id);
    else gone.add(id);
  }
  return { ...old, pages, gone };
}

function rowAt({ pages }: Content, index: number): GroupSummary | undefined {
  return pages.get(Math.floor(index / PAGE))?.[index % PAGE];
}

function mayHaveChanged(id: string, changes: readonly (ChangeEvent | undefined)[]): boolean {
  return changes.some((change) => change === undefined || change.more || change.groups.includes(id));
}

/** Could the first page look otherwise after these changes? */
function isAffected({ total, query, pages }: Content, changes: readonly (ChangeEvent | undefined)[]): boolean {
  // Orders other than that of the labels change with each push.
  if (/(?:^|&)(?:sort|failed|olderThan|metric)=/.test(query)) return true;
  if (changes.some((change) => change === undefined || change.more || change.total !== total)) return true;
  return pages.get(0)?.some(({ id }) => mayHaveChanged(id, changes)) ?? true;
}
