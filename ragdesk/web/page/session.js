// Who is signed in: a session of the server in place of a key that scripts could read.

import { call, keep, learnSession } from "./wire.js";

export const current = async () => learnSession(await (await call("/v1/session")).json());

// Open a session with a key. Throws a Problem of status 401 for a key that is none.
export async function signIn(key) {
  keep(""); // a key in the tab would count before the session
  const body = JSON.stringify({ key });
  const options = { method: "POST", headers: { "Content-Type": "application/json" }, body };
  return learnSession(await (await call("/v1/session", options)).json());
}

export async function signOut() {
  keep("");
  await call("/v1/session", { method: "DELETE" }).catch((problem) => {
    if (problem.status !== 401) throw problem;
  });
  learnSession({});
}

// Where to sign in at the company's provider; null where there is none.
export const provider = async () => (await (await call("/v1/sign-in")).json()).oidc;
