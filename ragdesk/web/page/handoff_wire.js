// What the pages ask the server of hand-offs, and how they follow a conversation.

import { call } from "./wire.js";

let token = null; // of a session: sent with every change, so that no other site can make one

const json = async (response) => (await response).json();

function post(path, body = {}) {
  const headers = { "Content-Type": "application/json", "Idempotency-Key": crypto.randomUUID?.() ?? String(Math.random()) };
  if (token) headers["X-CSRF-Token"] = token;
  return json(call(path, { method: "POST", headers, body: JSON.stringify(body) }));
}

// Who asks: by the session's cookie, or the tab's key.
export async function session() {
  const who = await json(call("/v1/session"));
  token = who.csrf_token;
  return who;
}

export async function signIn(key) {
  const who = await post("/v1/session", { key });
  token = who.csrf_token;
  return who;
}

export const signOut = () => call("/v1/session", { method: "DELETE", headers: token ? { "X-CSRF-Token": token } : {} });

const query = (facts) => new URLSearchParams(Object.entries(facts).filter(([, value]) => value != null));

export const queue = (state) => json(call(`/v1/handoffs?${query({ state, view: "queue" })}`));

// The newest hand-off of one's own conversation, or null.
export async function ofConversation(conversation) {
  const { handoffs, enabled } = await json(call(`/v1/handoffs?${query({ state: "all", view: "own", conversation })}`));
  return { handoff: handoffs.find((one) => one.state !== "closed") ?? handoffs[0] ?? null, enabled };
}

export const show = (id) => json(call(`/v1/handoffs/${id}`));
export const draft = (id) => json(call(`/v1/handoffs/${id}/draft`));
export const act = (id, action, body = {}) => post(`/v1/handoffs/${id}/${action}`, body);
export const request = (body) => post("/v1/handoffs", body);

export async function turns(conversation) {
  const all = [];
  for (let after = 0; after !== null; ) {
    const page = await json(call(`/v1/conversations/${conversation}/turns?after=${after}&limit=200`));
    all.push(...page.turns);
    after = page.next ?? null;
  }
  return all;
}

const PAUSE = 1500; // milliseconds before a stream that broke is opened again

// Follow a conversation until the signal: hear(name, data) for each `turn` and `state`.
export async function follow(conversation, after, hear, signal) {
  let last = after;
  while (!signal.aborted) {
    try {
      const response = await call(`/v1/conversations/${conversation}/events?after=${last}`, { signal });
      const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
      let rest = "";
      for (;;) {
        const { done, value } = await reader.read();
        if (done) break;
        const blocks = (rest + value).split("\n\n");
        rest = blocks.pop();
        for (const block of blocks) {
          const fields = Object.fromEntries(block.split("\n").map((line) => line.split(/: (.*)/s).slice(0, 2)));
          if (!fields.data) continue;
          const data = JSON.parse(fields.data);
          if (fields.event === "turn") last = Math.max(last, data.number);
          hear(fields.event, data);
          if (fields.event === "deleted") return;
        }
      }
    } catch (problem) {
      if (signal.aborted || [401, 403, 404].includes(problem.status)) return;
    }
    await new Promise((resume) => setTimeout(resume, PAUSE));
  }
}
