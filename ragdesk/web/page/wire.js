// What the page asks the server, and how it hears the answer.

const KEY = "ragdesk.key";

// Where browsers see the desk: "" or a sub-path. Every address of the server begins with it.
export const ROOT = new URL("..", import.meta.url).pathname.slice(0, -1);

export class Problem extends Error {
  constructor(status, code, message) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

export const keep = (key) => sessionStorage.setItem(KEY, key);
export const hasKey = () => Boolean(sessionStorage.getItem(KEY));

let token = null; // of a session, where there is one: goes with every change, so that no other site can cause one

// What /v1/session said of who asks: its token is that of the changes to come.
export function learnSession(session) {
  token = session.csrf_token ?? null;
  return session;
}

function showStaff(options) {
  const key = sessionStorage.getItem(KEY);
  if (key) return { headers: { ...options.headers, Authorization: `Bearer ${key}` } };
  return { headers: token && changes(options) ? { "X-CSRF-Token": token, ...options.headers } : options.headers };
}

const staff = { show: showStaff, again: async (status, options) => status === 403 && changes(options) && !hasKey() && (await learnToken()) };
let asker = staff;

// Somebody else asks than staff with a key or session. show(options): what a request brings.
// again(status, sent): whether one that was refused is to be sent once more.
export const askAs = (other) => {
  asker = other;
};

const changes = ({ method = "GET" }) => !["GET", "HEAD"].includes(method);

export async function send(path, options) {
  try {
    return await fetch(ROOT + path, options);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Problem(0, "offline", "");
  }
}

// Whoever signed in on another of our pages has a session: its token is asked for when it is needed.
let asked = false; // a request that is refused first would stand in the console

async function learnToken() {
  const former = token;
  learnSession(await fetch(`${ROOT}/v1/session`).then((response) => (response.ok ? response.json() : {})).catch(() => ({})));
  return token !== null && token !== former;
}

export async function call(path, options = {}) {
  if (asker === staff && changes(options) && !asked && path !== "/v1/session" && token === null && !hasKey()) {
    asked = true;
    await learnToken();
  }
  const shown = async () => ({ ...options, ...(await asker.show(options)) });
  const sent = await shown();
  let response = await send(path, sent);
  if (!response.ok && (await asker.again(response.status, sent))) response = await send(path, await shown());
  if (response.ok) return response;
  const problem = await response.json().catch(() => ({}));
  throw new Problem(response.status, problem.code ?? "unknown", problem.detail ?? response.statusText);
}

const within = (collection, uri) =>
  `/v1/collections/${encodeURIComponent(collection)}/documents/${uri.split("/").map(encodeURIComponent).join("/")}`;

export const collections = async () => (await (await call("/v1/collections")).json()).collections;

// The operator's name, greeting, logo, colours and questions: asked for without a key.
export async function look() {
  const response = await send("/v1/page", { credentials: "omit" });
  if (!response.ok) throw new Problem(response.status, "unknown", response.statusText);
  return response.json();
}

// Questions of a FAQ that are worth asking: beside an entry ({chunk}), or to begin with ({language}).
export const suggestions = async (collection, beside) => {
  const path = `/v1/collections/${encodeURIComponent(collection)}/suggestions?${new URLSearchParams(beside)}`;
  return (await (await call(path)).json()).questions;
};

export const documents = async (collection, cursor) => {
  const query = cursor ? `?cursor=${encodeURIComponent(cursor)}` : "";
  return (await call(`/v1/collections/${encodeURIComponent(collection)}/documents${query}`)).json();
};

// What is known of a document, and what was not read of it.
export const about = async (collection, uri, chunk) => {
  const query = chunk ? `?${new URLSearchParams({ chunk })}` : "";
  return (await call(`${within(collection, uri)}${query}`)).json();
};

// Files that could not be taken in, as far as this reader may know of them.
export const skipped = async (collection, cursor) => {
  const query = cursor ? `?cursor=${encodeURIComponent(cursor)}` : "";
  return (await call(`/v1/collections/${encodeURIComponent(collection)}/skipped${query}`)).json();
};

// generation: unknown while an answer is still being written, and then the current one.
// chunk: of a citation or passage, as two documents may have one uri.
export const text = async (collection, uri, generation, chunk) =>
  (await call(`${within(collection, uri)}/text?${at(generation, chunk)}`)).text();

function at(generation, chunk) {
  const query = new URLSearchParams();
  if (generation !== undefined) query.set("generation", generation);
  if (chunk !== undefined) query.set("chunk", chunk);
  return query;
}

// Where words of it lead: offsets of the text, with their addresses.
export const links = async (collection, uri, generation, chunk) =>
  (await (await call(`${within(collection, uri)}/links?${at(generation, chunk)}`)).json()).links;

// The sizes of a PDF's pages, and where the text from start to end stands on them.
export const pages = async (collection, uri, generation, chunk, start, end) => {
  const query = at(generation, chunk);
  query.set("start", start);
  query.set("end", end);
  return (await call(`${within(collection, uri)}/pages?${query}`)).json();
};

export const pageImage = async (collection, uri, number, { width, generation, chunk }) => {
  const query = at(generation, chunk);
  query.set("width", width);
  return (await call(`${within(collection, uri)}/pages/${number}?${query}`)).blob();
};

// How many pictures lie in a document's file, and one of them.
export const pictures = async (collection, uri, generation, chunk) =>
  (await (await call(`${within(collection, uri)}/pictures?${at(generation, chunk)}`)).json()).pictures;

export const picture = async (collection, uri, generation, chunk, number) =>
  (await call(`${within(collection, uri)}/pictures/${number}?${at(generation, chunk)}`)).blob();

export const original = async (collection, uri, chunk) => {
  const query = chunk ? `?${new URLSearchParams({ chunk })}` : "";
  return (await call(`${within(collection, uri)}/original${query}`)).blob();
};

const sent = (method, body) => ({ method, headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });
const named = (conversation) => `/v1/conversations/${encodeURIComponent(conversation)}`;

// Conversations of this reader, the latest first; of all words in query.
export const conversations = async (query, cursor) => {
  const asked = new URLSearchParams({ query, limit: "30", ...(cursor ? { cursor } : {}) });
  return (await call(`/v1/conversations?${asked}`)).json();
};

export const beginConversation = async (collection, origin = "page") =>
  (await call("/v1/conversations", sent("POST", { collection, origin }))).json();

export const renameConversation = async (conversation, title) => (await call(named(conversation), sent("PATCH", { title }))).json();

export const deleteConversation = (conversation) => call(named(conversation), { method: "DELETE" });

export const shareConversation = async (conversation) => (await call(`${named(conversation)}/share`, { method: "POST" })).json();

// A conversation with all its turns, of one's own or by the token of a shared one.
export const turns = (conversation) => everyTurn(`${named(conversation)}/turns`);
export const shared = (token) => everyTurn(`/v1/shared/${encodeURIComponent(token)}`);

async function everyTurn(path) {
  let page = await (await call(`${path}?limit=200`)).json();
  const all = [...page.turns];
  while (page.next) {
    page = await (await call(`${path}?limit=200&after=${page.next}`)).json();
    all.push(...page.turns);
  }
  return { conversation: page.conversation, turns: all };
}

export const judge = async (judgement) => (await call("/v1/feedback", sent("POST", judgement))).json();

// Server-Sent Events over POST: EventSource can only GET. Calls `hear(name, data)` for each.
// asked: question, collection, conversation, and where there are any, filters.
export async function ask(asked, hear, signal) {
  const response = await call("/v1/answers", {
    method: "POST",
    signal,
    headers: { "Content-Type": "application/json", Accept: "text/event-stream" },
    body: JSON.stringify({ ...asked, stream: true }),
  });
  let ended = false;
  for await (const { name, data } of events(response)) {
    ended ||= name === "done" || name === "error";
    hear(name, data);
  }
  if (!ended) throw new Problem(0, "offline", "");
}

// The Server-Sent Events of a response, one after the other.
export async function* events(response) {
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    const blocks = (rest + value).split("\n\n");
    rest = blocks.pop();
    for (const block of blocks) {
      const event = read(block);
      if (event) yield event;
    }
  }
}

function read(block) {
  let name = "message";
  let data = "";
  for (const line of block.split("\n")) {
    if (line.startsWith("event: ")) name = line.slice(7);
    if (line.startsWith("data: ")) data += line.slice(6);
  }
  return data && { name, data: JSON.parse(data) };
}
