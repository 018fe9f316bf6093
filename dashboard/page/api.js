// The API, and what its errors mean to the page.

export class Refused extends Error {
  constructor(status) {
    super(`HTTP ${status}`);
    this.status = status; // 0: no answer at all
  }
}

export async function ask(path, options = {}) {
  let answer;
  try {
    answer = await fetch(path, { signal: AbortSignal.timeout(15000), ...options });
  } catch {
    throw new Refused(0);
  }
  if (!answer.ok) throw new Refused(answer.status);
  return answer.status === 204 ? null : answer.json();
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
