// What the panel lists: the sources of an answer as cards, and all documents of a collection.

import { el, out } from "./dom.js";
import { label, put, spoken } from "./words.js";
import { cells, grid, MOST_ROWS } from "./tables.js";
import * as panel from "./panel.js";
import { nameOf, view as openDocument, where } from "./reader.js";
import * as wire from "./wire.js";

const MOST_PASSAGES = 5; // of those that came closest
const NARROW = 280; // characters of a quote on its card

export const close = panel.close;

// What was looked up for the asker is of no document: its card says all of it.
export const isLookup = ({ uri }) => uri.startsWith("lookup:");

export function view(answer, place, from) {
  if (isLookup(place)) return list(answer, { reveal: true, from });
  const listed = answer.citations.length || answer.passages.length;
  return openDocument(answer, place, from, { ways: waysOut(place), back: listed ? () => list(answer) : null });
}

// The sources of an answer, or what came closest, under the question.
export function list(answer, { reveal = false, from = null } = {}) {
  panel.claim("list", answer, () => list(answer));
  const cited = answer.citations.length > 0;
  const places = cited ? answer.citations : answer.passages.slice(0, MOST_PASSAGES);
  panel.entitle(cited || !places.length ? "sources" : "closest");
  panel.backTo(null);
  const asked = answer.question && el("p", { class: "asked-for" }, brief(answer.question, 120));
  const cards = places.length ? el("ol", { class: "cards" }, ...places.map((place) => card(answer, place))) : spoken("p", { class: "wait" }, "noSources");
  panel.body.replaceChildren(...[asked, cards].filter(Boolean));
  panel.body.scrollTop = 0;
  if (reveal) panel.open(from);
}

// The turn that is looked at has changed: a list of sources goes with it, an opened document stays.
export function follow(answer) {
  if (panel.isOpen() && panel.isList() && !panel.shows(answer)) list(answer);
}

// An answer is whole: what another one rests on goes, whatever of it was open.
export function replace(answer) {
  if (panel.isOpen() && panel.isOfAnswer()) list(answer);
}

// Every document of a collection, a page at a time.
export async function all(collection, from) {
  const isMine = panel.claim("all", null, () => all(collection));
  panel.open(from);
  panel.entitle("all");
  panel.backTo(null);
  const cards = el("ol", { class: "cards tight" });
  panel.body.replaceChildren(cards);
  panel.body.scrollTop = 0;
  panel.focusTitle();
  const more = async (cursor) => {
    const page = await wire.documents(collection, cursor);
    if (!isMine()) return;
    cards.append(...page.documents.map((one) => entry(collection, page.generation, one)));
    panel.body.querySelector(":scope > .more")?.remove();
    if (page.next) panel.body.append(moreButton(() => more(page.next)));
  };
  await panel.attempt(more);
  await panel.attempt(() => lost(collection, isMine, cards));
}

const moreButton = (work) => spoken("button", { type: "button", class: "more", on: { click: () => panel.attempt(work) } }, "more");

// The files that could not be taken in, above the documents, closed until somebody looks.
async function lost(collection, isMine, cards) {
  const list = el("ul", { class: "lost" });
  const more = async (cursor) => {
    const page = await wire.skipped(collection, cursor);
    if (!isMine() || !page.total) return;
    if (!list.isConnected) cards.before(el("details", { class: "skipped" }, spoken("summary", {}, "skipped", page.total), list));
    const rows = page.skipped.map(({ uri, reason }) =>
      el("li", {}, el("span", { class: "card-title" }, uri), el("span", { class: "where" }, reason)),
    );
    list.append(...rows);
    list.parentNode.querySelector(".more")?.remove();
    if (page.next) list.after(moreButton(() => more(page.next)));
  };
  await more();
}

function entry(collection, generation, { uri, title, notes }) {
  const answer = { collection, generation, citations: [], passages: [] };
  const place = { uri, title, path: [], page: null, start: 0, end: 0 };
  const press = (event) => view(answer, place, event.currentTarget);
  const words = [el("span", { class: "card-title" }, nameOf(place)), el("span", { class: "where" }, uri)];
  if (notes?.length) words.push(spoken("span", { class: "note" }, "notes", notes.length));
  return el("li", {}, el("button", { type: "button", class: "card", on: { click: press } }, ...words));
}

// The head is the button; a press anywhere else on the card does the same, save on links and on words being selected.
function card(answer, place) {
  const number = place.number && el("span", { class: "number", "aria-hidden": "true" }, String(place.number));
  if (isLookup(place)) {
    const head = el("div", { class: "card-head" }, number, el("span", { class: "card-title" }, nameOf(place)));
    return el("li", { class: "card fact" }, head, spoken("span", { class: "where" }, "lookedUp"), el("p", { class: "quote" }, place.quote ?? place.text));
  }
  const head = el("button", { type: "button", class: "card-head" }, number, el("span", { class: "card-title" }, nameOf(place)));
  if (place.number) label(head, "source", place.number, nameOf(place));
  else label(head, "openAt", nameOf(place));
  const press = (event) => {
    if (event.target.closest("a") || String(getSelection())) return;
    view(answer, place, head);
  };
  const words = place.quote ?? place.text;
  return el(
    "li",
    { class: "card", on: { click: press } },
    head,
    where(place, place.title ? null : place.uri) ?? el("span", { class: "where" }, place.uri),
    place.question && el("p", { class: "asked-there" }, brief(place.question)),
    rows(answer, place, words) ?? el("p", { class: "quote" }, brief(words)),
    waysOut(place),
  );
}

// A row of a table under the names of its columns; null for other words.
function rows(answer, place, words) {
  const lines = words.trim().split("\n");
  const own = lines.slice(0, MOST_ROWS).map(cells);
  if (own.some((row) => row.length < 2)) return null;
  const isHead = answer.citations.some(({ columns }) => columns?.join("\n") === own[0].join("\n"));
  const known = place.columns?.length > 1 && !isHead;
  if (!known && !isHead && own.length < 2) return null;
  return el("div", { class: "quote table" }, grid([...(known ? [place.columns] : []), ...own], { head: known || isHead }));
}

// Words of a quote that lead somewhere, with the address to be seen before it is opened.
export const leads = ({ text, href }) =>
  out(href, { class: "lead" }, ...(text === href ? [] : [el("span", { class: "lead-words" }, brief(text)), " "]), el("span", { class: "lead-to" }, href));

// Where its page is opened in the system that it came from, and where words of the quote lead.
function waysOut({ address, links }) {
  const ways = [...(address ? [{ text: address, href: address }] : []), ...(links ?? [])];
  return ways.length ? el("div", { class: "leads" }, ...ways.map(leads)) : null;
}

export function brief(text, most = NARROW) {
  const points = Array.from(text.trim());
  return points.length > most ? `${points.slice(0, most).join("").trimEnd()}…` : points.join("");
}
