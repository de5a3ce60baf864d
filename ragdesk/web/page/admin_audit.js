// The audit log: who did what, newest first. It holds no text of anybody.

import { el } from "./dom.js";
import * as parts from "./admin_parts.js";
import { say } from "./admin_words.js";
import * as server from "./admin_wire.js";

export async function draw(place, desk) {
  const heads = [say("when"), say("who"), say("action"), say("target"), say("outcome")];
  const row = (one) => [parts.moment(one.created), one.who, el("code", {}, one.action), el("span", { class: "uri" }, one.target), one.outcome === "done" ? say("job_done") : parts.badge(one.outcome, "warn")];
  const page = await server.json("/v1/audit");
  if (!desk.alive()) return;
  const list = el("div", { class: "list" });
  const table = parts.table(say("audit"), heads, page.entries.map(row));
  list.append(page.entries.length ? table : parts.empty(say("noAudit")));
  place.append(el("p", { class: "intro" }, say("auditWhat")), list);
  parts.pages(list, table, heads, row, page.next, async (cursor) => {
    const following = await server.json(`/v1/audit${server.query({ cursor })}`);
    return [following.entries, following.next];
  });
}
