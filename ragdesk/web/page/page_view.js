// A page of a PDF as a picture, with the quote marked on it: the page before and after, and two sizes.

import { el, vector } from "./dom.js";
import { label, put, spoken } from "./words.js";
import * as wire from "./wire.js";

const STEP = 200; // pixels by which widths differ, so that few are drawn
const SMALLEST = 600;
const LARGEST = 2000;

// sheets: {pages, boxes} of the document, in points. Returns the node, its tools, and what draws its first page.
export function drawPages(answer, place, { pages, boxes }) {
  const first = Math.min(boxes[0]?.page ?? place.page ?? 1, pages.length);
  let number = first;
  let turn = 0; // a picture that comes late is not drawn over a later page
  let drawn = ""; // the picture that stands there
  const canvas = el("canvas", { role: "img" });
  const frame = el("div", { class: "frame" }, canvas);
  const sheet = label(el("div", { class: "sheet", tabindex: "0", role: "region" }, frame), "pageArea");
  const count = el("span", { class: "count", "aria-live": "polite" });
  const before = step("‹", "pageBefore", -1);
  const after = step("›", "pageAfter", 1);
  const size = label(el("button", { type: "button", class: "quiet small", "aria-pressed": "false", on: { click: enlarge } }), "enlarge");
  put(size, "enlarge");
  const note = el("p", { class: "wait", role: "alert", hidden: true });
  const tools = el("div", { class: "sheet-tools" }, before, count, after, size);
  const node = el("div", { class: "pages" }, note, sheet);
  const also = answer.citations.filter((other) => other !== place && other.uri === place.uri).flatMap((other) => other.boxes ?? []);
  sheet.addEventListener("keydown", (event) => {
    const by = { PageUp: -1, PageDown: 1 }[event.key];
    if (!by) return;
    event.preventDefault();
    go(by);
  });

  function step(sign, name, by) {
    return label(el("button", { type: "button", class: "quiet step-page", on: { click: () => go(by) } }, sign), name);
  }

  function go(by) {
    const next = number + by;
    if (next < 1 || next > pages.length) return;
    number = next;
    show();
  }

  function enlarge() {
    const on = size.getAttribute("aria-pressed") !== "true";
    size.setAttribute("aria-pressed", String(on));
    sheet.classList.toggle("large", on);
    show();
  }

  async function show() {
    const page = pages[number - 1];
    put(count, "pageOf", number, pages.length);
    before.disabled = number === 1;
    after.disabled = number === pages.length;
    const own = boxes.filter((box) => box.page === number);
    label(canvas, own.length ? "pictureMarked" : "picture", number, place.quote ?? place.text ?? "");
    frame.style.aspectRatio = `${page.width} / ${page.height}`;
    const width = pixels(sheet.classList.contains("large"));
    const shown = number;
    const wanted = `${number} ${width}`;
    if (wanted === drawn) return reveal();
    turn += 1;
    const mine = turn;
    note.hidden = true;
    sheet.setAttribute("aria-busy", "true");
    frame.querySelector("svg")?.remove();
    try {
      const picture = await createImageBitmap(await wire.pageImage(answer.collection, place.uri, number, { width, generation: answer.generation, chunk: place.chunk }));
      if (mine !== turn) return;
      canvas.width = picture.width;
      canvas.height = picture.height;
      canvas.getContext("2d").drawImage(picture, 0, 0);
      picture.close();
      drawn = wanted;
      frame.append(outline(page, own, also.filter((box) => box.page === shown)));
      reveal();
    } catch (problem) {
      if (mine !== turn) return;
      canvas.width = canvas.width; // an earlier page must not stand under this number
      drawn = "";
      put(note, problem.status ? "noPicture" : "offline");
      note.hidden = false;
    } finally {
      if (mine === turn) sheet.removeAttribute("aria-busy");
    }
  }

  const reveal = () => frame.querySelector(".main")?.scrollIntoView({ block: "center", inline: "nearest" });

  function pixels(large) {
    const shown = (sheet.clientWidth || SMALLEST) * (large ? 2 : 1) * devicePixelRatio;
    return Math.min(LARGEST, Math.max(SMALLEST, Math.ceil(shown / STEP) * STEP));
  }

  return { node, tools, show };
}

// The boxes of the quote, and paler those of the answer's other quotes, over the picture in the points of the page.
function outline(page, boxes, others) {
  const draw = (kind) => (box) =>
    vector("rect", { class: kind, x: box.left - 1, y: box.top - 1, width: Math.max(1, box.right - box.left) + 2, height: Math.max(1, box.bottom - box.top) + 2, rx: 1.5 });
  const rects = [...others.map(draw("other")), ...boxes.map(draw("main"))];
  return vector("svg", { class: "boxes", viewBox: `0 0 ${page.width} ${page.height}`, "aria-hidden": "true" }, ...rects);
}
