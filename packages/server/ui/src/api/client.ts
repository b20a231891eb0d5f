import type {
  CheckResult,
  DeleteRequest,
  DeleteResult,
  ErrorAnswer,
  GroupDetail,
  GroupList,
  Status,
} from "../../../src/api-v2/schema.ts";
import { HOME } from "../lib/location.ts";

/** An answer that is not a success, in the API's own words where there are any. */
export class ApiFailure extends Error {
  readonly status: number;
  readonly code: string;

  constructor(status: number, code: string, message: string) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

export const API = `${HOME}api/v2/`;

async function request(path: string, init: RequestInit = {}): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(API + path, { credentials: "same-origin", ...init });
  } catch (cause) {
    if ((cause as Error).name === "AbortError") throw cause;
    throw new ApiFailure(0, "UNREACHABLE", "The gateway does not answer.");
  }
  if (response.ok) return response;
  const answer = (await response.json().catch(() => undefined)) as ErrorAnswer | undefined;
  const { code, message } = answer?.error ?? { code: "UNKNOWN", message: `The gateway answered ${response.status}.` };
  throw new ApiFailure(response.status, code, message);
}

async function requestJson<Answer>(path: string, init?: RequestInit): Promise<Answer> {
  return (await (await request(path, init)).json()) as Answer;
}

export const api = {
  groups: (parameters: URLSearchParams, signal?: AbortSignal) =>
    requestJson<GroupList>(`groups?${parameters}`, signal ? { signal } : {}),
  group: (id: string, signal: AbortSignal) => requestJson<GroupDetail>(`groups/${encodeURIComponent(id)}`, { signal }),
  groupText: async (id: string, signal: AbortSignal) =>
    (await request(`groups/${encodeURIComponent(id)}/text`, { signal })).text(),
  deleteGroup: (id: string) => request(`groups/${encodeURIComponent(id)}`, { method: "DELETE" }),
  deleteFamily: (id: string, family: string) =>
    request(`groups/${encodeURIComponent(id)}/families/${encodeURIComponent(family)}`, { method: "DELETE" }),
  deleteGroups: (body: DeleteRequest) =>
    requestJson<DeleteResult>("groups/delete", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(body),
    }),
  status: (signal?: AbortSignal) => requestJson<Status>("status", signal ? { signal } : {}),
  check: (text: string, path: string, signal: AbortSignal) =>
    requestJson<CheckResult>(`check?${new URLSearchParams({ path })}`, { method: "POST", body: text, signal }),
};
