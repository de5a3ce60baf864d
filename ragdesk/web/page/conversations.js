// The conversations of this reader: kept by the server, listed, opened again, renamed, shared, deleted.

import { byId, el } from "./dom.js";
import { label, language, put, say, spoken } from "./words.js";
import * as wire from "./wire.js";

const PLACE = /^#(c|s)=([\w-]{1,100})$/; // of a conversation of one's own, of one that was shared
const SEARCH_PAUSE = 250; // milliseconds after the last key

const dialog = byId("past");
const list = byId("past-list");
const search = byId("past-search");

let current = null; // the conversation that the next question belongs to
let show = () => {}; // draws a conversation; set by `start`

// draw(conversation, turns, shared): empties the page where there is no conversation.
export function start(draw) {
  show = draw;
  byId("past-open").addEventListener("click", openList);
  byId("fresh").addEventListener("click", () => begin());
  byId("past-close").addEventListener("click", () => dialog.close());
  let waiting;
  search.addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(fill, SEARCH_PAUSE);
  });
  addEventListener("hashchange", () => follow());
}

// What the address names, as after a reload; nothing where it names none, or none of this reader.
export async function follow() {
  const [, kind, name] = PLACE.exec(location.hash) ?? [];
  if (!kind || name === current?.id) return;
  try {
    const { conversation, turns } = kind === "c" ? await wire.turns(name) : await wire.shared(name);
    current = kind === "c" ? conversation : null;
    show(conversation, turns, kind === "s");
  } catch (problem) {
    if (problem.status === 401) throw problem;
    begin();
    put(byId("heard"), "pastGone");
  }
}

// The conversation that a question of a collection belongs to, made with the first one.
export async function ensure(collection) {
  if (current?.collection === collection) return current.id;
  current = await wire.beginConversation(collection);
  history.replaceState(null, "", `#c=${current.id}`);
  return current.id;
}

// Leave the conversation: the next question begins another one.
export function begin() {
  current = null;
  history.replaceState(null, "", location.pathname + location.search);
  dialog.close();
  show(null, [], false);
}

export const conversation = () => current;

async function openList() {
  search.value = "";
  dialog.showModal();
  await fill();
}

async function fill(cursor) {
  const asked = search.value.trim();
  const page = await wire.conversations(asked, typeof cursor === "string" ? cursor : undefined).catch(() => null);
  if (asked !== search.value.trim()) return; // typed on meanwhile
  if (!page) return list.replaceChildren(spoken("li", { class: "wait" }, "offline"));
  const rows = page.conversations.map(row);
  list.querySelector(".more-row")?.remove();
  if (typeof cursor === "string") list.append(...rows);
  else list.replaceChildren(...(rows.length ? rows : [spoken("li", { class: "wait" }, asked ? "pastNone" : "pastEmpty")]));
  if (page.next) list.append(el("li", { class: "more-row" }, spoken("button", { type: "button", class: "more", on: { click: () => fill(page.next) } }, "more")));
}

function row(one) {
  const open = () => {
    dialog.close();
    if (one.id === current?.id) return;
    location.hash = `c=${one.id}`;
  };
  const name = one.title || say("pastUntitled");
  const day = new Date(one.updated * 1000).toLocaleDateString(language() === "zh" ? "zh-CN" : "en", { dateStyle: "medium" });
  const title = el("span", { class: "card-title" }, name);
  const state = one.state === "answering" ? null : spoken("span", { class: "note" }, `state_${one.state}`);
  const press = el("button", { type: "button", class: "past-open", "aria-current": one.id === current?.id ? "true" : null, on: { click: open } }, title, el("span", { class: "where" }, day), state);
  const tools = el(
    "span",
    { class: "past-tools" },
    tool("pastRename", name, () => rename(one, node)),
    tool("pastShare", name, (button) => share(one, button)),
    tool("pastDelete", name, (button) => remove(one, node, button)),
  );
  const node = el("li", { class: "past-row" }, press, tools);
  return node;
}

function tool(name, title, work) {
  const button = spoken("button", { type: "button", class: "quiet small", on: { click: () => attempt(() => work(button)) } }, name);
  button.title = `${say(name)}: ${title}`;
  return button;
}

async function attempt(work) {
  try {
    await work();
  } catch (problem) {
    put(byId("past-said"), problem.status === 0 ? "offline" : "failed");
  }
}

function rename(one, node) {
  const field = label(el("input", { type: "text", maxlength: "120", value: one.title }), "pastTitle");
  const form = el("form", { class: "past-rename" }, field, spoken("button", { type: "submit", class: "chip" }, "save"));
  const place = el("li", { class: "past-row" }, form);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const title = field.value.trim();
    if (!title) return;
    attempt(async () => {
      const renamed = row(await wire.renameConversation(one.id, title));
      place.replaceWith(renamed);
      renamed.querySelector("button").focus();
    });
  });
  node.replaceWith(place);
  field.focus();
  field.select();
}

// A link for others of the house: each of them sees what their own key may see.
async function share(one, button) {
  const { token } = await wire.shareConversation(one.id);
  const address = `${location.origin}${location.pathname}#s=${token}`;
  if (navigator.clipboard) {
    await navigator.clipboard.writeText(address);
    put(button, "copied");
  } else {
    button.replaceWith(label(el("input", { class: "past-link", readonly: true, value: address }), "pastLink"));
  }
  put(byId("past-said"), "pastShared");
}

// Asked twice: there is no way back.
async function remove(one, node, button) {
  if (!button.dataset.sure) {
    button.dataset.sure = "yes";
    put(button, "pastSure");
    return;
  }
  await wire.deleteConversation(one.id);
  const next = (node.nextElementSibling ?? node.previousElementSibling)?.querySelector("button") ?? search;
  node.remove();
  next.focus();
  put(byId("past-said"), "pastDeleted");
  if (one.id === current?.id) {
    current = null;
    history.replaceState(null, "", location.pathname + location.search);
    show(null, [], false);
  }
}
