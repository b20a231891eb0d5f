import { type Filters, SORTS } from "./filters.ts";

export interface GroupHeaderProps {
  readonly sort: string;
  readonly order: "asc" | "desc";
  onSort(next: Partial<Filters>): void;
}

/** The heads of the columns, which sort by them. */
export function GroupHeader({ sort, order, onSort }: GroupHeaderProps) {
  return (
    <>
      <span role="columnheader" class="cell select">
        <span class="off-screen">Select</span>
      </span>
      {SORTS.map((column) => {
        const sorted = column.key === sort;
        const flipped = order === "asc" ? "desc" : "asc";
        return (
          <span
            key={column.key}
            role="columnheader"
            aria-sort={sorted ? (order === "asc" ? "ascending" : "descending") : "none"}
            class={`cell ${column.key}`}
          >
            <button
              type="button"
              class="quiet"
              onClick={() => onSort({ sort: column.key, order: sorted ? flipped : column.order })}
            >
              {column.label}
              <span aria-hidden="true" class="arrow">
                {sorted ? (order === "asc" ? " ↑" : " ↓") : ""}
              </span>
            </button>
          </span>
        );
      })}
    </>
  );
}
