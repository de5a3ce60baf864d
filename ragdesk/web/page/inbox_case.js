// One conversation in the inbox: what was said, what is known, and the agent's reply.

import { byId, el } from "./dom.js";
import { tell } from "./handoff_words.js";
import { hearLabels, intentChoice, learnNames } from "./inbox_intents.js";
import { teaching } from "./inbox_learning.js";
import * as sources from "./sources.js";
import * as wire from "./handoff_wire.js";
import { turns as readTurns } from "./wire.js";

const MARK = /\[(\d{1,3})\]/;
let current = null; // the hand-off that is shown
let stream = null;
let draft = null; // the last draft that was asked for
let form = null; // "transfer" while its form is open
let question = ""; // the last one of those that are shown
let desk = { look: () => {}, isEditor: () => false }; // looks at the queue; tells whether the agent is an editor

export async function showCase(id, inbox) {
  desk = inbox;
  stream?.abort();
  stream = new AbortController();
  draft = form = null;
  const mine = stream;
  const handoff = await wire.show(id);
  const { turns } = await readTurns(handoff.conversation);
  await learnNames();
  if (mine !== stream) return;
  current = handoff;
  question = handoff.text || handoff.question || "";
  byId("choose").hidden = true;
  byId("turns").replaceChildren(...turns.map(said));
  drawCase();
  byId("turns").scrollTop = byId("turns").scrollHeight;
  wire.follow(handoff.conversation, turns.at(-1)?.number ?? 0, hear, stream.signal);
}

function hear(name, data) {
  if (name === "turn") {
    const writes = byId("turns").querySelector("form :focus"); // what one is writing is not scrolled away
    byId("turns").append(said(data));
    if (!writes) byId("turns").scrollTop = byId("turns").scrollHeight;
  } else if (name === "labels") hearLabels(data.labels);
  else if (name === "state" && data.state !== current?.state) refresh();
}

async function refresh() {
  const id = current.id;
  const handoff = await wire.show(id);
  if (current?.id !== id) return;
  current = handoff;
  drawCase();
  desk.look();
}

export function redrawCase() {
  if (current) showCase(current.id, desk);
}

export function drawCase() {
  const field = byId("question"); // what is being typed stays, with its place
  const { value = "", selectionStart: from, selectionEnd: to } = field ?? {};
  const writes = field && document.activeElement === field;
  byId("case-head").replaceChildren(...head(current));
  byId("case-foot").replaceChildren(...foot(current));
  if (!byId("question")) return;
  byId("question").value = value;
  cite();
  if (!writes) return;
  byId("question").focus();
  byId("question").setSelectionRange(from, to);
}

function head(one) {
  const { payload } = one;
  const contact = [one.contact.name, one.contact.email, one.contact.phone].filter(Boolean).join(" · ");
  const facts = [
    [tell("contact"), contact],
    [tell("language"), tell(`language_${one.language}`) ?? one.language],
    [tell("mood"), tell(`mood_${one.sentiment}`) ?? one.sentiment],
  ].filter(([, value]) => value);
  const marks = [tell(one.reason), tell(one.state), one.agent_name, one.reopened ? tell("reopened", one.reopened) : null, one.rating ? tell("rated", one.rating) : null, one.comment].filter(Boolean);
  return [
    el("h2", { class: "asked" }, one.text || one.question || tell(one.reason)),
    el("p", { class: "marks-of" }, ...marks.map((mark) => el("span", { class: "note" }, mark))),
    el("dl", { class: "facts" }, ...facts.flatMap(([name, value]) => [el("dt", {}, name), el("dd", {}, value)])),
    el("details", { class: "summary" }, el("summary", {}, tell("summary")), el("p", { class: "words" }, payload.summary), looked(payload)),
    ...troubles(one),
  ];
}

// What was looked at: each opens at its beginning.
function looked(payload) {
  if (!payload.sources.length) return null;
  const answer = { collection: current.collection, citations: [], passages: [] };
  const chips = payload.sources.map((source) => {
    if (sources.isLookup(source)) return el("span", { class: "chip" }, source.title);
    const place = { uri: source.uri, title: source.title, path: [], page: source.page, start: 0, end: 0 };
    const press = (event) => sources.view(answer, place, event.currentTarget);
    return el("button", { type: "button", class: "chip", on: { click: press } }, source.title);
  });
  return el("div", { class: "links" }, el("span", { class: "hint" }, tell("looked")), ...chips);
}

function troubles(one) {
  if (!one.troubles?.length) return [];
  const lines = one.troubles.map((trouble) => el("p", { class: "note bad" }, tell("undelivered", trouble.channel, trouble.error)));
  return [...lines, el("div", { class: "row-of" }, button("resend", () => act("resend")))];
}

const button = (name, press, kind = "chip") => el("button", { type: "button", class: kind, on: { click: press } }, tell(name));

function foot(one) {
  const can = new Set(one.actions);
  if (form === "transfer") return [transferForm()];
  const row = [];
  if (can.has("take")) row.push(button("take", () => act("take"), "primary"));
  if (can.has("transfer")) row.push(button("transfer", () => { form = "transfer"; drawCase(); byId("case-foot").querySelector("input").focus(); }));
  if (can.has("close")) row.push(closing(one));
  if (can.has("reopen")) row.push(button("reopen", () => act("reopen")));
  return [...(one.mine ? [composer()] : []), el("div", { class: "row-of" }, ...row), el("p", { class: "note bad", id: "refused", role: "alert", hidden: true })];
}

// What another agent has is closed by a second press, which says whose it is.
function closing(one) {
  if (one.mine || one.state !== "with_person") return button("close", () => act("close"));
  const sure = el("button", { type: "button", class: "chip", on: { click: () => act("close", { confirm: one.id }) } }, tell("closeOthers", one.agent_name || tell("agent")));
  const first = button("close", () => { first.replaceWith(sure); sure.focus(); });
  return first;
}

function composer() {
  const send = (event) => {
    event.preventDefault();
    const text = byId("question").value.trim();
    if (!text) return;
    const body = { text, role: "agent" };
    if (draft && MARK.test(text)) body.draft = draft.id;
    act("reply", body, () => { byId("question").value = ""; draft = null; });
  };
  const keys = (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) event.target.form.requestSubmit();
  };
  return el(
    "form",
    { class: "reply-form", on: { submit: send } },
    el("label", { for: "question" }, tell("yourReply")),
    el("textarea", { id: "question", rows: 4, maxlength: 20000, on: { keydown: keys } }),
    el("div", { class: "cited", id: "cited" }),
    el("div", { class: "row-of" }, el("button", { type: "submit", class: "primary" }, tell("send")), button("draft", write)),
  );
}

// The desk's answer to the last question, to be changed before it is sent.
async function write() {
  const cited = byId("cited");
  cited.replaceChildren(el("p", { class: "hint", role: "status" }, tell("drafting")));
  try {
    draft = await wire.draft(current.id);
  } catch (problem) {
    return cited.replaceChildren(el("p", { class: "note bad" }, problem.message || tell("trouble")));
  }
  const { answer } = draft;
  if (answer.outcome !== "answered") return cited.replaceChildren(el("p", { class: "hint", role: "status" }, tell("noDraft")));
  byId("question").value = answer.text;
  byId("question").focus();
  cite();
}

// The citations of the draft, to be read before they are sent.
function cite() {
  if (draft) byId("cited").replaceChildren(...draft.answer.citations.map((place) => chip(draft.answer, place)));
}

const chip = (answer, place) =>
  el("button", { type: "button", class: "chip", on: { click: (event) => sources.view(answer, place, event.currentTarget) } }, `[${place.number}] ${place.title}`);

function transferForm() {
  const submit = (event) => {
    event.preventDefault();
    const facts = Object.fromEntries(new FormData(event.target));
    form = null;
    act("transfer", { ...facts, confirm: current.id });
  };
  const cancel = () => { form = null; drawCase(); };
  return el(
    "form",
    { class: "request", on: { submit } },
    el("label", {}, el("span", {}, tell("transferTo")), el("input", { name: "to", maxlength: 200, autocomplete: "off" })),
    el("label", {}, el("span", {}, tell("transferNote")), el("textarea", { name: "text", rows: 2, maxlength: 4000 })),
    el("div", { class: "row-of" }, el("button", { type: "submit", class: "primary" }, tell("putBack")), button("cancel", cancel, "quiet")),
  );
}

async function act(action, body = {}, then = () => {}) {
  try {
    await wire.act(current.id, action, body);
    then();
  } catch (problem) {
    const words = problem.code === "wrong_state" && action === "take" ? tell("quicker") : problem.message || tell("trouble");
    await refresh();
    byId("refused").textContent = words;
    byId("refused").hidden = false;
    return;
  }
  await refresh();
  (byId("question") ?? byId("case-foot").querySelector("button"))?.focus();
}

// One turn: a question with the desk's answer, or a reply. Marks open the cited words.
function said(turn) {
  const parts = [];
  if (turn.question) {
    question = turn.question;
    parts.push(speech("customer", tell("customer"), [turn.question]), intentChoice(turn));
  }
  if (turn.hidden) parts.push(speech("desk", tell("desk"), [el("em", {}, tell("hidden"))]));
  else if (turn.answer?.text) {
    const who = turn.author === "agent" ? turn.answer.agent_name || tell("agent") : tell("desk");
    parts.push(speech(turn.author === "agent" ? "agent" : "desk", who, marked(turn.answer)), teaching(turn, { question, collection: current.collection, isEditor: desk.isEditor }));
  }
  return el("div", { class: "said", "data-turn": turn.number }, ...parts);
}

const speech = (kind, who, words) => el("div", { class: `speech ${kind}` }, el("span", { class: "who-said" }, who), el("p", { class: "words" }, ...words));

function marked(kept) {
  const answer = { collection: current?.collection, passages: [], citations: [], ...kept };
  return kept.text.split(new RegExp(MARK.source)).map((part, i) => {
    const place = i % 2 && answer.citations.find((citation) => citation.number === Number(part));
    if (!place) return i % 2 ? `[${part}]` : part;
    return el("button", { type: "button", class: "mark", "aria-label": `${part}: ${place.title}`, title: place.title, on: { click: (event) => sources.view({ ...answer, collection: current.collection }, place, event.currentTarget) } }, part);
  });
}
