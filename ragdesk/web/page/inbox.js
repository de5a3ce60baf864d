// The inbox: conversations that wait for a person, and one of them opened.

import { byId, el } from "./dom.js";
import { language, say, speak } from "./words.js";
import { tell, tellAll } from "./handoff_words.js";
import { redrawCase, showCase } from "./inbox_case.js";
import { forgetDrafts } from "./inbox_learning.js";
import * as sources from "./sources.js";
import * as session from "./session.js";
import * as wire from "./handoff_wire.js";

const LOOK = 3000; // milliseconds between looks at the queue
const which = byId("which");
let chosen = null; // id of the hand-off that is shown
let timer = null;
let pages = 1; // of the queue that are shown
let agent = null; // who is signed in

speak(localStorage.getItem("ragdesk.language") ?? navigator.language);
dress(localStorage.getItem("ragdesk.theme"));
sayAll();
enter();

function sayAll() {
  tellAll();
  byId("language").textContent = say("other");
  document.title = tell("inbox");
}

async function enter() {
  try {
    const who = await session.current();
    if (!who.scopes.includes("agent")) return askKey(true);
    welcome(who);
  } catch (problem) {
    if (problem.status === 401) askKey(false);
    else byId("choose").textContent = problem.message || say("offline");
  }
}

function welcome(who) {
  byId("who").textContent = who.name;
  byId("leave").hidden = who.kind !== "staff";
  if (agent && agent.name !== who.name) forgetDrafts();
  agent = who;
  look();
}

function askKey(wrong) {
  const dialog = byId("key");
  byId("key-wrong").hidden = !wrong;
  byId("key-form").onsubmit = async (event) => {
    event.preventDefault();
    const key = byId("key-value").value.trim();
    byId("key-value").value = "";
    try {
      const who = await session.signIn(key);
      if (!who.scopes.includes("agent")) throw new Error("scope");
      dialog.close();
      welcome(who);
    } catch {
      byId("key-wrong").hidden = false;
      byId("key-value").focus();
    }
  };
  if (!dialog.open) dialog.showModal();
}

// Look at the queue, again and again while the page is seen.
async function look() {
  clearTimeout(timer);
  try {
    if (!document.hidden) draw(await wire.queue(which.value, pages));
  } catch (problem) {
    if (problem.status === 401) return askKey(false);
  }
  timer = setTimeout(look, LOOK);
}

function draw({ handoffs, counts, staffed, next }) {
  byId("count").textContent = tell("nOpen", counts.waiting ?? 0);
  byId("away").hidden = staffed;
  byId("empty").hidden = handoffs.length > 0;
  byId("more").hidden = !next;
  const focused = document.activeElement?.dataset?.case;
  const rows = handoffs.map(entry);
  const before = byId("cases").dataset.drawn;
  const now = JSON.stringify([handoffs.map((one) => [one.id, one.state, one.agent_name, minutes(one)]), chosen, language()]);
  if (before === now) return;
  byId("cases").dataset.drawn = now;
  byId("cases").replaceChildren(...rows);
  if (focused) byId("cases").querySelector(`[data-case="${focused}"]`)?.focus();
}

const minutes = (one) => Math.max(0, Math.floor((Date.now() / 1000 - (one.closed ?? one.created)) / 60));

function entry(one) {
  const urgent = ["safety", "complaint"].includes(one.reason);
  const facts = [tell(one.reason), one.state === "waiting" ? tell("since", tell("minutes", minutes(one))) : tell(one.state)];
  if (one.agent_name) facts.push(one.state === "waiting" ? tell("forWhom", one.agent_name) : one.agent_name);
  const press = () => choose(one.id);
  const row = el(
    "button",
    { type: "button", class: urgent ? "entry urgent" : "entry", "data-case": one.id, "aria-current": one.id === chosen ? "true" : null, on: { click: press } },
    el("span", { class: "entry-title" }, one.text || one.question || tell(one.reason)),
    el("span", { class: "where" }, facts.join(" · ")),
  );
  return el("li", {}, row);
}

async function choose(id) {
  chosen = id;
  document.body.classList.add("chosen");
  await showCase(id, { look, isEditor: () => agent.scopes.includes("edit") });
  byId("cases").dataset.drawn = "";
  byId("case").focus({ preventScroll: true });
  look();
}

function dress(theme) {
  if (theme) document.documentElement.dataset.theme = theme;
}

function leaveCase() {
  document.body.classList.remove("chosen");
  byId("cases").querySelector(`[data-case="${chosen}"]`)?.focus();
}

which.addEventListener("change", () => {
  pages = 1;
  look();
});
// Where the button was the next entry begins: the keyboard goes on there.
byId("more").addEventListener("click", async () => {
  const drawn = byId("cases").childElementCount;
  pages += 1;
  await look();
  byId("cases").children[drawn]?.querySelector("button").focus();
});
byId("to-queue").addEventListener("click", leaveCase);
document.addEventListener("visibilitychange", () => document.hidden || look());
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && !byId("key").open && !sources.close()) leaveCase();
});

byId("leave").addEventListener("click", async () => {
  await session.signOut();
  location.reload();
});

byId("language").addEventListener("click", () => {
  const next = language() === "zh" ? "en" : "zh";
  localStorage.setItem("ragdesk.language", next);
  speak(next);
  sayAll();
  redrawCase();
  look();
});

byId("theme").addEventListener("click", () => {
  const dark = document.documentElement.dataset.theme ?? (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");
  const next = dark === "dark" ? "light" : "dark";
  localStorage.setItem("ragdesk.theme", next);
  dress(next);
});
