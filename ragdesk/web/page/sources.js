// The panel beside the answer: its sources, all documents, and one opened at the cited place.

import { byId, el, out, stepper, unit } from "./dom.js";
import { say } from "./words.js";
import * as wire from "./wire.js";

const AROUND = 6000; // characters shown before and after the quote, and by each press for more
// A short line of its own that ends like no sentence is shown as a heading; its words stay as they are.
const HEADING = /(?<=^|\n\n)(?![-•*|\d])[^\n|]{2,70}(?<![.。!?！？:：;；,，、…])(?=\n\n)/g;
const ADDRESS = /\bhttps?:\/\/[\w.~:\/?#@!$&*+;=%-]*[\w\/]/g;
const side = byId("side");
const body = byId("side-body");
const title = byId("side-title");
const back = byId("back");

let opener = null; // where the keyboard returns to when the panel closes
let again = null; // draws the list that an opened document came from
let turn = 0; // an opening that was overtaken by another must not draw

export function list(answer, { reveal = false, from = null } = {}) {
  turn += 1;
  again = () => list(answer);
  const cited = answer.citations.length > 0;
  const places = cited ? answer.citations : answer.passages.slice(0, 5);
  title.textContent = cited ? say("sources") : say("closest");
  back.hidden = true;
  body.replaceChildren(el("ol", { class: "cards" }, ...places.map((place) => card(answer, place))));
  body.scrollTop = 0;
  if (reveal) open(from);
}

// Every document of a collection, a page at a time.
export async function all(collection, from) {
  turn += 1;
  const mine = turn;
  again = () => all(collection);
  open(from);
  title.textContent = say("all");
  back.hidden = true;
  const cards = el("ol", { class: "cards tight" });
  body.replaceChildren(cards);
  body.scrollTop = 0;
  const more = async (cursor) => {
    const page = await wire.documents(collection, cursor);
    if (mine !== turn) return;
    cards.append(...page.documents.map((one) => entry(collection, page.generation, one)));
    body.querySelector(":scope > .more")?.remove();
    if (page.next) {
      const press = () => attempt(() => more(page.next));
      body.append(el("button", { type: "button", class: "more", on: { click: press } }, say("more")));
    }
  };
  await attempt(more);
  await attempt(() => lost(collection, mine, cards));
}

// The files that could not be taken in, above the documents, closed until somebody looks.
async function lost(collection, mine, cards) {
  const list = el("ul", { class: "lost" });
  const more = async (cursor) => {
    const page = await wire.skipped(collection, cursor);
    if (mine !== turn || !page.total) return;
    if (!list.isConnected) {
      cards.before(el("details", { class: "skipped" }, el("summary", {}, say("skipped", page.total)), list));
    }
    const rows = page.skipped.map(({ uri, reason }) =>
      el("li", {}, el("span", { class: "card-title" }, uri), el("span", { class: "where" }, reason)),
    );
    list.append(...rows);
    list.parentNode.querySelector(".more")?.remove();
    if (page.next) {
      const press = () => attempt(() => more(page.next));
      list.after(el("button", { type: "button", class: "more", on: { click: press } }, say("more")));
    }
  };
  await more();
}

function entry(collection, generation, { uri, title: name, notes }) {
  const answer = { collection, generation, citations: [], passages: [] };
  const place = { uri, title: name, path: [], page: null, start: 0, end: 0 };
  const press = (event) => view(answer, place, event.currentTarget);
  const words = [el("span", { class: "card-title" }, name || uri), el("span", { class: "where" }, uri)];
  if (notes?.length) words.push(el("span", { class: "note" }, say("notes", notes.length)));
  return el("li", {}, el("button", { type: "button", class: "card", on: { click: press } }, ...words));
}

async function attempt(work) {
  try {
    await work();
  } catch (problem) {
    body.append(el("p", { class: "wait" }, problem.status === 404 ? say("gone") : problem.message || say("offline")));
  }
}

export function redraw() {
  if (again && !side.hidden) again();
}

export function close() {
  if (side.hidden) return false;
  side.hidden = true;
  document.body.classList.remove("beside");
  opener?.focus();
  opener = null;
  return true;
}

function open(from) {
  if (from) opener = from;
  side.hidden = false;
  document.body.classList.add("beside");
}

function card(answer, place) {
  const label = place.number ? say("source", place.number, place.title) : say("openAt", place.title);
  const number = place.number && el("span", { class: "number", "aria-hidden": "true" }, String(place.number));
  const press = (event) => view(answer, place, event.currentTarget);
  return el(
    "li",
    {},
    el(
      "button",
      { type: "button", class: "card", "aria-label": label, on: { click: press } },
      el("span", { class: "card-head" }, number, el("span", { class: "card-title" }, place.title || place.uri)),
      where(place),
      context(place),
      el("span", { class: "quote" }, brief(place.quote ?? place.text)),
    ),
    waysOut(place),
  );
}

// Words of a quote that lead somewhere, with the address to be seen before it is opened.
export const leads = ({ text, href }) =>
  out(href, { class: "lead" }, ...(text === href ? [] : [el("span", { class: "lead-words" }, brief(text)), " "]), el("span", { class: "lead-to" }, href));

function waysOut(place) {
  return place.links?.length ? el("div", { class: "leads" }, ...place.links.map(leads)) : null;
}

const brief = (text) => {
  const points = Array.from(text.trim());
  return points.length > 280 ? `${points.slice(0, 280).join("").trimEnd()}…` : points.join("");
};

// The question that a quote answers, or the columns that a row's cells stand in.
function context(place) {
  const words = place.question || (place.columns ?? []).filter(Boolean).join(" · ");
  return words ? el("span", { class: "context" }, brief(words)) : null;
}

// The title opens most heading paths: it is not said twice.
function where(place, fallback = place.uri) {
  const path = place.path.filter((heading) => heading !== place.title);
  const parts = path.map((heading) => el("span", { class: "step" }, heading));
  if (place.page) parts.push(el("span", { class: "step page" }, say("page", place.page)));
  if (place.ocr) parts.push(el("span", { class: "step ocr" }, say("ocr")));
  if (!parts.length && fallback) parts.push(el("span", { class: "step" }, fallback));
  return parts.length ? el("span", { class: "where" }, ...parts) : null;
}

export async function view(answer, place, from) {
  turn += 1;
  const mine = turn;
  if (answer.citations.length || answer.passages.length) again = () => list(answer);
  open(from);
  title.textContent = place.title || place.uri;
  back.hidden = false;
  back.textContent = `‹ ${say(answer.citations.length ? "back" : answer.passages.length ? "closest" : "all")}`;
  body.replaceChildren(el("p", { class: "wait" }, say("loading")));
  title.focus({ preventScroll: true });
  await attempt(async () => {
    const where = [answer.collection, place.uri, answer.generation, place.chunk];
    const [text, links] = await Promise.all([wire.text(...where), wire.links(...where).catch(() => [])]);
    if (mine !== turn) return;
    draw(answer, place, text, links);
    const { notes } = await wire.about(answer.collection, place.uri, place.chunk).catch(() => ({ notes: [] }));
    if (mine === turn && notes.length) body.querySelector(".doc-head").append(noted(notes));
  });
  body.querySelector(".wait + .wait")?.previousSibling.remove();
}

function draw(answer, place, text, links) {
  const toUnit = stepper(text);
  const known = links.map((link) => ({ start: toUnit(link.start), end: toUnit(link.end), node: (words) => way(answer, link, words) }));
  const ways = [...known, ...addresses(text, known)].sort((a, b) => a.start - b.start);
  const marks = answer.citations
    .filter((other) => other !== place && other.uri === place.uri && bears(text, other))
    .concat([place])
    .map((other) => ({ main: other === place, start: unit(text, other.start), end: unit(text, other.end) }))
    .sort((a, b) => a.start - b.start);
  const main = marks.find((mark) => mark.main);
  const reach = { from: line(text, main.start - AROUND), to: line(text, main.end + AROUND) };
  const paper = el("div", { class: "paper", tabindex: "0", role: "document", "aria-label": place.title });
  const fill = () => {
    const more = (name, grow) => el("button", { type: "button", class: "more", on: { click: grow } }, say(name));
    const earlier = more("earlier", () => grow(() => (reach.from = line(text, reach.from - AROUND))));
    const later = more("later", () => grow(() => (reach.to = line(text, reach.to + AROUND))));
    paper.replaceChildren(
      ...(reach.from > 0 ? [earlier] : []),
      el("div", { class: "words" }, ...pieces(text, reach, spots(text, reach, marks), ways)),
      ...(reach.to < text.length ? [later] : []),
    );
  };
  const grow = (change) => {
    const below = body.scrollHeight - body.scrollTop;
    const before = reach.from;
    change();
    fill();
    if (reach.from !== before) body.scrollTop = body.scrollHeight - below; // keep the reader's place
  };
  fill();
  body.replaceChildren(
    el("div", { class: "doc-head" }, where(place, null), el("span", { class: "uri" }, place.uri), download(answer, place), waysOut(place)),
    paper,
  );
  body.querySelector("mark.main")?.scrollIntoView({ block: "center" });
}

// What was seen in a document and not kept: a reader may miss it here, and find it in the file.
const noted = (notes) => el("ul", { class: "notes" }, ...notes.map((note) => el("li", {}, note)));

// Two documents may have one uri: a citation belongs to the one that bears its words.
const bears = (text, { start, end, quote }) => text.slice(unit(text, start), unit(text, end)) === quote;

// Cut at a line's end, so that no word or surrogate pair is torn.
function line(text, at) {
  if (at <= 0) return 0;
  if (at >= text.length) return text.length;
  const end = text.indexOf("\n", at);
  return end < 0 || end > at + 2000 ? unit(text, Array.from(text.slice(0, at)).length) : end + 1;
}

function spots(text, reach, marks) {
  const found = [...text.slice(reach.from, reach.to).matchAll(HEADING)];
  const heads = found.map((head) => ({ start: reach.from + head.index, end: reach.from + head.index + head[0].length, head: true }));
  const free = heads.filter((head) => !marks.some((mark) => mark.start < head.end && head.start < mark.end));
  return [...marks, ...free].sort((a, b) => a.start - b.start);
}

// Words that lead somewhere: out of the page, or to another document, which opens in place of this one.
function way(answer, { href, uri }, words) {
  if (!uri) return out(href, {}, words) ?? words;
  const press = () => view(answer, { uri, title: uri, path: [], page: null, start: 0, end: 0 }, null);
  return el("button", { type: "button", class: "way", title: uri, on: { click: press } }, words);
}

// Addresses that are written out in the text. Those of a model are never made links, only a document's own.
function addresses(text, known) {
  const taken = new Set(known.map((one) => one.start));
  return [...text.matchAll(ADDRESS)]
    .map(({ index, 0: href }) => ({ start: index, end: index + href.length, node: (words) => out(href, {}, words) ?? words }))
    .filter((one) => !taken.has(one.start));
}

// A stretch of the text, its links to be clicked.
function woven(text, from, to, ways) {
  const nodes = [];
  let at = from;
  for (const { start, end, node } of ways) {
    if (end <= at || start >= to) continue;
    const words = text.slice(Math.max(start, at), Math.min(end, to));
    nodes.push(text.slice(at, Math.max(start, at)), node(words));
    at = Math.min(end, to);
  }
  return [...nodes, text.slice(at, to)];
}

function pieces(text, reach, all, ways) {
  const nodes = [];
  let at = reach.from;
  for (const spot of all) {
    const start = Math.max(spot.start, at);
    const end = Math.min(spot.end, reach.to);
    if (start >= end) continue;
    const kind = spot.head ? el("b") : el("mark", { class: spot.main ? "main" : "other" });
    kind.append(...woven(text, start, end, ways));
    nodes.push(...woven(text, at, start, ways), kind);
    at = end;
  }
  nodes.push(...woven(text, at, reach.to, ways));
  return nodes;
}

function download(answer, place) {
  const save = async () => {
    const address = URL.createObjectURL(await wire.original(answer.collection, place.uri, place.chunk));
    el("a", { href: address, download: place.uri.split("/").pop() }).click();
    setTimeout(() => URL.revokeObjectURL(address), 10_000);
  };
  const press = () => attempt(save);
  return el("button", { type: "button", class: "quiet small", on: { click: press } }, say("original"));
}

back.addEventListener("click", () => again());
byId("close").addEventListener("click", close);
