/** What the user prefers, in this browser. A browser that keeps nothing shows the defaults. */
export function loadSetting(name: string): string | null {
  try {
    return window.localStorage.getItem(`waystation.${name}`);
  } catch {
    return null;
  }
}

export function saveSetting(name: string, value: string): void {
  try {
    window.localStorage.setItem(`waystation.${name}`, value);
  } catch {
    // It holds for this page then.
  }
}
