// What the pages ask the server of hand-offs, and how they follow a conversation.

import { call, events } from "./wire.js";

const json = async (response) => (await response).json();

export const newKey = () => crypto.randomUUID?.() ?? String(Math.random());

// key: the same one for what is sent again.
function post(path, body = {}, key = newKey()) {
  const headers = { "Content-Type": "application/json", "Idempotency-Key": key };
  return json(call(path, { method: "POST", headers, body: JSON.stringify(body) }));
}

const query = (facts) => new URLSearchParams(Object.entries(facts).filter(([, value]) => value != null));

// The first pages of the queue as one list, so many as are asked for; next: whether there are more.
export async function queue(state, pages = 1) {
  let whole = null;
  for (let cursor = null, read = 0; read < pages && (cursor || !whole); read += 1) {
    const page = await json(call(`/v1/handoffs?${query({ state, view: "queue", cursor })}`));
    const known = new Set(whole?.handoffs.map((one) => one.id)); // what was changed meanwhile moved on
    const fresh = page.handoffs.filter((one) => !known.has(one.id));
    whole = { ...page, handoffs: [...(whole?.handoffs ?? []), ...fresh] };
    cursor = page.next;
  }
  return whole;
}

// The newest hand-off of one's own conversation, or null.
export async function ofConversation(conversation) {
  const facts = { state: "all", view: "own", conversation, limit: conversation ? null : 1 };
  const { handoffs, enabled } = await json(call(`/v1/handoffs?${query(facts)}`));
  return { handoff: handoffs.find((one) => one.state !== "closed") ?? handoffs[0] ?? null, enabled };
}

export const show = (id) => json(call(`/v1/handoffs/${id}`));
export const draft = (id) => json(call(`/v1/handoffs/${id}/draft`));
export const act = (id, action, body = {}) => post(`/v1/handoffs/${id}/${action}`, body);
export const intents = async () => (await json(call("/v1/intents"))).intents.map((one) => one.name);
export const labelIntent = (turn, intent) => post(`/v1/turns/${encodeURIComponent(turn)}/intent`, { intent });
export const removeIntent = (turn) => call(`/v1/turns/${encodeURIComponent(turn)}/intent`, { method: "DELETE" });
export const correct = (body, key) => post("/v1/corrections", body, key);
export const makeEntry = (body, key) => post("/v1/drafts", body, key);
export const request = (body) => post("/v1/handoffs", body);

const PAUSE = 1500; // milliseconds before a stream that broke is opened again

// Follow a conversation until the signal: hear(name, data) for each `turn`, `state` and `labels`.
export async function follow(conversation, after, hear, signal) {
  let last = after;
  while (!signal.aborted) {
    try {
      const response = await call(`/v1/conversations/${conversation}/events?after=${last}`, { signal });
      for await (const { name, data } of events(response)) {
        if (name === "turn") last = Math.max(last, data.number);
        hear(name, data);
        if (name === "deleted") return;
      }
    } catch (problem) {
      if (signal.aborted || [401, 403, 404].includes(problem.status)) return;
    }
    await new Promise((resume) => setTimeout(resume, PAUSE));
  }
}
