// Parts that the sections are built of: tables, fields, notes, and questions before what cannot be undone.

import { byId, el } from "./dom.js";
import { locale, say } from "./admin_words.js";

export const button = (label, press, attributes = {}) =>
  el("button", { type: "button", class: "push", ...attributes, on: { click: press } }, label);

let last = 0;

export function field(label, control, hint) {
  last += 1;
  control.id ||= `field-${last}`;
  const words = hint && el("small", { id: `${control.id}-hint` }, hint);
  if (words) control.setAttribute("aria-describedby", words.id);
  return el("div", { class: "field-box" }, el("label", { for: control.id }, label), control, words);
}

export const input = (attributes = {}) => el("input", { type: "text", autocomplete: "off", spellcheck: "false", ...attributes });

export function choice(options, attributes = {}) {
  const node = el("select", attributes);
  for (const [value, label] of options) node.append(el("option", { value }, label));
  return node;
}

export function tick(label, attributes = {}) {
  return el("label", { class: "tick" }, el("input", { type: "checkbox", ...attributes }), el("span", {}, label));
}

// heads: words; a row's cells: nodes, words or numbers. Where a phone has no room, each cell names its column.
// Roles are said once more: a phone lays rows out as cards, and browsers then forget the table.
export function table(caption, heads, rows) {
  const head = el("tr", { role: "row" }, ...heads.map((name) => el("th", { scope: "col", role: "columnheader" }, name || el("span", { class: "unseen" }, say("actions")))));
  const body = el("tbody", { role: "rowgroup" }, ...rows.map((cells) => row(heads, cells)));
  return el("table", { class: "grid", role: "table" }, el("caption", { class: "unseen" }, caption), el("thead", { role: "rowgroup" }, head), body);
}

export function row(heads, cells) {
  const nodes = cells.map((cell, n) => {
    const number = typeof cell === "number";
    const content = number ? cell.toLocaleString(locale()) : cell;
    return el("td", { role: "cell", "data-head": heads[n], class: number ? "number-cell" : null }, content ?? "–");
  });
  return el("tr", { role: "row" }, ...nodes);
}

export const badge = (text, kind = "") => el("span", { class: `badge ${kind}`.trim() }, text);

export const note = (text, kind = "") => el("p", { class: `notice ${kind}`.trim(), role: kind === "bad" ? "alert" : null }, text);

export const empty = (text) => el("p", { class: "nothing" }, text);

export const words = (problem) => problem.message || say(problem.status ? "failed" : "offline");

// Do something for a node; what goes wrong is said beside it.
export async function attempt(place, work) {
  place.querySelector(":scope > .notice.bad")?.remove();
  try {
    return await work();
  } catch (problem) {
    if (problem.status === 401) throw problem;
    place.prepend(note(words(problem), "bad"));
    return null;
  }
}

export function hear(text) {
  byId("heard").textContent = text;
}

// Ask before something that cannot be undone. `twice`: a word that has to be typed.
export function sure(title, text, action, { twice, danger = true } = {}) {
  const dialog = byId("ask");
  const typed = twice && input({ "aria-label": say("typeName", twice) });
  const go = el("button", { type: "submit", class: danger ? "primary danger" : "primary", value: "yes" }, action);
  if (typed) {
    go.disabled = true;
    typed.addEventListener("input", () => (go.disabled = typed.value !== twice));
  }
  const cancel = el("button", { type: "submit", class: "quiet", value: "", formnovalidate: true }, say("cancel"));
  dialog.replaceChildren(
    el(
      "form",
      { method: "dialog" },
      el("h2", { id: "ask-title" }, title),
      el("p", {}, text),
      typed && field(say("typeName", twice), typed),
      el("div", { class: "row" }, cancel, go),
    ),
  );
  dialog.returnValue = "";
  dialog.showModal();
  (typed || cancel).focus();
  return new Promise((resolve) => dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"), { once: true }));
}

export const bytes = (count) => {
  if (count == null) return "–";
  if (count < 1000) return `${count}\u00a0B`;
  const units = ["kB", "MB", "GB"];
  let size = count / 1000;
  let at = 0;
  while (size >= 1000 && at < units.length - 1) [size, at] = [size / 1000, at + 1];
  return `${size.toLocaleString(locale(), { maximumFractionDigits: size < 10 ? 1 : 0 })}\u00a0${units[at]}`;
};

export function moment(seconds) {
  if (seconds == null) return "–";
  const at = new Date(typeof seconds === "number" ? seconds * 1000 : seconds);
  const text = at.toLocaleString(locale(), { dateStyle: "medium", timeStyle: "short" });
  return el("time", { datetime: at.toISOString(), title: at.toISOString() }, text);
}

export const duration = (seconds) =>
  seconds < 60
    ? `${seconds.toLocaleString(locale(), { maximumFractionDigits: 1 })} s`
    : `${Math.floor(seconds / 3600)}:${String(Math.floor(seconds / 60) % 60).padStart(2, "0")}:${String(Math.floor(seconds % 60)).padStart(2, "0")}`;

export const more = (press) => button(say("more"), press, { class: "more" });

// Further pages of a table, each by a press. load(cursor) gives its rows and the next cursor.
export function pages(place, grid, heads, cells, next, load) {
  if (!next) return;
  const press = async (event) => {
    const pressed = event.currentTarget;
    await attempt(place, async () => {
      const [rows, following] = await load(next);
      grid.tBodies[0].append(...rows.map((one) => row(heads, cells(one))));
      pressed.remove();
      pages(place, grid, heads, cells, following, load);
    });
  };
  place.append(more(press));
}
