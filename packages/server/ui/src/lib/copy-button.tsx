import { useState } from "preact/hooks";

/** Copies a text, and says that it did. */
export function CopyButton({ text, what }: { text: string; what: string }) {
  const [said, setSaid] = useState("");
  const copy = async (): Promise<void> => {
    const done = await copyText(text);
    setSaid(done ? "Copied" : "Select and copy by hand");
    setTimeout(() => setSaid(""), 2_000);
  };
  return (
    <button type="button" class="quiet copy" onClick={copy}>
      <span aria-live="polite">{said || "Copy"}</span>
      <span class="off-screen"> {what}</span>
    </button>
  );
}

/** Pages that were not fetched by HTTPS have no clipboard of the newer kind. */
async function copyText(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const area = document.createElement("textarea");
    area.value = text;
    area.className = "off-screen";
    document.body.append(area);
    area.select();
    const done = document.execCommand("copy");
    area.remove();
    return done;
  }
}
