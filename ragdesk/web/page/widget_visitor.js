// The visitor of a website: the key of the site, and their own secret, or a token that the page handed over.

import { askAs, Problem, send } from "./wire.js";

const key = new URLSearchParams(location.search).get("key") ?? "";
const PLACE = `ragdesk.visitor.${key}`; // in the frame's own storage, which browsers keep for each website apart
const READ = `ragdesk.read.${key}`;
const TOKEN = /^[\w.~+/=-]{1,8000}$/;
const TOKEN_WAIT = 8_000; // milliseconds for the page to hand over a newer token

let secret = null;
let token = null;
let making = null; // a visitor who is being made known
let renew = () => {}; // asks the page for a newer token
let renewed = []; // who waits for it

askAs({ show, again });

// Storage may be denied to a frame: then this visitor lasts as long as the page.
function stored(place) {
  try {
    return localStorage.getItem(place);
  } catch {
    return null;
  }
}

function store(place, value) {
  try {
    if (value) localStorage.setItem(place, value);
    else localStorage.removeItem(place);
  } catch {
    return;
  }
}

// How far a conversation was read: replies that came while no page of the website was open are counted later.
export const noteRead = (conversation, number) => store(READ, `${conversation} ${number}`);

export function lastRead(conversation) {
  const [name, number] = (stored(READ) ?? "").split(" ");
  return name === conversation ? Number(number) : Infinity; // nothing is known: nothing is new
}

async function show(options) {
  const visitor = token ?? (secret ??= stored(PLACE)) ?? (await become());
  const headers = { ...options.headers, Authorization: `Bearer ${key}`, "X-Visitor": visitor };
  return { headers, credentials: "omit" }; // a cookie of the desk's own pages is nothing here
}

function become() {
  making ??= make().finally(() => (making = null));
  return making;
}

async function make() {
  const response = await send("/v1/visitors", { method: "POST", credentials: "omit", headers: { Authorization: `Bearer ${key}` } });
  const body = await response.json().catch(() => ({}));
  if (!response.ok) throw new Problem(response.status, body.code ?? "unknown", body.detail ?? "");
  secret = body.secret;
  store(PLACE, secret);
  return secret;
}

// A refused visitor is made anew where the secret is no longer known, and a token is asked for again.
async function again(status, { headers }) {
  if (status !== 401) return false;
  const refused = headers["X-Visitor"];
  if (token) return refused !== token || (await newer(refused));
  if (refused === secret) {
    secret = null;
    store(PLACE, null);
  }
  return true;
}

function newer(refused) {
  renew();
  return new Promise((resume) => {
    const done = () => {
      clearTimeout(timer);
      resume(token !== null && token !== refused);
    };
    const timer = setTimeout(done, TOKEN_WAIT);
    renewed.push(done);
  });
}

export const onLapse = (ask) => {
  renew = ask;
};

// Take a token of the page, or null: whoever it was is signed out. Returns whether somebody else is here now.
export function identify(value) {
  const taken = typeof value === "string" && TOKEN.test(value) ? value : null;
  const changed = subject(taken) !== subject(token);
  token = taken;
  for (const resume of renewed.splice(0)) resume();
  return changed;
}

export const isSigned = () => token !== null;

// Whom a token names; it is checked by the server, and here only decides what stays on the screen.
function subject(value) {
  if (value === null) return null;
  try {
    const part = value.split(".")[1].replaceAll("-", "+").replaceAll("_", "/");
    return `sub=${JSON.parse(atob(part)).sub}`;
  } catch {
    return value;
  }
}
