// Insight: the figures of a period, in plain words, and plots that need no colour.

import { el } from "./dom.js";
import "./admin_gaps_words.js";
import * as parts from "./admin_parts.js";
import { locale, say } from "./admin_words.js";
import * as server from "./admin_wire.js";
import * as plots from "./plots.js";

const PERIODS = [7, 30, 90];
const OUTCOMES = ["answered", "not_found", "unsupported", "clarify", "handed_over"];
const FEELINGS = ["positive", "neutral", "negative"];
const percent = (part) => (part == null ? "–" : part.toLocaleString(locale(), { style: "percent", maximumFractionDigits: 0 }));

export async function draw(place, desk) {
  const period = parts.choice(PERIODS.map((days) => [days, say("lastDays", days)]));
  period.value = "30";
  const shown = el("div", { class: "list" });
  const show = () =>
    parts.attempt(shown, async () => {
      const figures = await server.json(`/v1/insight${server.query({ collection: desk.collection, days: period.value })}`);
      if (desk.alive()) shown.replaceChildren(...report(figures));
    });
  period.addEventListener("change", show);
  place.append(el("p", { class: "intro" }, say("insightWhat")), el("div", { class: "toolbar" }, parts.field(say("period"), period)), shown);
  await show();
}

function report(now) {
  const surges = [el("h2", {}, say("surges")), el("p", { class: "count" }, say("surgesWhat")), now.surges.length ? surgeTable(now.surges) : parts.empty(say("noSurges"))];
  const limits = now.limited ? [el("p", { class: "count" }, say("figuresLimited"))] : [];
  if (!now.questions) return [...limits, parts.empty(say("noFigures")), ...surges];
  const outcomes = OUTCOMES.map((name) => [name, say(`outcome_${name}`)]);
  const feelings = FEELINGS.map((name) => [name, say(`feeling_${name}`)]);
  return [
    ...limits,
    cards(now),
    plots.stackedDays(say("perDay"), now.days.map((one) => ({ day: one.day, counts: one.outcomes })), outcomes),
    el("h2", {}, say("intents")),
    now.intents.length ? intents(now.intents) : parts.empty(say("noIntents")),
    el("h2", {}, say("failing")),
    el("p", { class: "count" }, say("failingWhat")),
    now.documents.length ? failing(now.documents) : parts.empty(say("noFailing")),
    plots.stackedDays(say("feelings"), now.days.map((one) => ({ day: one.day, counts: one.sentiments })), feelings),
    ...surges,
  ];
}

function cards(now) {
  const part = (count) => `${percent(now.conversations ? count / now.conversations : null)} (${say("partOf", count, now.conversations)})`;
  const seconds = (value) => (value == null ? "–" : parts.duration(value));
  const list = [
    [say("questionsHead"), now.questions.toLocaleString(locale()), say("questionsWhat")],
    [say("resolution"), part(now.resolved), say("resolutionWhat")],
    [say("durable"), part(now.durable), say("durableWhat", now.pending)],
    [say("deflection"), percent(now.deflection), say("deflectionWhat")],
    [say("firstAnswer"), seconds(now.first_answer_p50), say("firstAnswerWhat", seconds(now.first_answer_p95))],
    [say("outOfScope"), now.out_of_scope.toLocaleString(locale()), say("outOfScopeWhat")],
    [say("thumbs"), `${now.likes} / ${now.dislikes}`, say("thumbsWhat")],
  ];
  const card = ([name, value, what]) => el("div", { class: "figure-card wide" }, el("dt", {}, name), el("dd", {}, value), el("dd", { class: "what" }, what));
  return el("dl", { class: "figures explained" }, ...list.map(card));
}

const intents = (list) =>
  parts.table(
    say("intents"),
    [say("intent"), say("questionsHead"), say("answeredShare")],
    list.map((one) => [one.intent.replaceAll("_", " "), one.questions, plots.share(one.answered, one.questions)]),
  );

const failing = (list) =>
  parts.table(
    say("failing"),
    [say("document"), say("refusedHead"), say("dislikedHead")],
    list.map((one) => [el("span", { class: "uri" }, one.uri), one.refused, one.disliked]),
  );

const surgeTable = (list) =>
  parts.table(
    say("surges"),
    [say("surgeKind"), say("publishedWhen"), say("surgeShare"), say("usually"), say("ofThem")],
    list.map((one) => [say(`surge_${one.kind}`), parts.moment(one.since), percent(one.count / one.questions), percent(one.usual), say("partOf", one.count, one.questions)]),
  );
