// Gaps: what was asked and not answered, drafts of entries for it, and what became of those.

import { el } from "./dom.js";
import * as drafts from "./admin_drafts.js";
import "./admin_gaps_words.js";
import * as parts from "./admin_parts.js";
import { say } from "./admin_words.js";
import * as server from "./admin_wire.js";

const PERIODS = [7, 30, 90];
const SHOWN = 20;
const RISING = 1.5;
const FALLING = 0.67;

export async function draw(place, desk) {
  const period = parts.choice(PERIODS.map((days) => [days, say("lastDays", days)]));
  period.value = "30";
  const gaps = el("div", { class: "list" });
  const waiting = el("div", { class: "list drafts" });
  const done = el("div", { class: "list" });
  const showDrafts = () => Promise.all([drafts.list(waiting, desk, showAll), drafts.published(done, desk)]);
  const showGaps = () => fill(gaps, desk, Number(period.value), showAll);
  async function showAll(draft) {
    await Promise.all([showGaps(), showDrafts()]);
    if (draft) waiting.querySelector(`[data-draft="${CSS.escape(draft)}"] input`)?.focus();
  }
  period.addEventListener("change", showGaps);
  place.append(
    el("p", { class: "intro" }, say("gapsWhat")),
    el("div", { class: "toolbar" }, parts.field(say("period"), period)),
    el("h2", {}, say("gapsHead")),
    gaps,
    el("div", { class: "toolbar" }, el("h2", {}, say("drafts")), parts.button(say("newEntry"), () => drafts.begin(waiting, desk, showAll))),
    el("p", { class: "count" }, say("draftsWhat")),
    waiting,
    el("h2", {}, say("published")),
    done,
    el("h2", {}, say("tickets")),
    tickets(desk, showAll),
  );
  if (desk.rest) history.replaceState(null, "", "#gaps"); // drawn again, it takes the focus no more
  await showAll(desk.rest); // the draft that the address names
}

async function fill(list, desk, days, again) {
  await parts.attempt(list, async () => {
    const found = await server.json(`/v1/gaps${server.query({ collection: desk.collection, days })}`);
    if (!desk.alive()) return;
    const show = (many) => {
      const cards = found.gaps.slice(0, many).map((gap) => card(gap, desk, days, again));
      list.replaceChildren(...cards, ...(found.gaps.length > many ? [parts.more(() => show(many + SHOWN))] : []));
    };
    if (found.gaps.length) show(SHOWN);
    else list.replaceChildren(parts.empty(say("noGaps")));
  });
}

function trend(gap) {
  const word = gap.trend >= RISING ? "trendUp" : gap.trend <= FALLING ? "trendDown" : "trendSame";
  return el("span", { class: `badge ${word === "trendUp" ? "warn" : ""}`.trim(), title: say("trendWhat", gap.recent, gap.earlier) }, say(word));
}

function card(gap, desk, days, again) {
  const reasons = Object.entries(gap.reasons).map(([name, count]) => parts.badge(`${say(`reason_${name}`)} ${count}`));
  const asked = gap.questions.map((one) => el("li", {}, one.text, " ", correction(one, desk, again)));
  const node = el(
    "article",
    { class: "gap-card" },
    el("h3", {}, gap.question),
    el("div", { class: "facts" }, say("askedBy", gap.count, gap.persons), trend(gap), ...reasons, gap.published && parts.badge(say("askedSince"), "warn"), gap.dislikes > 0 && parts.badge(say("disliked", gap.dislikes), "bad")),
    gap.documents.length > 0 && el("p", { class: "count" }, `${say("nearest")}: `, el("span", { class: "uri" }, gap.documents.join(", "))),
    el("details", {}, el("summary", {}, say("allQuestions", gap.questions.length)), el("ul", {}, ...asked)),
  );
  const make = () =>
    parts.attempt(node, async () => {
      const path = `/v1/gaps/${gap.id}/draft${server.query({ collection: desk.collection, days })}`;
      const draft = await server.send("POST", path, {});
      desk.hear(say("hasDraft"));
      await again(draft.id);
    });
  node.append(el("div", { class: "row-left" }, gap.drafts.length ? parts.badge(say("hasDraft"), "good") : parts.button(say("draftEntry"), make, { class: "primary", "aria-label": say("draftFor", gap.question) })));
  return node;
}

// What is right in place of one answer: a form that opens beside its question.
function correction(one, desk, again) {
  const place = el("span", {});
  const open = parts.button(say("correct"), () => {
    const text = el("textarea", { maxlength: "8000", required: true });
    const form = el("form", { class: "list" }, parts.field(say("rightAnswer"), text), el("button", { type: "submit", class: "primary" }, say("sendCorrection")));
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      parts.attempt(place, async () => {
        const draft = await server.send("POST", "/v1/corrections", { answer: one.turn, text: text.value });
        await again(draft.id);
      });
    });
    place.replaceChildren(form);
    text.focus();
  }, { "aria-label": say("correctFor", one.text) });
  place.append(open);
  return place;
}

function tickets(desk, again) {
  const said = el("div", { class: "list", "aria-live": "polite" });
  const file = el("input", { type: "file", accept: ".csv,.json,.jsonl,.ndjson", class: "unseen", tabindex: "-1", "aria-hidden": "true" });
  const read = (one) =>
    one &&
    parts.attempt(said, async () => {
      said.replaceChildren(parts.note(say("sending", parts.bytes(one.size))));
      const type = /json/i.test(one.name) ? "application/json" : "text/csv";
      const path = `/v1/tickets${server.query({ collection: desk.collection })}`;
      const made = await server.json(path, { method: "POST", headers: { "Content-Type": type }, body: one });
      const left = Object.entries(made.left_out).map(([why, n]) => parts.note(say("ticketsLeft", n, why)));
      said.replaceChildren(parts.note(say("ticketsRead", made.drafts.length, made.tickets), "good"), ...left);
      await again();
    });
  file.addEventListener("change", () => {
    read(file.files[0]);
    file.value = "";
  });
  const zone = el("div", { class: "drop" }, el("p", { class: "drop-words" }, el("strong", {}, say("dropTickets"))), parts.button(say("chooseFiles"), () => file.click(), { class: "primary" }), file);
  const holds = (event) => [...(event.dataTransfer?.types ?? [])].includes("Files");
  zone.addEventListener("dragover", (event) => {
    if (!holds(event)) return;
    event.preventDefault();
    zone.classList.add("over");
  });
  zone.addEventListener("dragleave", () => zone.classList.remove("over"));
  zone.addEventListener("drop", (event) => {
    zone.classList.remove("over");
    if (!holds(event)) return;
    event.preventDefault();
    read(event.dataTransfer.files[0]);
  });
  return el("section", { class: "upload", "aria-label": say("tickets") }, el("p", { class: "count" }, say("ticketsWhat")), zone, said);
}
