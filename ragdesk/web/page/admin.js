// The administrator's page: who signs in, which section stands, and for which collection.

import { byId, el } from "./dom.js";
import { admin_sections } from "./admin_sections.js";
import { hear, note, words } from "./admin_parts.js";
import { language, say, speak } from "./admin_words.js";
import * as session from "./session.js";
import * as wire from "./wire.js";

const picker = byId("collection");
const place = byId("section");
let leave = null; // what the section that stands has to end
let turn = 0; // a section that was overtaken by another must not draw
let collections = [];
let scopes = []; // of who is signed in

speak(localStorage.getItem("ragdesk.language") ?? navigator.language);
dress(localStorage.getItem("ragdesk.theme"));
begin();

async function begin() {
  try {
    const who = await session.current();
    scopes = who.scopes;
    byId("change-key").hidden = who.kind === "local";
    drawRooms();
    collections = await wire.collections();
  } catch (problem) {
    if (problem.status === 401) return askKey(begin);
    collections = [];
    place.replaceChildren(note(words(problem), "bad"));
    return undefined;
  }
  fillPicker();
  return show();
}

function fillPicker() {
  const names = collections.map((one) => one.name);
  const last = localStorage.getItem("ragdesk.collection");
  if (!names.length) names.push("default");
  picker.replaceChildren(...names.map((name) => el("option", { value: name }, name)));
  picker.value = [last, "default", names[0]].find((name) => names.includes(name));
  byId("collection-box").hidden = names.length < 2;
}

function drawRooms() {
  const items = admin_sections
    .filter((one) => !one.hidden && isOpen(one))
    .map((one) => el("a", { href: `#${one.name}`, "data-name": one.name }, label(one)));
  byId("rooms").replaceChildren(...items);
}

// A section names the scope that it takes; without one it is for administrators.
function isOpen(section) {
  return scopes.includes(section.scope ?? "admin");
}

function label(section) {
  return typeof section.label === "string" ? say(section.label) : section.label[language()];
}

// #section/rest: the rest is the section's own, a document's uri for instance.
function address() {
  const [name, ...rest] = location.hash.slice(1).split("/");
  const section = admin_sections.find((one) => one.name === name) ?? admin_sections.find(isOpen) ?? admin_sections[0];
  return { section, rest: rest.map(decodeURIComponent).join("/") };
}

async function show() {
  turn += 1;
  const mine = turn;
  leave?.();
  leave = null;
  const { section, rest } = address();
  byId("title").textContent = label(section);
  document.title = `${label(section)} · ragdesk`;
  const current = section.hidden ? "documents" : section.name;
  for (const link of byId("rooms").children) {
    if (link.dataset.name === current) {
      link.setAttribute("aria-current", "page");
      link.scrollIntoView({ block: "nearest", inline: "nearest" });
    } else link.removeAttribute("aria-current");
  }
  const room = el("div", { class: `section ${section.name}` });
  place.replaceChildren(room);
  const desk = { collection: picker.value, collections, rest, hear, renew, alive: () => mine === turn };
  try {
    if (!isOpen(section)) throw new wire.Problem(403, "forbidden", say("forbidden"));
    const { draw } = await section.load();
    if (mine !== turn) return;
    const end = await draw(room, desk);
    if (mine === turn) leave = end ?? null;
    else end?.();
  } catch (problem) {
    if (mine !== turn) return;
    if (problem.status === 401) askKey(begin);
    else if (problem.status === 403) room.replaceChildren(note(say("forbidden"), "bad"));
    else room.prepend(note(words(problem), "bad"));
  }
}

// Collections are looked up again: one may have come with its first document.
async function renew() {
  collections = await wire.collections().catch(() => collections);
  fillPicker();
}

function askKey(then) {
  const dialog = byId("key");
  const wrong = byId("key-wrong");
  wrong.hidden = true;
  byId("key-form").onsubmit = async (event) => {
    event.preventDefault();
    const key = byId("key-value").value.trim();
    if (!key) return;
    try {
      await session.signIn(key);
    } catch (problem) {
      wrong.textContent = problem.status === 401 ? say("keyWrong") : words(problem);
      wrong.hidden = false;
      byId("key-value").select();
      return;
    }
    byId("key-value").value = "";
    dialog.close();
    then();
  };
  if (!dialog.open) dialog.showModal();
  session.provider().then((path) => {
    byId("key-provider").hidden = !path;
    byId("key-provider").href = `${path}?page=admin`;
  }, () => {});
}

function dress(theme) {
  if (theme) document.documentElement.dataset.theme = theme;
}

byId("skip").addEventListener("click", (event) => {
  event.preventDefault();
  byId("content").focus();
});

window.addEventListener("hashchange", async () => {
  await show();
  byId("title").focus({ preventScroll: true });
});

// What a section did not catch: a key that lapsed meanwhile asks for another.
window.addEventListener("unhandledrejection", (event) => {
  if (event.reason?.status !== 401) return;
  event.preventDefault();
  askKey(begin);
});

picker.addEventListener("change", () => {
  localStorage.setItem("ragdesk.collection", picker.value);
  show();
});

byId("change-key").addEventListener("click", async () => {
  await session.signOut();
  askKey(begin);
});
byId("key-later").addEventListener("click", () => byId("key").close());

byId("language").addEventListener("click", () => {
  const next = language() === "zh" ? "en" : "zh";
  localStorage.setItem("ragdesk.language", next);
  speak(next);
  drawRooms();
  show();
});

byId("theme").addEventListener("click", () => {
  const dark = document.documentElement.dataset.theme ?? (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");
  const next = dark === "dark" ? "light" : "dark";
  localStorage.setItem("ragdesk.theme", next);
  dress(next);
});
