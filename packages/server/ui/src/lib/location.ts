import { useEffect, useState } from "preact/hooks";

/** Where in the interface we are. It stands behind the `#` of the address, so that no server and no proxy has to know it. */
export interface Place {
  readonly page: string;
  /** What follows the page's name. */
  readonly rest: string;
  readonly params: URLSearchParams;
}

function currentPlace(): Place {
  const [path = "", query = ""] = window.location.hash.replace(/^#\/?/, "").split("?", 2);
  const slash = path.indexOf("/");
  return {
    page: slash < 0 ? path : path.slice(0, slash),
    rest: slash < 0 ? "" : decodeURIComponent(path.slice(slash + 1)),
    params: new URLSearchParams(query),
  };
}

export function usePlace(): Place {
  const [place, setPlace] = useState(currentPlace);
  useEffect(() => {
    const follow = () => setPlace(currentPlace());
    window.addEventListener("hashchange", follow);
    return () => window.removeEventListener("hashchange", follow);
  }, []);
  return place;
}

export function go(path: string): void {
  window.location.hash = `#/${path}`;
}

/** Changes the address without a new step in the history, as while typing. */
export function replacePlace(path: string): void {
  window.history.replaceState(null, "", `#/${path}`);
  window.dispatchEvent(new HashChangeEvent("hashchange"));
}

/** The gateway's own address, ending in a slash, as the browser sees it. */
export const HOME = new URL(".", window.location.href).href;
