// A document's chunks as the index sees them, drawn over its text.

import { el, stepper } from "./dom.js";
import * as parts from "./admin_parts.js";
import { locale, say } from "./admin_words.js";
import * as server from "./admin_wire.js";
import * as wire from "./wire.js";

export async function draw(place, desk) {
  place.append(el("a", { class: "back", href: "#documents" }, `‹ ${say("documents")}`));
  const path = (rest) => server.documentPath(desk.collection, desk.rest, rest);
  const [text, first] = await Promise.all([wire.text(desk.collection, desk.rest), server.json(path("/chunks"))]);
  if (!desk.alive()) return;
  const head = el("div", { class: "chunk-head" }, el("h2", {}, first.title || first.uri), el("p", { class: "uri" }, first.uri));
  const without = first.chunks.filter((one) => !one.has_vector).length;
  head.append(el("p", {}, say("chunksOf", first.total, first.generation), without ? ` ${say("withoutVector", without)}` : ""));
  const paper = el("div", { class: "chunked" });
  place.append(head, paper);
  const at = stepper(text);
  let drawn = 0; // of the text, in UTF-16 units
  const add = (page) => {
    for (const chunk of page.chunks) {
      const [start, end] = [at(chunk.start), at(chunk.end)];
      if (start > drawn) paper.append(...gap(text.slice(drawn, start)));
      paper.append(block(chunk, text.slice(Math.max(drawn, start), end), start < drawn));
      drawn = Math.max(drawn, end);
    }
    if (page.next) paper.append(parts.more((event) => load(event.currentTarget, page.next)));
    else paper.append(...gap(text.slice(drawn)));
  };
  const load = (pressed, cursor) =>
    parts.attempt(paper, async () => {
      const page = await server.json(path(`/chunks${server.query({ cursor })}`));
      pressed.remove();
      add(page);
    });
  add(first);
  if (paper.querySelector(".gap")) head.append(el("p", { class: "intro" }, say("noChunk")));
}

// Text that stands in no chunk: nothing finds it.
const gap = (text) => (text.trim() ? [el("p", { class: "gap", }, text.trim())] : []);

function block(chunk, text, overlaps) {
  const number = (count) => count.toLocaleString(locale());
  const facts = [
    parts.badge(`#${chunk.number}`, "strong"),
    parts.badge(chunk.kind),
    chunk.page && parts.badge(say("page", chunk.page)),
    parts.badge(chunk.has_vector ? say("vector") : say("noVector"), chunk.has_vector ? "good" : "warn"),
    el("span", {}, say("tokens", number(chunk.tokens))),
    el("span", {}, `${number(chunk.start)}–${number(chunk.end)}`),
  ];
  return el(
    "section",
    { class: "chunk", "aria-label": say("chunk", chunk.number) },
    el("div", { class: "facts" }, ...facts),
    chunk.path.length > 0 && chunk.lead !== chunk.path.join(" > ") && el("p", { class: "chunk-path" }, chunk.path.join(" › ")),
    chunk.lead && el("p", { class: "chunk-lead" }, el("span", { class: "unseen" }, say("lead")), chunk.lead),
    el("p", { class: "chunk-text" }, overlaps ? "… " : "", text.trim()),
    el("details", {}, el("summary", {}, say("terms", number(chunk.terms.length))), el("p", { class: "terms" }, chunk.terms.join(" · "))),
  );
}
