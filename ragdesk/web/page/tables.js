// Tables as the documents' stored text has them: a row a line, its cells between " | ".

import { el } from "./dom.js";
import { label } from "./words.js";

const CELL = / \|(?= )/g; // an empty cell may leave nothing between two of them
const FIGURE = /^[\d\s.,:%+€$£¥–-]+$/; // a cell of figures alone stands under a head, and is none
export const MOST_ROWS = 8; // of a quote that are shown on its card

export const cells = (line) => ` ${line} `.split(CELL).map((cell) => cell.trim());

// Where the cells of a line stand in a text: [start, end] each, without the blanks around them.
export function cellSpans(text, from, to) {
  const line = ` ${text.slice(from, to)} `;
  const bars = [...line.matchAll(CELL)].map((bar) => bar.index);
  return [...bars, line.length].map((end, n) => {
    const start = n ? bars[n - 1] + 2 : 0;
    const words = line.slice(start, end);
    const first = from - 1 + start + (words.length - words.trimStart().length);
    return [Math.min(first, from - 1 + end), Math.max(first, from - 1 + start + words.trimEnd().length)];
  });
}

// Stretches of a text, in order: prose, and tables of two lines or more, or of a row that is cited as one.
export function blocks(text, from, to, isRow = () => false) {
  const all = [];
  let prose = from;
  let rows = [];
  const close = (at) => {
    if (rows.length > 1 || rows.some(([start, end]) => isRow(start, end))) {
      if (prose < rows[0][0]) all.push({ start: prose, end: rows[0][0] });
      all.push({ start: rows[0][0], end: at, rows });
      prose = at;
    }
    rows = [];
  };
  for (let at = from; at < to; ) {
    const stop = text.indexOf("\n", at);
    const end = stop < 0 || stop > to ? to : stop;
    if (cells(text.slice(at, end)).length > 1) rows.push([at, end]);
    else close(at);
    at = Math.min(end + 1, to);
  }
  close(to);
  if (prose < to) all.push({ start: prose, end: to });
  return all;
}

export const isHead = (words) => !words.some((word) => FIGURE.test(word));

// rows: of nodes, a list for each row. The first is a head if `head` says so.
export function grid(rows, { head = false, marked = () => false } = {}) {
  const width = Math.max(...rows.map((row) => row.length));
  const lines = rows.map((row, n) => {
    const first = head && n === 0;
    const padded = [...row, ...Array(width - row.length).fill("")];
    const nodes = padded.map((cell) => el(first ? "th" : "td", first ? { scope: "col" } : {}, ...[cell].flat()));
    return el("tr", { class: marked(n) ? "cited" : null }, ...nodes);
  });
  return label(el("div", { class: "wide", tabindex: "0", role: "group" }, el("table", {}, ...lines)), "table"); // it scrolls
}
