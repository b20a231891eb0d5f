import { useEffect, useRef, useState } from "preact/hooks";
import type { DeleteRequest, DeleteResult } from "../../../src/api-v2/schema.ts";
import { ApiFailure, api } from "../api/client.ts";
import { Dialog } from "../lib/dialog.tsx";
import { formatCount, plural } from "../lib/format.ts";
import { LabelChips } from "../lib/labels.tsx";

export interface DeleteDialogProps {
  /** Which groups; without `dryRun` and `expect`. */
  readonly request: DeleteRequest;
  readonly onClose: () => void;
  readonly onDeleted: (result: DeleteResult) => void;
}

/** Shows what would be deleted, and deletes it once its number was typed: exactly so many, or none. */
export function DeleteDialog({ request, onClose, onDeleted }: DeleteDialogProps) {
  const [preview, setPreview] = useState<DeleteResult>();
  const [failure, setFailure] = useState<string>();
  const [typed, setTyped] = useState("");
  const [busy, setBusy] = useState(false);

  const look = async (): Promise<void> => {
    setPreview(undefined);
    setTyped("");
    try {
      setPreview(await api.deleteGroups({ ...request, dryRun: true }));
    } catch (error) {
      setFailure((error as Error).message);
    }
  };
  useEffect(() => void look(), []);
  const input = useRef<HTMLInputElement>(null);
  useEffect(() => input.current?.focus(), [preview]);

  const remove = async (): Promise<void> => {
    setBusy(true);
    setFailure(undefined);
    try {
      onDeleted(await api.deleteGroups({ ...request, expect: preview!.matched }));
    } catch (error) {
      setFailure((error as Error).message);
      if (error instanceof ApiFailure && error.code === "COUNT_CHANGED") await look();
    } finally {
      setBusy(false);
    }
  };

  const count = preview?.matched ?? 0;
  const confirmed = count > 0 && typed.replace(/[\s,.]/g, "") === String(count);
  return (
    <Dialog title={preview === undefined ? "Delete groups" : `Delete ${plural(count, "group")}?`} onClose={onClose}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          if (confirmed && !busy) void remove();
        }}
      >
        {preview === undefined && failure === undefined && <p>Counting …</p>}
        {preview !== undefined && count === 0 && <p>No group is like that any more.</p>}
        {preview !== undefined && count > 0 && (
          <>
            <p>Their metrics vanish from the next scrape. This cannot be undone.</p>
            {/* Can be scrolled, and so must be reachable by keyboard. */}
            <ul class="preview" tabIndex={0} aria-label="Groups that will be deleted">
              {preview.sample.map((group) => (
                <li key={group.id}>
                  <LabelChips labels={group.labels} />
                </li>
              ))}
              {count > preview.sample.length && <li>… and {formatCount(count - preview.sample.length)} more</li>}
            </ul>
            <label class="field">
              Type their number, {count}, to confirm
              <input
                ref={input}
                value={typed}
                onInput={({ currentTarget }) => setTyped(currentTarget.value)}
                inputMode="numeric"
                autocomplete="off"
              />
            </label>
          </>
        )}
        {failure !== undefined && (
          <p class="problem" role="alert">
            {failure}
          </p>
        )}
        <div class="buttons">
          <button type="button" onClick={onClose}>
            Cancel
          </button>
          <button type="submit" class="danger" disabled={!confirmed || busy}>
            {count === 0 ? "Delete" : `Delete ${plural(count, "group")}`}
          </button>
        </div>
      </form>
    </Dialog>
  );
}
