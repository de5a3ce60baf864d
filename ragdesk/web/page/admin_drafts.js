// Drafts of entries: edited, approved or rejected; and the published ones with their effect.

import { el } from "./dom.js";
import * as parts from "./admin_parts.js";
import { say } from "./admin_words.js";
import * as server from "./admin_wire.js";
import { Problem } from "./wire.js";

const of = (desk, states, cursor) =>
  `/v1/drafts?${new URLSearchParams([["collection", desk.collection], ...states.map((one) => ["state", one]), ...(cursor ? [["cursor", cursor]] : [])])}`;

export async function list(place, desk, again) {
  const load = async (cursor) => {
    const { drafts, next } = await server.json(of(desk, ["open", "approved"], cursor));
    if (!desk.alive()) return;
    const cards = drafts.map((one) => card(one, desk, again));
    if (cursor) place.append(...cards);
    else place.replaceChildren(...(cards.length || next ? cards : [parts.empty(say("noDrafts"))]));
    if (next) place.append(parts.more((event) => follow(event.currentTarget, next)));
  };
  const follow = (pressed, cursor) =>
    parts.attempt(place, async () => {
      await load(cursor);
      pressed.remove();
    });
  await parts.attempt(place, () => load());
}

export async function published(place, desk) {
  await parts.attempt(place, async () => {
    const { drafts, next } = await server.json(of(desk, ["published"]));
    if (!desk.alive()) return;
    const heads = [say("question"), say("publishedWhen"), say("asked"), say("answeredBy"), say("liked"), say("dislikedHead")];
    const cells = (one) => [
      el("span", { class: "name" }, one.question),
      parts.moment(one.updated),
      ...["questions", "answered", "liked", "disliked"].map((name) => one.effect?.[name] ?? "–"),
    ];
    const table = parts.table(say("published"), heads, drafts.map(cells));
    place.replaceChildren(drafts.length || next ? table : parts.empty(say("noPublished")));
    parts.pages(place, table, heads, cells, next, async (cursor) => {
      const following = await server.json(of(desk, ["published"], cursor));
      return [following.drafts, following.next];
    });
  });
}

// An empty entry, to be written.
export function begin(place, desk, again) {
  const fields = makeFields({ question: "", similar: [], answer: "" });
  const form = el("form", { class: "draft" }, ...fields.nodes, el("div", { class: "row-left" }, el("button", { type: "submit", class: "primary" }, say("save"))));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    parts.attempt(form, async () => {
      const draft = await server.send("POST", "/v1/drafts", { ...fields.read(), collection: desk.collection });
      await again(draft.id);
    });
  });
  place.prepend(form);
  form.querySelector("input").focus();
}

function makeFields(draft) {
  const question = parts.input({ maxlength: "1000", required: true, value: draft.question });
  const similar = el("textarea", { rows: "3" });
  const answer = el("textarea", { maxlength: "8000", required: true });
  similar.value = draft.similar.join("\n");
  answer.value = draft.answer;
  const lines = () => similar.value.split("\n").map((text) => text.trim()).filter(Boolean);
  return {
    nodes: [parts.field(say("question"), question), parts.field(say("similar"), similar, say("similarHint")), parts.field(say("entryAnswer"), answer)],
    read: () => ({ question: question.value.trim(), similar: lines(), answer: answer.value.trim() }),
  };
}

function card(draft, desk, again) {
  const fields = makeFields(draft);
  const said = el("p", { class: "count", role: "status" });
  const checked = draft.personal.length > 0 && parts.tick(say("personalChecked"));
  const facts = el(
    "div",
    { class: "facts" },
    parts.badge(say(`origin_${draft.origin}`)),
    draft.approvals_needed > 1 && parts.badge(say("approvalsOf", draft.approvals.length, draft.approvals_needed)),
    draft.groups.length > 0 && parts.badge(say("forGroups", draft.groups.join(", "))),
  );
  const node = el("form", { class: "draft", "data-draft": draft.id }, el("h3", {}, draft.question), facts, ...fields.nodes, sources(draft));
  if (checked) node.append(parts.note(say("personalFound", draft.personal.map((kind) => say(`kind_${kind}`)).join(", ")), "warn"), checked);
  const path = `/v1/drafts/${draft.id}`;
  const former = JSON.stringify(fields.read());
  const save = async () => JSON.stringify(fields.read()) !== former && server.send("PATCH", path, fields.read());
  node.addEventListener("submit", (event) => {
    event.preventDefault();
    parts.attempt(node, async () => {
      await save();
      const body = { personal_checked: checked ? checked.querySelector("input").checked : false };
      await approve(await server.send("POST", `${path}/approve`, body), said, desk, again);
    });
  });
  const keep = () =>
    parts.attempt(node, async () => {
      await save();
      desk.hear(say("saved"));
      await again();
    });
  const approveWord = draft.state === "approved" ? say("publishAgain") : say("approve");
  node.append(
    el(
      "div",
      { class: "row-left" },
      el("button", { type: "submit", class: "primary", "aria-label": draft.state === "approved" ? null : say("approveOne", draft.question) }, approveWord),
      parts.button(say("save"), keep),
      parts.button(say("reject"), () => askReason(node, path, again), { class: "push danger", "aria-label": say("rejectOne", draft.question) }),
    ),
    said,
  );
  return node;
}

async function approve(draft, said, desk, again) {
  if (!draft.job) {
    desk.hear(say("approvedOnce"));
    return again();
  }
  said.textContent = say("publishing");
  const end = await server.follow(draft.job, () => {}, desk.alive);
  if (end?.state === "failed") throw new Problem(0, end.error.code, end.error.message);
  if (!end) return undefined;
  desk.hear(say("entryAnswers"));
  return again();
}

function askReason(node, path, again) {
  const reason = parts.input({ maxlength: "1000" });
  const go = () =>
    parts.attempt(node, async () => {
      await server.send("POST", `${path}/reject`, { reason: reason.value.trim() });
      await again();
    });
  node.querySelector(".row-left").replaceChildren(parts.field(say("rejectWhy"), reason), parts.button(say("reject"), go, { class: "push danger" }));
  reason.focus();
}

function sources(draft) {
  const quoted = draft.sources.filter((one) => one.uri || one.quote);
  const turns = draft.sources.filter((one) => one.turn).length;
  const items = quoted.map((one) => el("li", {}, el("span", { class: "name" }, one.title || one.uri), " ", one.title && one.uri && el("span", { class: "uri" }, one.uri), el("blockquote", {}, one.quote)));
  if (turns) items.push(el("li", {}, say("turnsOf", turns)));
  return items.length > 0 && el("details", {}, el("summary", {}, say("sourcesOf", items.length)), el("ul", {}, ...items));
}
