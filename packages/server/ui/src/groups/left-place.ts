/** Where the list was left, so that coming back to it is coming back to the same place. */
export interface LeftPlace {
  readonly query: string;
  /** The first row that was seen. */
  readonly first: number;
  readonly active: number;
}

let left: LeftPlace = { query: "", first: 0, active: 0 };

export function leaveListAt(place: LeftPlace): void {
  left = place;
}

/** Where the list of this query was left; its beginning, if another one was looked at since. */
export function placeIn(query: string): LeftPlace {
  return left.query === query ? left : { query, first: 0, active: 0 };
}

/** The path of the list as it was left, behind `#/`. */
export function listPath(): string {
  return left.query === "" ? "" : `?${left.query}`;
}
