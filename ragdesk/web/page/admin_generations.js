// Generations: what was published, how two differ, whether all is whole, and the way back.

import { el } from "./dom.js";
import * as parts from "./admin_parts.js";
import { say } from "./admin_words.js";
import * as server from "./admin_wire.js";

export async function draw(place, desk) {
  const list = el("div", { class: "list" });
  const result = el("div", { class: "result" });
  const show = async () => {
    const { generations } = await server.json(server.inside(desk.collection, "generations"));
    if (!desk.alive()) return;
    list.replaceChildren(toolbar(generations, result, desk), table(generations, result, desk, show));
  };
  place.append(el("p", { class: "intro" }, say("generationsWhat")), list, result);
  await show();
}

function toolbar(generations, result, desk) {
  const numbers = generations.map((one) => [one.generation, one.current ? say("current", one.generation) : String(one.generation)]);
  const older = parts.choice(numbers);
  const newer = parts.choice(numbers);
  newer.value = numbers[0]?.[0];
  older.value = numbers[Math.min(1, numbers.length - 1)]?.[0];
  const compare = () => diff(result, desk, older.value, newer.value);
  return el(
    "div",
    { class: "toolbar" },
    parts.field(say("older"), older),
    parts.field(say("newer"), newer),
    parts.button(say("compare"), compare),
    parts.button(say("verify"), (event) => verify(event.currentTarget, result, desk), { class: "push apart" }),
  );
}

function table(generations, result, desk, show) {
  const heads = [say("generation"), say("when"), say("madeBy"), say("documents"), say("chunksHead"), say("vectors"), ""];
  const rows = generations.map((one) => [
    el("span", {}, String(one.generation), " ", one.current && parts.badge(say("answersNow"), "good")),
    one.created ? parts.moment(one.created) : "–",
    one.problem ? el("span", { class: "why" }, one.problem) : el("span", {}, origin(one)),
    one.documents,
    one.chunks,
    one.vectors,
    one.current ? "" : parts.button(say("rollback"), () => back(one, result, desk, show), { "aria-label": say("rollbackTo", one.generation) }),
  ]);
  return parts.table(say("generations"), heads, rows);
}

const source = (name) => (name === "api" ? say("uploaded") : name);

function origin(one) {
  const words = say(`made_${one.made_by}`);
  if (!one.changes || one.made_by === "upkeep") return words;
  const counts = [];
  for (const kind of ["added", "changed", "removed", "regrouped"]) {
    if (one.changes[kind]) counts.push(say(`count_${kind}`, one.changes[kind]));
  }
  const from = one.sources.length ? ` (${one.sources.map(source).join(", ")})` : "";
  return `${counts.join(", ") || words}${from}`;
}

async function diff(result, desk, older, newer) {
  result.replaceChildren();
  await parts.attempt(result, async () => {
    const load = (cursor) => server.json(server.inside(desk.collection, `generations/diff${server.query({ older, newer, cursor })}`));
    const page = await load();
    const total = Object.values(page.counts).reduce((sum, count) => sum + count, 0);
    const title = el("h2", { tabindex: "-1" }, say("diffTitle", older, newer));
    result.append(title);
    title.focus();
    if (!total) return result.append(parts.empty(say("noDifference")));
    const heads = [say("change"), say("document"), say("source")];
    const grid = parts.table(say("diffTitle", older, newer), heads, page.changes.map(change));
    const counts = Object.entries(page.counts).filter(([, count]) => count);
    result.append(el("p", { class: "count" }, counts.map(([kind, count]) => say(`count_${kind}`, count)).join(", ")), grid);
    return parts.pages(result, grid, heads, change, page.next, async (cursor) => {
      const following = await load(cursor);
      return [following.changes, following.next];
    });
  });
}

const KINDS = { added: "good", removed: "bad", changed: "warn", regrouped: "" };
const change = (one) => [
  parts.badge(say(`kind_${one.kind}`), KINDS[one.kind]),
  el("div", { class: "name-cell" }, el("span", { class: "name" }, one.title || one.uri), el("span", { class: "uri" }, one.uri)),
  source(one.source),
];

async function verify(pressed, result, desk) {
  const line = el("p", { role: "status" }, say("verifying"), " ", el("progress", { "aria-label": say("verifying") }));
  result.replaceChildren(line);
  pressed.disabled = true;
  await parts.attempt(result, async () => {
    for await (const { name, data } of server.events(server.inside(desk.collection, "verify"))) {
      if (name === "error") throw new Error(data.message);
      if (name !== "done") continue;
      const whole = parts.note(data.unlisted_originals ? say("wholeUnlisted", data.unlisted_originals) : say("whole"), "good");
      const broken = el("ul", { class: "problems" }, ...data.problems.map((problem) => el("li", {}, problem)));
      result.replaceChildren(...(data.problems.length ? [parts.note(say("broken", data.problems.length), "bad"), broken] : [whole]));
      desk.hear(result.textContent);
    }
  });
  line.remove();
  pressed.disabled = false;
}

async function back(one, result, desk, show) {
  const agreed = await parts.sure(say("rollbackTo", one.generation), say("rollbackText"), say("rollback"), { twice: desk.collection });
  if (!agreed) return;
  result.replaceChildren(el("p", { role: "status" }, say("rollingBack"), " ", el("progress", { "aria-label": say("rollingBack") })));
  await parts.attempt(result, async () => {
    const body = { to: one.generation, confirm: desk.collection };
    const done = await server.send("POST", server.inside(desk.collection, "rollback"), body);
    await show();
    result.replaceChildren(parts.note(say("rolledBack", done.generation, done.content_of), "good"));
    desk.hear(result.textContent);
  });
  result.querySelector(":scope > [role=status]")?.remove();
}
