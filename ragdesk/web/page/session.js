// Who is signed in: a session of the server in place of a key that scripts could read.

import { Problem, call, keep } from "./wire.js";

let token = null; // goes with every change, so that no other site can cause one

export async function current() {
  const session = await (await call("/v1/session")).json();
  token = session.csrf_token;
  return session;
}

// Open a session with a key. Throws a Problem of status 401 for a key that is none.
export async function signIn(key) {
  keep(""); // a key in the tab would count before the session
  const body = JSON.stringify({ key });
  const session = await (await call("/v1/session", { method: "POST", headers: { "Content-Type": "application/json" }, body })).json();
  token = session.csrf_token;
  return session;
}

export async function signOut() {
  keep("");
  await change("/v1/session", { method: "DELETE" }).catch((problem) => {
    if (problem.status !== 401) throw problem;
  });
  token = null;
}

// A request that changes something. A token that another tab's sign-in replaced is fetched anew, once.
export async function change(path, options) {
  const send = () => call(path, { ...options, headers: { ...options.headers, ...(token && { "X-CSRF-Token": token }) } });
  try {
    return await send();
  } catch (problem) {
    if (!(problem instanceof Problem) || problem.status !== 403 || !token) throw problem;
    const former = token;
    await current();
    if (token === former) throw problem;
    return send();
  }
}

// Where to sign in at the company's provider; null where there is none.
export const provider = async () => (await (await call("/v1/sign-in")).json()).oidc;
