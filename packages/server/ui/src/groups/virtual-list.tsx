import type { ComponentChildren } from "preact";
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";

/** Browsers do not draw elements of any height: beyond this one they lose rows. */
const MAX_HEIGHT = 15_000_000;
/** Rows that are drawn above and below what is seen. */
const OVERSCAN = 6;

export interface VirtualListProps {
  readonly count: number;
  /** Of each row, in pixels. */
  readonly rowHeight: number;
  readonly label: string;
  /** A row of its own above all others, and its height. It stays in sight. */
  readonly header: ComponentChildren;
  readonly headerHeight: number;
  /** The list begins at its top again when this changes. */
  readonly resetKey: string;
  /** The row to begin with. */
  readonly first: number;
  readonly active: number;
  onActive(index: number): void;
  onShow(first: number, last: number): void;
  onKey(event: KeyboardEvent, index: number): void;
  render(index: number): ComponentChildren;
}

/** How many rows a list can have; what is beyond is found by searching. */
export function reachableRows(rowHeight: number): number {
  return Math.floor(MAX_HEIGHT / rowHeight);
}

/**
 * A grid that draws only the rows that can be seen. Assistive technology is told how many there are and which ones these are; the arrow
 * keys, Page Up and Down, Home and End move between them, and one row at a time is in the tab order.
 */
export function VirtualList(props: VirtualListProps) {
  const { count, rowHeight, label, header, headerHeight, resetKey, active, onActive, onShow, onKey, render } = props;
  const box = useRef<HTMLDivElement>(null);
  // Not in pixels: nothing is drawn anew until another row comes into sight.
  const [seenFirst, setSeenFirst] = useState(0);
  const [height, setHeight] = useState(800);
  const focusWanted = useRef(false);

  useLayoutEffect(() => {
    const element = box.current!;
    const measure = () => {
      setHeight(element.clientHeight - headerHeight);
      setSeenFirst(Math.floor(element.scrollTop / rowHeight));
    };
    const observer = new ResizeObserver(measure);
    observer.observe(element);
    measure();
    return () => observer.disconnect();
  }, [headerHeight, rowHeight]);

  const begin = useRef(props.first);
  const filled = count > 0;
  useLayoutEffect(() => {
    if (!filled) return;
    box.current!.scrollTop = begin.current * rowHeight;
    begin.current = 0;
  }, [resetKey, filled]);

  const seenLast = seenFirst + Math.ceil(height / rowHeight);
  const first = Math.max(0, seenFirst - OVERSCAN);
  const last = Math.min(count - 1, seenLast + OVERSCAN);
  useEffect(() => {
    if (filled) onShow(seenFirst, last);
  }, [seenFirst, last, onShow, resetKey, filled]);

  useLayoutEffect(() => {
    if (!focusWanted.current) return;
    const row = box.current?.querySelector<HTMLElement>(`[data-index="${active}"]`);
    if (!row) return;
    focusWanted.current = false;
    row.focus({ preventScroll: true });
  });

  const moveTo = (index: number): void => {
    const next = Math.max(0, Math.min(count - 1, index));
    const element = box.current!;
    const top = next * rowHeight;
    if (top < element.scrollTop) element.scrollTop = top;
    else if (top + rowHeight > element.scrollTop + height) element.scrollTop = top + rowHeight - height;
    focusWanted.current = true;
    onActive(next);
    setSeenFirst(Math.floor(element.scrollTop / rowHeight));
  };

  const onKeyDown = (event: KeyboardEvent): void => {
    if ((event.target as HTMLElement).closest(".header") !== null) return;
    const page = Math.max(1, Math.floor(height / rowHeight) - 1);
    const targets: Readonly<Record<string, number>> = {
      ArrowDown: active + 1,
      ArrowUp: active - 1,
      PageDown: active + page,
      PageUp: active - page,
      Home: 0,
      End: count - 1,
    };
    const target = targets[event.key];
    if (target === undefined) {
      onKey(event, active);
      return;
    }
    event.preventDefault();
    moveTo(target);
  };

  const rows = [];
  for (let index = first; index <= last; index++) {
    rows.push(
      <div
        key={index}
        role="row"
        aria-rowindex={index + 2}
        data-index={index}
        tabIndex={index === active ? 0 : -1}
        class="row"
        style={{ transform: `translateY(${index * rowHeight}px)`, height: `${rowHeight}px` }}
        onFocus={() => onActive(index)}
      >
        {render(index)}
      </div>,
    );
  }
  // The row that has the focus must not vanish when it is scrolled out of sight: Tab would begin at the top of the page.
  const activeIsDrawn = active >= first && active <= last;
  return (
    <div
      ref={box}
      class="list"
      role="grid"
      aria-label={label}
      aria-rowcount={count + 1}
      tabIndex={activeIsDrawn ? -1 : 0}
      onScroll={({ currentTarget }) => setSeenFirst(Math.floor(currentTarget.scrollTop / rowHeight))}
      onKeyDown={onKeyDown}
    >
      <div role="row" aria-rowindex={1} class="row header" style={{ height: `${headerHeight}px` }}>
        {header}
      </div>
      <div class="runway" role="presentation" style={{ height: `${count * rowHeight}px` }}>
        {rows}
      </div>
    </div>
  );
}
