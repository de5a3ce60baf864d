// Jobs: what was put and removed over HTTP, how far each is, and what it came to.

import { el } from "./dom.js";
import * as parts from "./admin_parts.js";
import { say } from "./admin_words.js";
import * as server from "./admin_wire.js";

const LOOK = 2000; // milliseconds between two looks while a job is under way
const IDLE = 10_000;

export async function draw(place, desk) {
  const list = el("div", { class: "list" });
  place.append(el("p", { class: "intro" }, say("jobsWhat")), list);
  let older = []; // pages that were asked for by hand stay as they are
  let timer = 0;
  const look = async () => {
    const page = await server.json("/v1/jobs");
    if (!desk.alive()) return;
    const jobs = [...page.jobs, ...older.filter((one) => !page.jobs.some((other) => other.id === one.id))];
    show(list, jobs, older.length ? null : page.next, async (cursor) => {
      const next = await server.json(`/v1/jobs${server.query({ cursor })}`);
      older = [...older, ...next.jobs];
      await look();
    });
    const busy = jobs.some((one) => !one.finished);
    timer = setTimeout(() => desk.alive() && parts.attempt(list, look), busy ? LOOK : IDLE);
  };
  await look();
  return () => clearTimeout(timer);
}

function show(list, jobs, next, load) {
  const heads = [say("document"), say("action"), say("state"), say("collection"), say("began"), say("took")];
  const rows = jobs.map((one) => [
    el("span", { class: "uri" }, one.uri),
    say(`action_${one.action}`),
    state(one),
    one.collection,
    parts.moment(one.created),
    one.finished ? parts.duration(one.finished - (one.started ?? one.created)) : "–",
  ]);
  list.replaceChildren(jobs.length ? parts.table(say("jobs"), heads, rows) : parts.empty(say("noJobs")));
  if (next) list.append(parts.more(() => parts.attempt(list, () => load(next))));
}

function state(one) {
  const kind = { done: "good", failed: "bad" }[one.state] ?? "";
  const nodes = [parts.badge(say(`job_${one.state}`), kind)];
  if (!one.finished) nodes.push(el("progress", { "aria-label": say(`job_${one.state}`) }));
  if (one.position) nodes.push(el("small", {}, say("before", one.position)));
  if (one.waits_for) nodes.push(el("small", {}, say("waitsFor")));
  if (one.error) nodes.push(el("small", { class: "why" }, one.error.message));
  const notes = one.report?.notes?.length;
  if (notes) nodes.push(el("small", {}, say("notesOf", notes)));
  return el("div", { class: "state-cell" }, ...nodes);
}
