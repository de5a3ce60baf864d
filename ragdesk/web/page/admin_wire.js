// What the administrator's page asks the server.

import { call, events as readEvents } from "./wire.js";

export const json = async (path, options) => (await call(path, options)).json();

export const send = (method, path, body) =>
  json(path, { method, headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });

export const remove = (path) => call(path, { method: "DELETE" });

export const inside = (collection, rest = "") => `/v1/collections/${encodeURIComponent(collection)}/${rest}`;

export const documentPath = (collection, uri, rest = "") =>
  inside(collection, `documents/${uri.split("/").map(encodeURIComponent).join("/")}${rest}`);

// Only what was chosen: an empty field does not narrow a list.
export function query(values) {
  const chosen = Object.entries(values).filter(([, value]) => value !== "" && value != null && value !== false);
  const text = new URLSearchParams(chosen).toString();
  return text && `?${text}`;
}

export const put = (collection, uri, body, groups) =>
  json(`${documentPath(collection, uri)}${query({ groups })}`, { method: "PUT", body });

// Follow a job to its end. `hear(job)` at every look; ends early when `alive()` does not hold.
export async function follow(id, hear, alive = () => true) {
  for (let wait = 200; alive(); wait = Math.min(2000, wait * 1.4)) {
    const job = await json(`/v1/jobs/${id}`);
    hear(job);
    if (job.finished) return job;
    await new Promise((resolve) => setTimeout(resolve, wait));
  }
  return null;
}

// Server-Sent Events of a POST, one after the other.
export async function* events(path) {
  yield* readEvents(await call(path, { method: "POST", headers: { "Content-Type": "application/json" }, body: "{}" }));
}

export async function save(path, name) {
  const address = URL.createObjectURL(await (await call(path)).blob());
  const link = document.createElement("a");
  link.href = address;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
}
