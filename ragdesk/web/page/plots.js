// Plots, drawn as SVG. Each series has a pattern of its own, its name beside it, and the same
// numbers in a table below: nothing hangs on colour.

import { el } from "./dom.js";
import { locale, say } from "./admin_words.js";

const SVG = "http://www.w3.org/2000/svg";
const [HEIGHT, LEFT, BOTTOM, TOP] = [200, 36, 22, 8];
const isNarrow = () => matchMedia("(max-width: 47.99rem)").matches; // words would be too small there
let last = 0;

function draw(name, attributes = {}, ...children) {
  const node = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) if (value != null) node.setAttribute(key, value);
  node.append(...children);
  return node;
}

// What fills the bars of series n: plain, striped, dotted, crossed, striped the other way, empty.
const FILLS = [
  [],
  [["path", { d: "M-1 1l2-2M0 6l6-6M5 7l2-2" }]],
  [["circle", { cx: 3, cy: 3, r: 1.4, class: "dot" }]],
  [["path", { d: "M0 3h6M3 0v6" }]],
  [["path", { d: "M-1 5l2 2M0 0l6 6M5-1l2 2" }]],
  [["path", { d: "M0 1.5h6M0 4.5h6" }]],
];

function pattern(id, n) {
  const marks = FILLS[n % FILLS.length].map(([name, attributes]) => draw(name, attributes));
  const ground = draw("rect", { width: 6, height: 6, class: "ground" });
  return draw("pattern", { id, width: 6, height: 6, patternUnits: "userSpaceOnUse", class: `fill-${n % FILLS.length}` }, ground, ...marks);
}

const whole = (n) => n.toLocaleString(locale());
const day = (text) => new Date(`${text}T00:00:00Z`).toLocaleDateString(locale(), { month: "short", day: "numeric", timeZone: "UTC" });

// A step of the scale: 1, 2 or 5 times a power of ten, four steps at most.
export function step(most) {
  const power = 10 ** Math.floor(Math.log10(Math.max(1, most / 4)));
  return [1, 2, 5, 10].map((n) => n * power).find((size) => size * 4 >= most) ?? power * 10;
}

// Bars of a day each, one series on the other. days: [{day, counts}]; series: [[key, name]].
export function stackedDays(caption, days, series) {
  last += 1;
  const ids = series.map((_, n) => `plot-${last}-${n}`);
  const totals = days.map((one) => series.reduce((sum, [key]) => sum + (one.counts[key] ?? 0), 0));
  const each = step(Math.max(1, ...totals));
  const top = each * Math.max(1, Math.ceil(Math.max(...totals) / each));
  const y = (count) => TOP + (HEIGHT - TOP - BOTTOM) * (1 - count / top);
  const width = isNarrow() ? 340 : 640;
  const wide = (width - LEFT) / days.length;
  const svg = draw("svg", { viewBox: `0 0 ${width} ${HEIGHT}`, class: "plot", "aria-hidden": "true", focusable: "false" });
  svg.append(draw("defs", {}, ...ids.map(pattern)));
  for (let count = 0; count <= top; count += each) {
    svg.append(draw("line", { x1: LEFT, x2: width, y1: y(count), y2: y(count), class: "rule" }));
    svg.append(draw("text", { x: LEFT - 6, y: y(count) + 4, "text-anchor": "end" }, whole(count)));
  }
  const every = Math.ceil(days.length / (isNarrow() ? 3 : 6));
  days.forEach((one, n) => {
    let below = 0;
    series.forEach(([key], s) => {
      const count = one.counts[key] ?? 0;
      if (!count) return;
      const box = { x: LEFT + n * wide + wide * 0.12, width: wide * 0.76, y: y(below + count), height: y(below) - y(below + count) };
      svg.append(draw("rect", { ...box, fill: `url(#${ids[s]})`, class: "bar-part" }));
      below += count;
    });
    if (n % every === 0) svg.append(draw("text", { x: LEFT + n * wide + wide / 2, y: HEIGHT - 6, "text-anchor": days.length > 1 && n === 0 ? "start" : "middle" }, day(one.day)));
  });
  return figure(caption, svg, series, ids, days);
}

function figure(caption, svg, series, ids, days) {
  const keys = series.map(([, name], n) => {
    const box = draw("svg", { viewBox: "0 0 16 16", class: "plot-key", "aria-hidden": "true" }, draw("rect", { width: 16, height: 16, fill: `url(#${ids[n]})`, class: "bar-part" }));
    return el("li", {}, box, name);
  });
  const heads = [say("day"), ...series.map(([, name]) => name)];
  const rows = days.map((one) => el("tr", {}, el("th", { scope: "row" }, day(one.day)), ...series.map(([key]) => el("td", {}, whole(one.counts[key] ?? 0)))));
  const table = el("table", { class: "numbers" }, el("caption", { class: "unseen" }, caption), el("thead", {}, el("tr", {}, ...heads.map((name) => el("th", { scope: "col" }, name)))), el("tbody", {}, ...rows));
  return el("figure", { class: "plot-box" }, el("figcaption", {}, caption), svg, el("ul", { class: "plot-keys" }, ...keys), el("details", {}, el("summary", {}, say("asNumbers")), el("div", { class: "scrolls", tabindex: "0", role: "region", "aria-label": caption }, table)));
}

// A bar of parts of a whole, with its words beside it: 3 of 4.
export function share(part, all) {
  const wide = all ? (100 * part) / all : 0;
  const svg = draw("svg", { viewBox: "0 0 100 8", class: "share", preserveAspectRatio: "none", "aria-hidden": "true" });
  svg.append(draw("rect", { width: 100, height: 8, class: "share-all" }), draw("rect", { width: wide, height: 8, class: "share-part" }));
  return el("span", { class: "share-box" }, svg, el("span", {}, say("partOf", part, all)));
}
