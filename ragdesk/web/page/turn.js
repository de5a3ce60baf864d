// One question and its answer, drawn as it arrives.

import { byId, el, out } from "./dom.js";
import { say } from "./words.js";
import * as sources from "./sources.js";

const MARK = /\[(\d{1,3})\]/;
const CELL = / \|(?= )/; // an empty cell may leave nothing between two of them
const SOCIAL = new Set(["greeting", "thanks", "goodbye"]); // nothing was looked for, so nothing is missing
const MOST_LINKS = 6; // shown under an answer; its sources have all of them
const NOTES = { not_found: "notFound", unsupported: "unsupported", clarify: "clarify", handed_over: "handed_over" };

const cells = (line) => ` ${line} `.split(CELL).map((cell) => cell.trim());
const table = (node) => (node instanceof Element ? node.querySelector(":scope > table") : null);

export class Turn {
  // collection: the one asked. choose: what to do when one of several readings is picked.
  constructor(question, collection, choose) {
    this.choose = choose;
    this.text = "";
    this.opened = false; // the reader opened a source before the answer was whole
    this.answer = { collection, citations: [], passages: [] };
    this.status = el("p", { class: "status" }, el("span", { class: "pulse" }), say("looking"));
    this.words = el("div", { class: "words" });
    this.foot = el("div", { class: "under" });
    this.reply = el("div", { class: "reply", "aria-busy": "true" }, this.status, this.words, this.foot);
    this.node = el("article", { class: "turn" }, el("h2", { class: "asked" }, question), this.reply);
    byId("turns").append(this.node);
    this.node.scrollIntoView({ block: "start", behavior: "smooth" });
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
    this.status.lastChild.textContent = say("reading", passages.length);
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
      if (!fits) nodes.push(el("div", { class: "rows" }, grid));
      const head = heads === null;
      const row = el("tr", {}, ...words.map((cell) => el(head ? "th" : "td", head ? { scope: "col" } : {}, cell)));
      if (line === lines.at(-1)) row.lastChild.append(" ", el("span", { class: "marks" }, mark));
      grid.append(row);
    }
  }

  // The heads that a row stands under, as far as they are known; null where the row is the heads itself.
  #heads(line) {
    const { citations, passages } = this.answer;
    const said = cells(line).join("\n");
    const isHead = ({ columns }) => columns?.length > 1 && columns.join("\n") === said;
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
    const label = say("source", number, place.title);
    return el("button", { type: "button", class: "mark", "aria-label": label, title: place.title, on: { click: press } }, String(number));
  }

  #done(answer) {
    Object.assign(this.answer, answer); // a source that was opened meanwhile holds it
    this.text = answer.text;
    this.words.lang = answer.language === "zh" ? "zh-CN" : answer.language;
    this.reply.classList.add(answer.outcome);
    this.reply.removeAttribute("aria-busy");
    this.#say();
    const note = SOCIAL.has(answer.reason) ? null : NOTES[answer.outcome];
    this.status.replaceWith(...(note ? [el("p", { class: "note" }, say(note))] : []));
    if (answer.degraded) {
      const why = answer.degraded_reason.startsWith("words_outdated") ? "wordsOutdated" : "degraded";
      this.words.before(el("p", { class: "note soft" }, say(why)));
    }
    this.#under(answer);
    if (answer.citations.length && !this.opened) sources.list(answer, { reveal: matchMedia("(min-width: 60rem)").matches });
  }

  #under(answer) {
    const cited = answer.citations.length;
    const reveal = (event) => sources.list(answer, { reveal: true, from: event.currentTarget });
    const label = cited ? say("nSources", cited) : say("seeClosest");
    const sourced = cited || answer.passages.length;
    this.foot.replaceChildren(
      ...this.#choices(answer),
      ...this.#next(answer),
      ...this.#links(answer),
      ...(sourced ? [el("button", { type: "button", class: "chip", on: { click: reveal } }, label)] : []),
      ...(cited && navigator.clipboard ? [this.#copy(answer)] : []), // none over plain http from elsewhere
      el("span", { class: "took" }, say("took", answer.seconds.total ?? 0)),
    );
  }

  // A question with several readings: each one is a button that asks for it.
  #choices(answer) {
    if (!answer.choices?.length) return [];
    const press = (choice) => () => this.choose(choice);
    const buttons = answer.choices.map((choice) => el("button", { type: "button", class: "chip choice", on: { click: press(choice) } }, choice.label));
    return [el("div", { class: "choices", role: "group", "aria-label": say("clarify") }, ...buttons)];
  }

  // What to do where the answer does not help: a sentence, the nearest sources, whom to turn to.
  #next(answer) {
    const step = answer.next_step;
    if (!step || answer.choices?.length) return []; // the choices are the next step
    const links = step.links.map((link) => this.#link(answer, link)).filter(Boolean);
    return [el("div", { class: "next" }, el("p", {}, step.text), ...(links.length ? [el("div", { class: "links" }, ...links)] : []))];
  }

  // Where words of the quotes lead, each address once.
  #links(answer) {
    const all = new Map(answer.citations.flatMap((place) => (place.links ?? []).map((link) => [link.href, link])));
    const shown = [...all.values()].slice(0, MOST_LINKS).map((link) => sources.leads(link));
    return shown.length ? [el("div", { class: "leads" }, ...shown)] : [];
  }

  #link(answer, link) {
    if (link.href) return out(link.href, { class: "chip" }, link.title);
    const place = answer.passages.find((passage) => passage.uri === link.uri);
    if (!place) return null;
    const press = (event) => {
      this.opened = true;
      sources.view(answer, place, event.currentTarget);
    };
    return el("button", { type: "button", class: "chip", "aria-label": say("openAt", link.title), on: { click: press } }, link.title);
  }

  #copy(answer) {
    const press = async (event) => {
      const button = event.currentTarget;
      const list = answer.citations.map((c) => `[${c.number}] ${[c.title, c.page && say("page", c.page), c.uri].filter(Boolean).join(" · ")}`);
      await navigator.clipboard.writeText(`${answer.text}\n\n${list.join("\n")}`);
      button.textContent = say("copied");
    };
    return el("button", { type: "button", class: "quiet small", on: { click: press } }, say("copy"));
  }

  fail(message, again) {
    this.reply.classList.add("failed");
    this.reply.removeAttribute("aria-busy");
    const retry = again && el("button", { type: "button", class: "chip", on: { click: () => { this.node.remove(); again(); } } }, say("again"));
    this.status.remove();
    this.words.replaceChildren(el("p", { class: "note" }, say("failed")), message || say("offline"));
    this.foot.replaceChildren(...(retry ? [retry] : []));
  }

  stop() {
    this.reply.removeAttribute("aria-busy");
    this.status.replaceChildren(say("stopped"));
  }
}
