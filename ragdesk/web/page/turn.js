// One question and its answer, drawn as it arrives.

import { byId, el, out } from "./dom.js";
import { label, put, say, spoken } from "./words.js";
import { cells } from "./tables.js";
import { readAloud } from "./voice.js";
import { thumbs } from "./feedback.js";
import * as sources from "./sources.js";
import * as wire from "./wire.js";

const MARK = /\[(\d{1,3})\]/;
const SOCIAL = new Set(["greeting", "thanks", "goodbye"]); // nothing was looked for, so nothing is missing
const MOST_LINKS = 6; // shown under an answer; its sources have all of them
const OUTCOMES = { not_found: "notFound", unsupported: "unsupported", clarify: "clarify", handed_over: "handed_over" };
const WHY_DEGRADED = { words_outdated: "wordsOutdated", lookup_unavailable: "lookupDown" };
const LONG = 400; // characters of a question, or lines, from which it is folded
const MANY_LINES = 6;
const WIDE = matchMedia("(min-width: 60rem)"); // talk and panel stand side by side

const turns = new WeakMap();
// The turn in the upper half of the talk is the one that is looked at: the panel goes with it.
const watcher = new IntersectionObserver(
  (entries) => entries.filter((entry) => entry.isIntersecting && WIDE.matches).forEach(({ target }) => sources.follow(turns.get(target).answer)),
  { root: byId("scroll"), rootMargin: "-30% 0px -65% 0px" },
);

const table = (node) => (node instanceof Element ? node.querySelector(":scope > table") : null);

export class Turn {
  // collection: the one asked. choose: what to do when one of several readings is picked.
  // kept: a turn of a conversation that is opened again; it is drawn whole, and nothing is said of it.
  constructor(question, collection, choose, kept = null) {
    this.choose = choose;
    this.kept = kept;
    this.text = "";
    this.opened = false; // the reader opened a source before the answer was whole
    this.answer = { question, collection, citations: [], passages: [] };
    this.progress = spoken("span", {}, "looking");
    this.status = el("p", { class: "status" }, el("span", { class: "pulse" }), this.progress);
    this.words = el("div", { class: "words" });
    this.foot = el("div", { class: "under" });
    this.reply = el("div", { class: "reply", "aria-busy": "true" }, this.status, this.words, this.foot);
    this.node = el("article", { class: "turn" }, ...asked(question), this.reply);
    this.node.addEventListener("focusin", () => sources.follow(this.answer));
    turns.set(this.node, this);
    watcher.observe(this.node);
    byId("turns").append(this.node);
    if (kept) return this.#recall(kept);
    this.node.scrollIntoView({ block: "start", behavior: "smooth" });
    announce("looking");
  }

  // What was answered then, with its sources as they were. hidden: it quotes what this reader may not see.
  #recall({ answer, hidden }) {
    if (answer) return this.#done({ passages: [], choices: [], seconds: {}, ...answer });
    this.reply.removeAttribute("aria-busy");
    this.status.replaceWith(spoken("p", { class: "note" }, hidden ? "pastHidden" : "stopped"));
  }

  hear(name, data) {
    if (name === "found") this.#found(data.passages);
    else if (name === "delta") this.#delta(data.text);
    else if (name === "verdict") this.#verdict(data.citations);
    else if (name === "done") this.#done(data);
    else if (name === "error") this.fail(data.message);
  }

  #found(passages) {
    this.answer.passages = passages;
    put(this.progress, "reading", passages.length);
  }

  #delta(text) {
    this.text += text;
    this.#say();
  }

  #verdict(citations) {
    const known = new Set(this.answer.citations.map((citation) => citation.number));
    this.answer.citations.push(...citations.filter((citation) => !known.has(citation.number)));
    this.#say();
  }

  #say() {
    const parts = this.text.split(new RegExp(MARK.source));
    const nodes = [];
    for (let i = 0; i < parts.length; i += 2) {
      const mark = i + 1 < parts.length ? this.#mark(Number(parts[i + 1])) : "";
      const lines = parts[i].trim().split("\n");
      const open = table(nodes.at(-1));
      if (lines.every((line) => cells(line).length > 1)) this.#rows(nodes, lines, mark);
      else if (open && !parts[i].trim()) open.rows[open.rows.length - 1].querySelector(".marks").append(mark);
      else nodes.push(parts[i], mark);
    }
    this.words.replaceChildren(...nodes);
  }

  // Rows of a table are cited as "cell | cell": rows of as many cells stand in one table.
  #rows(nodes, lines, mark) {
    for (const line of lines) {
      const words = cells(line);
      const heads = this.#heads(line);
      while (words.length < (heads?.length ?? 0)) words.push(""); // the last cells of a row may be empty
      const open = table(nodes.at(-1));
      const fits = open?.rows[0].cells.length === words.length;
      const grid = fits ? open : el("table");
      if (!fits) nodes.push(label(el("div", { class: "rows", tabindex: "0", role: "group" }, grid), "table"));
      const head = heads === null;
      const row = el("tr", {}, ...words.map((cell) => el(head ? "th" : "td", head ? { scope: "col" } : {}, cell)));
      if (line === lines.at(-1)) row.lastChild.append(" ", el("span", { class: "marks" }, mark));
      grid.append(row);
    }
  }

  // The heads that a row stands under, as far as they are known; null where the row is the heads itself.
  #heads(line) {
    const { citations, passages } = this.answer;
    const words = cells(line).join("\n");
    const isHead = ({ columns }) => columns?.length > 1 && columns.join("\n") === words;
    if (citations.some(isHead) || passages.some(({ lead }) => lead.includes(line))) return null;
    return citations.find(({ columns, quote }) => columns && quote.split("\n").includes(line))?.columns;
  }

  // A mark leads to its source; a number that names none stays a plain word.
  #mark(number) {
    const place = this.answer.citations.find((citation) => citation.number === number);
    if (!place) return `[${number}]`;
    const press = (event) => {
      this.opened = true;
      sources.view(this.answer, place, event.currentTarget);
    };
    const button = el("button", { type: "button", class: "mark", title: place.title, on: { click: press } }, String(number));
    return label(button, "source", number, place.title || place.uri);
  }

  #done(answer) {
    Object.assign(this.answer, answer); // a source that was opened meanwhile holds it
    this.text = answer.text;
    this.words.lang = answer.language === "zh" ? "zh-CN" : answer.language;
    this.reply.classList.add(answer.outcome);
    this.reply.removeAttribute("aria-busy");
    this.#say();
    this.status.replaceWith(...this.#reason(answer));
    if (answer.degraded) {
      const why = WHY_DEGRADED[answer.degraded_reason.split(":")[0]] ?? "degraded";
      this.words.before(spoken("p", { class: "note soft" }, why));
    }
    this.#under(answer);
    if (this.kept) return;
    announce("heard", answer.text.replaceAll(/\s*\[\d{1,3}\]/g, ""), answer.citations.length);
    if (this.opened) return;
    if (answer.citations.length) sources.list(this.answer, { reveal: WIDE.matches });
    else sources.replace(this.answer);
  }

  // Why this is no plain answer, as a label of ours in the page's language.
  #reason({ reason, outcome }) {
    if (SOCIAL.has(reason)) return [];
    const name = reason && outcome !== "handed_over" ? `reason_${reason}` : OUTCOMES[outcome];
    return name ? [spoken("p", { class: `note${reason === "safety" ? " alarm" : ""}` }, name)] : [];
  }

  #under(answer) {
    const cited = answer.citations.length;
    const reveal = (event) => sources.list(this.answer, { reveal: true, from: event.currentTarget });
    const sourced = cited || answer.passages.length;
    const chip = () => spoken("button", { type: "button", class: "chip", on: { click: reveal } }, cited ? "nSources" : "seeClosest", cited);
    this.foot.replaceChildren(
      ...[
        ...this.#choices(answer),
        ...this.#next(answer),
        ...this.#links(answer),
        sourced && chip(),
        cited && navigator.clipboard && this.#copy(answer), // none over plain http from elsewhere
        cited && readAloud(answer.text, answer.language),
        this.#isJudged(answer) && thumbs(answer, this.kept?.feedback),
        answer.seconds?.total && spoken("span", { class: "took" }, "took", answer.seconds.total),
      ].filter(Boolean),
    );
    if (answer.outcome === "answered" && cited && !this.kept) this.#neighbours(answer);
  }

  // A greeting is not judged, nor is a turn that a person is to answer and that says nothing itself.
  #isJudged({ id, reason, outcome, citations }) {
    const isPassedOn = outcome === "handed_over" && !citations.length;
    return id && !SOCIAL.has(reason) && !isPassedOn && !this.kept?.shared;
  }

  // Questions that stand beside the one that was answered, in the same list of them.
  async #neighbours({ collection, citations }) {
    const entry = citations.find(({ question }) => question);
    if (!entry) return;
    const questions = await wire.suggestions(collection, { chunk: entry.chunk }).catch(() => []);
    if (!questions.length) return;
    const press = (question) => () => this.choose({ question });
    const buttons = questions.map((question) => el("button", { type: "button", class: "chip choice", on: { click: press(question) } }, question));
    this.foot.append(label(el("div", { class: "choices neighbours", role: "group" }, spoken("span", { class: "took" }, "related"), ...buttons), "related"));
  }

  // A question with several readings: each one is a button that asks for it.
  #choices(answer) {
    if (!answer.choices?.length) return [];
    const press = (choice) => () => this.choose(choice);
    const buttons = answer.choices.map((choice) => el("button", { type: "button", class: "chip choice", on: { click: press(choice) } }, choice.label));
    return [label(el("div", { class: "choices", role: "group" }, ...buttons), "clarify")];
  }

  // What to do where the answer does not help: a sentence, the nearest sources, whom to turn to.
  #next(answer) {
    const step = answer.next_step;
    if (!step || answer.choices?.length) return []; // the choices are the next step
    const links = step.links.map((link) => this.#link(answer, link)).filter(Boolean);
    const words = el("p", { lang: this.words.lang }, step.text);
    return [el("div", { class: "next" }, words, ...(links.length ? [el("div", { class: "links" }, ...links)] : []))];
  }

  // Where words of the quotes lead, each address once.
  #links(answer) {
    const all = new Map(answer.citations.flatMap((place) => (place.links ?? []).map((link) => [link.href, link])));
    const shown = [...all.values()].slice(0, MOST_LINKS).map((link) => sources.leads(link));
    return shown.length ? [el("div", { class: "leads" }, ...shown)] : [];
  }

  #link(answer, link) {
    if (link.href) return out(link.href, { class: "chip" }, link.title);
    const source = [...answer.passages, ...(answer.sources ?? [])].find(({ uri }) => uri === link.uri);
    const place = source && { start: 0, end: 0, ...source }; // a kept answer names its passages only
    if (!place) return null;
    const press = (event) => {
      this.opened = true;
      sources.view(this.answer, place, event.currentTarget);
    };
    return label(el("button", { type: "button", class: "chip", on: { click: press } }, link.title), "openAt", link.title);
  }

  #copy(answer) {
    const press = async (event) => {
      const button = event.currentTarget;
      const list = answer.citations.map((c) => `[${c.number}] ${[c.title, c.page && say("page", c.page), c.uri].filter(Boolean).join(" · ")}`);
      await navigator.clipboard.writeText(`${answer.text}\n\n${list.join("\n")}`);
      put(button, "copied");
    };
    return spoken("button", { type: "button", class: "quiet small", on: { click: press } }, "copy");
  }

  // why: of our words, said where the server has none for the reader.
  fail(message, again, why = "offline") {
    this.reply.classList.add("failed");
    this.reply.removeAttribute("aria-busy");
    const retry = again && spoken("button", { type: "button", class: "chip", on: { click: () => { this.node.remove(); again(); } } }, "again");
    this.status.remove();
    this.words.replaceChildren(spoken("p", { class: "note" }, "failed"), message || spoken("span", {}, why));
    this.foot.replaceChildren(...(retry ? [retry] : []));
    announce("failed");
  }

  stop() {
    this.reply.removeAttribute("aria-busy");
    this.status.replaceChildren(spoken("span", {}, "stopped"));
    announce("stopped");
  }
}

// What a person wrote, in the conversation.
export function drawReply({ answer, created }) {
  const words = el("div", { class: "words" }, answer?.text ?? "");
  const node = el("article", { class: "turn person", "data-created": String(created) }, spoken("p", { class: "note" }, "fromPerson"), words);
  byId("turns").append(node);
  return node;
}

// Said once, when it is whole: words that grow are read again and again.
const announce = (name, ...given) => delete put(byId("heard"), name, ...given).dataset.say; // not again in another language

// A question as it was asked; a long one, as a pasted mail, is folded.
function asked(question) {
  const heading = el("h2", { class: "asked" }, question);
  if (question.length <= LONG && question.split("\n").length <= MANY_LINES) return [heading];
  heading.classList.add("folded");
  const press = () => {
    const folded = heading.classList.toggle("folded");
    put(button, folded ? "unfold" : "fold");
    button.setAttribute("aria-expanded", String(!folded));
  };
  const button = spoken("button", { type: "button", class: "quiet small fold", "aria-expanded": "false", on: { click: press } }, "unfold");
  return [heading, button];
}
