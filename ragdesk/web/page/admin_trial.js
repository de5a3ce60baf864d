// The retrieval test: a question, the passages with the scores of each finder, and what the answer chose.

import { el } from "./dom.js";
import * as cases from "./admin_cases.js";
import * as parts from "./admin_parts.js";
import { locale, say } from "./admin_words.js";
import * as server from "./admin_wire.js";

const SCORES = ["dense", "lexical", "fusion", "rerank"];

export async function draw(place, desk) {
  const result = el("div", { class: "result" });
  const kept = el("section", { class: "kept" });
  place.append(form(result, kept, desk), result, kept);
  await cases.list(kept, desk);
}

function form(result, kept, desk) {
  const question = el("textarea", { rows: "2", maxlength: "2000", required: true, name: "question" });
  const top = parts.input({ type: "number", min: "1", max: "50", value: "8", name: "top_k" });
  const who = parts.choice([["all", say("asAll")], ["public", say("asPublic")], ["groups", say("asGroups")]], { name: "who" });
  const groups = parts.input({ name: "groups" });
  const language = parts.choice([["", say("any")], ["en", say("language_en")], ["zh", say("language_zh")]], { name: "language" });
  const path = parts.input({ name: "path" });
  const answer = parts.tick(say("alsoAnswer"), { checked: true });
  const groupField = parts.field(say("groups"), groups, say("groupsHint"));
  groupField.hidden = true;
  who.addEventListener("change", () => (groupField.hidden = who.value !== "groups"));
  const submit = el("button", { type: "submit", class: "primary" }, say("find"));
  const names = () => groups.value.split(",").map((name) => name.trim()).filter(Boolean);
  const run = async (event) => {
    event.preventDefault();
    submit.disabled = true;
    const body = {
      question: question.value.trim(),
      top_k: Number(top.value) || 8,
      groups: who.value === "all" ? null : who.value === "public" ? [] : names(),
      filters: { languages: language.value ? [language.value] : [], paths: path.value.trim() ? [path.value.trim()] : [] },
      answer: answer.querySelector("input").checked,
    };
    await parts.attempt(result, async () => {
      const found = await server.send("POST", server.inside(desk.collection, "retrieval"), body);
      if (!desk.alive()) return;
      show(result, kept, found, desk);
      desk.hear(say("countPassages", found.passages.length));
    });
    submit.disabled = false;
  };
  const fill = desk.rest ? decodeURIComponent(desk.rest) : "";
  question.value = fill;
  question.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    event.target.form.requestSubmit();
  });
  return el(
    "form",
    { class: "trial-form", on: { submit: run } },
    parts.field(say("question"), question),
    el(
      "div",
      { class: "fields" },
      parts.field(say("askAs"), who),
      groupField,
      parts.field(say("language"), language),
      parts.field(say("pathPrefix"), path),
      parts.field(say("topK"), top),
    ),
    el("div", { class: "row-left" }, submit, answer),
  );
}

function show(result, kept, found, desk) {
  const list = el("ol", { class: "passages" }, ...found.passages.map((one) => passage(one, found)));
  const weights = Object.entries(found.terms).map(([term, weight]) => el("span", { class: "term" }, `${term} ${number(weight)}`));
  result.replaceChildren(
    ...(found.answer ? [answered(found)] : []),
    el("h2", {}, say("passages")),
    weights.length ? el("p", { class: "terms" }, el("span", {}, `${say("searchedFor")} `), ...weights) : parts.empty(say("noTerms")),
    found.passages.length ? list : parts.empty(say("noPassages")),
    cases.keep(found, list, desk, () => cases.list(kept, desk)),
  );
}

const number = (value) => value.toLocaleString(locale(), { maximumFractionDigits: 2, minimumFractionDigits: 2 });

function answered(found) {
  const { answer } = found;
  const kind = { answered: "good", unsupported: "warn", not_found: "warn", clarify: "" }[answer.outcome] ?? "";
  const facts = [parts.badge(say(`outcome_${answer.outcome}`), kind)];
  if (answer.reason) facts.push(parts.badge(answer.reason));
  facts.push(el("span", {}, `${answer.generator}${answer.model ? ` · ${answer.model}` : ""}`));
  if (answer.confidence != null) facts.push(el("span", {}, say("confidence", number(answer.confidence))));
  facts.push(el("span", {}, say("floor", number(found.floor))));
  const rows = Object.entries(found.signals).sort(([a], [b]) => a.localeCompare(b)).map(([name, value]) => [el("code", {}, name), meter(value, name)]);
  return el(
    "section",
    { class: "answered", "aria-label": say("answer") },
    el("h2", {}, say("answer")),
    el("div", { class: "facts" }, ...facts),
    el("p", { class: "answer-text" }, answer.text),
    el("details", { class: "signals" }, el("summary", {}, say("why")), el("p", {}, say("signalsWhat")), parts.table(say("signals"), [say("signal"), say("value")], rows)),
  );
}

function meter(value, name) {
  const bar = el("meter", { min: "0", max: String(Math.max(1, value)), value: String(value), "aria-label": name });
  return el("span", { class: "meter" }, bar, el("span", { class: "figure" }, number(value)));
}

function passage(one, found) {
  const scores = SCORES.filter((name) => name !== "rerank" || found.reranker);
  const cells = scores.map((name) =>
    el("div", { class: "score" }, el("dt", {}, say(`score_${name}`)), el("dd", {}, one[name] == null ? say("none") : meter(one[name], say(`score_${name}`)))),
  );
  const marks = [
    ...one.found_by.map((name) => parts.badge(say(`finder_${name}`))),
    one.cited.length > 0 && parts.badge(say("cited", one.cited.join(", ")), "good"),
    !one.cited.length && one.shown && parts.badge(say("shown")),
    found.reranker && one.fusion_rank !== one.rank && parts.badge(say("moved", one.fusion_rank ?? "–")),
    found.duplicates[one.chunk] && parts.badge(say("repeated", found.duplicates[one.chunk])),
  ];
  const where = [...one.path.filter((part) => part !== one.title), one.page && say("page", one.page)].filter(Boolean).join(" › ");
  const address = `#chunks/${one.uri.split("/").map(encodeURIComponent).join("/")}`;
  const box = el("input", { type: "checkbox", name: "evidence", value: one.chunk, checked: one.cited.length > 0 });
  return el(
    "li",
    { class: one.cited.length ? "passage chosen" : "passage" },
    el("div", { class: "passage-head" }, el("span", { class: "rank" }, String(one.rank)), el("a", { href: address }, one.title || one.uri), el("span", { class: "uri" }, one.uri)),
    where && !one.lead.includes(one.path.join(" > ")) && el("p", { class: "chunk-path" }, where),
    el("div", { class: "facts" }, ...marks.filter(Boolean)),
    el("dl", { class: "scores" }, ...cells),
    one.lead && el("p", { class: "chunk-lead" }, one.lead),
    el("p", { class: "chunk-text" }, one.text.trim()),
    el("label", { class: "tick" }, box, el("span", {}, say("isEvidence", one.rank))),
  );
}
