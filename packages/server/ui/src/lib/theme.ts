import { useState } from "preact/hooks";
import { loadSetting, saveSetting } from "./settings.ts";

export type Theme = "auto" | "light" | "dark";
const THEMES: readonly Theme[] = ["auto", "light", "dark"];

function currentTheme(): Theme {
  const saved = loadSetting("theme");
  return THEMES.find((theme) => theme === saved) ?? "auto";
}

/** Call it before anything is drawn. */
export function applyTheme(theme = currentTheme()): void {
  document.documentElement.dataset["theme"] = theme;
  // Plots are not made of CSS: they are drawn anew.
  window.dispatchEvent(new Event("themechange"));
}

export function useTheme(): [Theme, (theme: Theme) => void] {
  const [theme, setTheme] = useState(currentTheme);
  const choose = (next: Theme): void => {
    saveSetting("theme", next);
    setTheme(next);
    applyTheme(next);
  };
  return [theme, choose];
}
