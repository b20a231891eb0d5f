import { useEffect, useState } from "preact/hooks";

/** Seconds since the epoch, anew every so many milliseconds. */
export function useNow(every = 5_000): number {
  const [now, setNow] = useState(() => Date.now() / 1000);
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now() / 1000), every);
    return () => clearInterval(timer);
  }, [every]);
  return now;
}
