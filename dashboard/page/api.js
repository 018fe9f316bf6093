// The API, and what its errors mean to the page.

export class Refused extends Error {
  constructor(status) {
    super(`HTTP ${status}`);
    this.status = status; // 0: no answer at all, or one that is none
  }
}

export async function ask(path, options = {}) {
  let status = 0;
  try {
    const answer = await fetch(path, { signal: AbortSignal.timeout(15000), ...options });
    if (answer.ok) return answer.status === 204 ? null : await answer.json();
    status = answer.status;
  } catch {
    // Whatever the browser calls it: told below
  }
  throw new Refused(status);
}

const of = (device) => `/v1/devices/${encodeURIComponent(device)}`;

export const devices = () => ask("/v1/devices");
export const path = (device, kind, span) => `${of(device)}/${kind}/${span}`;
export const view = (device, kind, span) => ask(path(device, kind, span));
export const login = (person, password) =>
  ask("/v1/session", { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ person, password }) });
export const bring = (token) => ask("/v1/session/bearer", { method: "POST", headers: { Authorization: `Bearer ${token}` } });
export const leave = () => ask("/v1/session", { method: "DELETE" });
export const stream = (device) => new EventSource(`${of(device)}/live/stream`);
