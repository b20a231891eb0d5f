import type { ComponentChildren } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { AGES, type Filters, SORTS } from "./filters.ts";

interface ToolbarProps {
  readonly filters: Filters;
  /** Is the order chosen here? Where there is room for them, by the heads of the columns. */
  readonly sortable: boolean;
  readonly children: ComponentChildren;
  onChange(next: Partial<Filters>): void;
}

export function Toolbar({ filters, sortable, children, onChange }: ToolbarProps) {
  const [search, setSearch] = useState(filters.search);
  const input = useRef<HTMLInputElement>(null);
  // As one types, but not with each letter.
  useEffect(() => {
    if (search === filters.search) return;
    const timer = setTimeout(() => onChange({ search }), 120);
    return () => clearTimeout(timer);
  }, [search, filters.search, onChange]);
  // The address was changed otherwise, as by going back.
  useEffect(() => {
    if (document.activeElement !== input.current) setSearch(filters.search);
  }, [filters.search]);
  useEffect(() => {
    const focus = (event: KeyboardEvent): void => {
      if (event.key !== "/" || (event.target as HTMLElement).closest("input, textarea, select, dialog")) return;
      event.preventDefault();
      input.current?.focus();
    };
    window.addEventListener("keydown", focus);
    return () => window.removeEventListener("keydown", focus);
  }, []);
  return (
    <search class="toolbar">
      <input
        ref={input}
        type="search"
        class="search"
        value={search}
        onInput={({ currentTarget }) => setSearch(currentTarget.value)}
        placeholder="Search jobs, labels, metrics"
        aria-label="Search groups by job, label or metric name"
        aria-keyshortcuts="/"
        spellcheck={false}
        autocomplete="off"
      />
      <label class="toggle">
        <input
          type="checkbox"
          checked={filters.failed}
          onChange={({ currentTarget }) => onChange({ failed: currentTarget.checked })}
        />
        Failed
      </label>
      <label class="choice">
        <span class="caption">Older than</span>
        <select
          value={filters.olderThan}
          onChange={({ currentTarget }) => onChange({ olderThan: currentTarget.value })}
        >
          {AGES.map((age) => (
            <option key={age} value={age}>
              {age === "" ? "any age" : age}
            </option>
          ))}
        </select>
      </label>
      {sortable && <SortChoice filters={filters} onChange={onChange} />}
      {children}
    </search>
  );
}

function SortChoice({ filters, onChange }: Pick<ToolbarProps, "filters" | "onChange">) {
  return (
    <>
      <label class="choice">
        <span class="caption">Sort by</span>
        <select
          value={filters.sort}
          onChange={({ currentTarget }) => {
            const sort = SORTS.find(({ key }) => key === currentTarget.value)!;
            onChange({ sort: sort.key, order: sort.order });
          }}
        >
          {SORTS.map(({ key, label }) => (
            <option key={key} value={key}>
              {label}
            </option>
          ))}
        </select>
      </label>
      <button
        type="button"
        class="quiet"
        onClick={() => onChange({ order: filters.order === "asc" ? "desc" : "asc" })}
        aria-label={filters.order === "asc" ? "Ascending. Sort descending" : "Descending. Sort ascending"}
      >
        <span aria-hidden="true">{filters.order === "asc" ? "↑" : "↓"}</span>
      </button>
    </>
  );
}
