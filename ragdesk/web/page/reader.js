// A document opened at the cited place: the page of a PDF as a picture, or the stored text.

import { el, out, stepper, unit } from "./dom.js";
import { label, put, spoken } from "./words.js";
import { drawPages } from "./page_view.js";
import { drawPictures } from "./pictures.js";
import { blocks, cellSpans, grid, isHead } from "./tables.js";
import * as panel from "./panel.js";
import * as wire from "./wire.js";

const AROUND = 6000; // characters shown before and after the quote, and by each press for more
// A short line of its own that ends like no sentence is shown as a heading; its words stay as they are.
const HEADING = /(?<=^|\n\n)(?![-•*|\d])[^\n|]{2,70}(?<![.。!?！？:：;；,，、…])(?=\n\n)/g;
const ADDRESS = /\bhttps?:\/\/[\w.~:\/?#@!$&*+;=%-]*[\w\/]/g;
const NO_PAGES = { pages: [], boxes: [] };

export const fileName = (uri) => uri.split("/").pop();
export const nameOf = (place) => place.title || fileName(place.uri);

// Headings above the place; the title opens most of them, and is not said twice.
export function where(place, fallback = null) {
  const path = place.path.filter((heading) => heading !== place.title);
  const parts = path.map((heading) => el("span", { class: "step" }, heading));
  if (place.page) parts.push(spoken("span", { class: "step page" }, "page", place.page));
  if (place.ocr) parts.push(spoken("span", { class: "step ocr" }, "ocr"));
  if (!parts.length && fallback) parts.push(el("span", { class: "step" }, fallback));
  return parts.length ? el("span", { class: "where" }, ...parts) : null;
}

// ways: what leads out of the document, under its name. back: draws the list that it was opened from.
export async function view(answer, place, from, { ways = null, back = null } = {}) {
  const isMine = panel.claim("document", answer, back);
  panel.open(from);
  panel.entitle(null, nameOf(place));
  panel.backTo(answer.citations.length ? "sources" : answer.passages.length ? "closest" : "all");
  if (place.is_kept === false) {
    panel.body.replaceChildren(...recall(place));
    panel.focusTitle();
    return;
  }
  panel.body.replaceChildren(spoken("p", { class: "wait" }, "loading"));
  panel.focusTitle();
  await panel.attempt(async () => {
    const at = [answer.collection, place.uri, answer.generation, place.chunk];
    const paged = place.page != null || /\.pdf$/i.test(place.uri);
    const [text, links, sheets] = await Promise.all([
      wire.text(...at),
      wire.links(...at).catch(() => []),
      paged ? wire.pages(...at, place.start, place.end).catch(() => NO_PAGES) : NO_PAGES,
    ]);
    if (!isMine()) return;
    draw(answer, place, { text, links, sheets, ways });
    const { notes } = await wire.about(answer.collection, place.uri, place.chunk).catch(() => ({ notes: [] }));
    if (isMine() && notes.length) panel.body.querySelector(".doc-head").append(noted(notes));
    const pictures = paged ? null : await drawPictures(answer, place, nameOf(place)).catch(() => null);
    if (isMine() && pictures) panel.body.append(pictures);
  });
  panel.body.querySelector(".wait + .wait")?.previousSibling.remove();
}

function draw(answer, place, { text, links, sheets, ways }) {
  const paper = drawText(answer, place, text, links);
  const head = el("div", { class: "doc-head" }, where(place), el("span", { class: "uri" }, place.uri), download(answer, place), ways);
  if (!sheets.pages.length) {
    panel.body.replaceChildren(head, paper);
    paper.querySelector("mark.main")?.scrollIntoView({ block: "center" });
    return;
  }
  const { node, tools, show } = drawPages(answer, place, sheets);
  const choose = (page) => {
    for (const [button, on] of [[asPage, page], [asText, !page]]) button.setAttribute("aria-pressed", String(on));
    node.hidden = !page;
    tools.hidden = !page;
    paper.hidden = page;
    if (page) show();
    else paper.querySelector("mark.main")?.scrollIntoView({ block: "center" });
  };
  const asPage = spoken("button", { type: "button", on: { click: () => choose(true) } }, "asPage");
  const asText = spoken("button", { type: "button", on: { click: () => choose(false) } }, "asText");
  head.append(label(el("div", { class: "ways", role: "group" }, asPage, asText), "asWhat"), tools);
  panel.body.replaceChildren(head, node, paper);
  choose(true);
}

// Of a document that is no longer kept: the words around the quote, as they stood when it was cited.
function recall(place) {
  const { start, text } = place.context;
  const from = unit(text, place.start - start);
  const to = unit(text, place.end - start);
  const words = el("div", { class: "words" }, text.slice(0, from), el("mark", { class: "main" }, text.slice(from, to)), text.slice(to));
  const head = el("div", { class: "doc-head" }, where(place), el("span", { class: "uri" }, place.uri), spoken("p", { class: "note soft" }, "pastText"));
  return [head, label(el("div", { class: "paper", tabindex: "0", role: "region" }, words), "textOf", nameOf(place))];
}

function drawText(answer, place, text, links) {
  const toUnit = stepper(text);
  const known = links.map((link) => ({ start: toUnit(link.start), end: toUnit(link.end), node: (words) => way(answer, link, words) }));
  const ways = [...known, ...addresses(text, known)].sort((a, b) => a.start - b.start);
  const marks = answer.citations
    .filter((other) => other !== place && other.uri === place.uri && bears(text, other))
    .concat([place])
    .map((other) => ({ main: other === place, row: Boolean(other.columns), start: unit(text, other.start), end: unit(text, other.end) }))
    .sort((a, b) => a.start - b.start);
  const main = marks.find((mark) => mark.main);
  const reach = { from: line(text, main.start - AROUND), to: line(text, main.end + AROUND) };
  const paper = label(el("div", { class: "paper", tabindex: "0", role: "region" }), "textOf", nameOf(place));
  const fill = () => {
    const more = (name, grow) => spoken("button", { type: "button", class: "more", on: { click: grow } }, name);
    const earlier = more("earlier", () => grow(() => (reach.from = line(text, reach.from - AROUND))));
    const later = more("later", () => grow(() => (reach.to = line(text, reach.to + AROUND))));
    paper.replaceChildren(
      ...(reach.from > 0 ? [earlier] : []),
      el("div", { class: "words" }, ...drawBlocks(text, reach, marks, ways)),
      ...(reach.to < text.length ? [later] : []),
    );
  };
  const grow = (change) => {
    const below = panel.body.scrollHeight - panel.body.scrollTop;
    const before = reach.from;
    change();
    fill();
    if (reach.from !== before) panel.body.scrollTop = panel.body.scrollHeight - below; // keep the reader's place
    paper.focus({ preventScroll: true }); // the button that was pressed is gone
  };
  fill();
  return paper;
}

// Prose with its marks, and tables as tables, their cited row marked.
function drawBlocks(text, reach, marks, ways) {
  const all = spots(text, reach, marks);
  const touches = (start, end) => marks.some((mark) => mark.start < end && start < mark.end);
  const cites = (start, end) => marks.some((mark) => mark.main && mark.start < end && start < mark.end);
  const isRow = (start, end) => marks.some((mark) => mark.row && mark.start < end && start < mark.end);
  return blocks(text, reach.from, reach.to, isRow).flatMap(({ start, end, rows }) => {
    if (!rows) return pieces(text, { from: start, to: end }, all, ways);
    const filled = rows.map(([from, to]) => cellSpans(text, from, to).map(([first, last]) => pieces(text, { from: first, to: last }, all, ways)));
    const words = cellSpans(text, ...rows[0]).map(([first, last]) => text.slice(first, last));
    const head = rows.length > 1 && isHead(words);
    return [grid(filled, { head, marked: (n) => !(head && n === 0) && touches(...rows[n]) && cites(...rows[n]) })];
  });
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
  const press = () => view(answer, { uri, title: "", path: [], page: null, start: 0, end: 0 }, null);
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
    el("a", { href: address, download: fileName(place.uri) }).click();
    setTimeout(() => URL.revokeObjectURL(address), 10_000);
  };
  return spoken("button", { type: "button", class: "quiet small", on: { click: () => panel.attempt(save) } }, "original");
}
