// Cases for ragdesk eval: kept from the retrieval test, listed, saved as a file, removed.

import { el } from "./dom.js";
import * as parts from "./admin_parts.js";
import { say } from "./admin_words.js";
import * as server from "./admin_wire.js";
import { ROOT } from "./wire.js";

const STRATA = ["in_kb", "underspecified", "near_domain", "out_of_kb"];

export function keep(found, passages, desk, kept) {
  const stratum = parts.choice(STRATA.map((name) => [name, say(`stratum_${name}`)]));
  const reference = parts.input({ maxlength: "4000" });
  const said = el("div", { class: "said" });
  const run = async (event) => {
    event.preventDefault();
    const answerable = ["in_kb", "underspecified"].includes(stratum.value);
    const ticked = answerable ? [...passages.querySelectorAll("[name=evidence]:checked")].map((box) => box.value) : [];
    const body = {
      question: found.question,
      language: found.language === "zh" ? "zh" : "en",
      stratum: stratum.value,
      chunks: ticked,
      reference: answerable ? reference.value.trim() : "",
    };
    await parts.attempt(said, async () => {
      await server.send("POST", server.inside(desk.collection, "cases"), body);
      said.replaceChildren(parts.note(say("keptCase", ticked.length), "good"));
      desk.hear(say("keptCase", ticked.length));
      await kept();
    });
  };
  return el(
    "form",
    { class: "keep", on: { submit: run } },
    el("h2", {}, say("keepTitle")),
    el("p", {}, say("keepWhat")),
    el("div", { class: "fields" }, parts.field(say("stratum"), stratum), parts.field(say("reference"), reference, say("referenceHint"))),
    el("div", { class: "row-left" }, el("button", { type: "submit", class: "primary" }, say("keep"))),
    said,
  );
}

export async function list(place, desk) {
  await parts.attempt(place, async () => {
    const heads = [say("question"), say("stratum"), say("evidence"), ""];
    const load = (cursor) => server.json(server.inside(desk.collection, `cases${server.query({ cursor })}`));
    let page;
    try {
      page = await load();
    } catch (problem) {
      if (problem.status === 404) return;
      throw problem;
    }
    if (!desk.alive()) return;
    const row = (one) => [
      one.question,
      say(`stratum_${one.stratum}`),
      [...new Set(one.evidence.map((piece) => piece.uri))].join(", ") || one.reference.join(" ") || "–",
      parts.button(say("remove"), () => takeAway(one, place, desk), { class: "push danger", "aria-label": say("removeOne", one.question) }),
    ];
    const name = `${desk.collection}-cases.jsonl`;
    const save = parts.button(say("saveFile"), () => parts.attempt(place, () => server.save(server.inside(desk.collection, "cases/file"), name)));
    const head = el("div", { class: "toolbar" }, el("h2", {}, say("keptCases", page.total)), page.total > 0 && save);
    const table = parts.table(say("keptCases", page.total), heads, page.cases.map(row));
    place.replaceChildren(head, ...(page.total ? [el("p", {}, el("code", {}, `ragdesk eval run ${name} --target ${location.origin}${ROOT}`)), table] : [parts.empty(say("noCases"))]));
    parts.pages(place, table, heads, row, page.next, async (cursor) => {
      const following = await load(cursor);
      return [following.cases, following.next];
    });
  });
}

async function takeAway(one, place, desk) {
  if (!(await parts.sure(say("removeCase"), one.question, say("remove")))) return;
  await parts.attempt(place, async () => {
    await server.remove(server.inside(desk.collection, `cases/${one.id}`));
    await list(place, desk);
  });
}
