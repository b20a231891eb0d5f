import { useEffect, useRef } from "preact/hooks";
import { type LiveState, useLiveState } from "./api/live.ts";
import { CheckPage } from "./check/check-page.tsx";
import { GroupPage } from "./group/group-page.tsx";
import { GroupsPage } from "./groups/groups-page.tsx";
import { usePlace } from "./lib/location.ts";
import { type Theme, useTheme } from "./lib/theme.ts";
import { StatusPage } from "./status/status-page.tsx";

const PAGES = [
  { page: "", title: "Groups", href: "#/" },
  { page: "check", title: "Push tester", href: "#/check" },
  { page: "status", title: "Status", href: "#/status" },
] as const;

export function App() {
  const place = usePlace();
  const current = place.page === "group" ? "" : place.page;
  const title = place.page === "group" ? "Group" : (PAGES.find(({ page }) => page === current)?.title ?? "Groups");
  useEffect(() => {
    document.title = `${title} · Waystation`;
  }, [title]);
  useArrival(`${place.page}/${place.rest}`);
  return (
    <>
      <button type="button" class="skip" onClick={() => document.getElementById("main")?.focus()}>
        Skip to content
      </button>
      <header class="top">
        <a class="brand" href="#/">
          <Mark /> Waystation
        </a>
        <nav aria-label="Pages">
          {PAGES.map(({ page, title, href }) => (
            <a key={page} href={href} aria-current={page === current ? "page" : undefined}>
              {title}
            </a>
          ))}
        </nav>
        <LiveMark />
        <ThemeButton />
      </header>
      <main id="main" tabIndex={-1}>
        {page(place.page, place.rest)}
      </main>
    </>
  );
}

/** Another page begins at its top, and the keyboard and the reading voice go on there. */
function useArrival(page: string): void {
  const shown = useRef(page);
  useEffect(() => {
    if (shown.current === page) return;
    shown.current = page;
    const main = document.getElementById("main")!;
    main.scrollTop = 0;
    main.focus();
  }, [page]);
}

function page(name: string, rest: string) {
  switch (name) {
    case "group":
      return <GroupPage key={rest} id={rest} />;
    case "status":
      return <StatusPage />;
    case "check":
      return <CheckPage />;
    default:
      return <GroupsPage />;
  }
}

function Mark() {
  return (
    <svg viewBox="0 0 32 32" aria-hidden="true" class="mark">
      <rect width="32" height="32" rx="7" />
      <path d="M5 9l5 15 6-13 6 13 5-15" />
    </svg>
  );
}

const LIVE_TEXTS: Readonly<Record<LiveState, string>> = {
  connecting: "Connecting",
  live: "Live",
  lost: "Not live: the gateway does not answer",
};

function LiveMark() {
  const state = useLiveState();
  return (
    <span class={`live ${state}`} role="status" title={LIVE_TEXTS[state]}>
      <span class="dot" aria-hidden="true" />
      <span class="text">{state === "lost" ? "Not live" : LIVE_TEXTS[state]}</span>
    </span>
  );
}

const NEXT_THEME: Readonly<Record<Theme, Theme>> = { auto: "dark", dark: "light", light: "auto" };
const THEME_SIGNS: Readonly<Record<Theme, string>> = { auto: "◐", dark: "☾", light: "☀" };

function ThemeButton() {
  const [theme, setTheme] = useTheme();
  const label = theme === "auto" ? "as the system" : theme;
  return (
    <button
      type="button"
      class="quiet theme"
      onClick={() => setTheme(NEXT_THEME[theme])}
      aria-label={`Colours: ${label}. Change to ${NEXT_THEME[theme]}`}
      title={`Colours: ${label}`}
    >
      <span aria-hidden="true">{THEME_SIGNS[theme]}</span>
    </button>
  );
}
