/**
 * The elements that would be at `from` to `to` (exclusive) if all were sorted, in order. The array is reordered. Takes time in
 * proportion to its length, and sorts only what is asked for (quickselect, with the median of three as the pivot).
 */
export function selectRange<Element>(
  elements: Element[],
  from: number,
  to: number,
  compare: (a: Element, b: Element) => number,
): Element[] {
  const end = Math.min(to, elements.length);
  if (from >= end) return [];
  if (from > 0) partitionAt(elements, from, 0, elements.length - 1, compare);
  if (end < elements.length) partitionAt(elements, end, from, elements.length - 1, compare);
  return elements.slice(from, end).sort(compare);
}

/** Brings the `rank`-th element to its place, smaller ones before it, greater ones after it. */
function partitionAt<Element>(
  elements: Element[],
  rank: number,
  first: number,
  last: number,
  compare: (a: Element, b: Element) => number,
): void {
  let low = first;
  let high = last;
  while (low < high) {
    const pivot = medianOfThree(elements[low]!, elements[(low + high) >> 1]!, elements[high]!, compare);
    let i = low;
    let j = high;
    while (i <= j) {
      while (compare(elements[i]!, pivot) < 0) i++;
      while (compare(elements[j]!, pivot) > 0) j--;
      if (i > j) break;
      const swapped = elements[i]!;
      elements[i++] = elements[j]!;
      elements[j--] = swapped;
    }
    // Now [low, j] <= pivot <= [i, high], and what is between equals it.
    if (rank <= j) high = j;
    else if (rank >= i) low = i;
    else return;
  }
}

function medianOfThree<Element>(
  a: Element,
  b: Element,
  c: Element,
  compare: (a: Element, b: Element) => number,
): Element {
  if (compare(a, b) > 0) return medianOfThree(b, a, c, compare);
  if (compare(b, c) <= 0) return b;
  return compare(a, c) <= 0 ? c : a;
}
