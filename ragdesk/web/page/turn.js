// One question and its answer, drawn as it arrives.

import { byId, el, out } from "./dom.js";
import { say } from "./words.js";
import * as sources from "./sources.js";

const MARK = /\[(\d{1,3})\]/;
const CELL = " | ";
const SOCIAL = new Set(["greeting", "thanks", "goodbye"]); // nothing was looked for, so nothing is missing
const MOST_LINKS = 6; // shown under an answer; its sources have all of them
const NOTES = { not_found: "notFound", unsupported: "unsupported", clarify: "clarify", handed_over: "handed_over" };

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
      if (lines.every((line) => line.includes(CELL))) this.#rows(nodes, lines, mark);
      else nodes.push(parts[i], mark);
    }
    this.words.replaceChildren(...nodes);
  }

  // Rows of a table are cited as "cell | cell": rows of as many cells stand in one table.
  #rows(nodes, lines, mark) {
    for (const line of lines) {
      const cells = line.split(CELL);
      const open = nodes.at(-1);
      const fits = open instanceof HTMLTableElement && open.rows[0].cells.length === cells.length;
      const table = fits ? open : el("table");
      if (!fits) nodes.push(table);
      const head = this.answer.passages.some((passage) => passage.lead.includes(line));
      const row = el("tr", {}, ...cells.map((cell) => el(head ? "th" : "td", head ? { scope: "col" } : {}, cell)));
      if (line === lines.at(-1)) row.lastChild.append(" ", mark);
      table.append(row);
    }
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
