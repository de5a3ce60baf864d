// The page: a question goes out, an answer with its sources comes back.

import { byId, el } from "./dom.js";
import { drawReply, Turn } from "./turn.js";
import { followDocument } from "./document_place.js";
import { dress, suggest } from "./look.js";
import { language, put, speak } from "./words.js";
import { mountComposer } from "./composer.js";
import { mountHandoff } from "./handoff.js";
import { offerDictation } from "./voice.js";
import * as conversations from "./conversations.js";
import * as sources from "./sources.js";
import * as wire from "./wire.js";

const question = byId("question");
const picker = byId("collection");
let running = null; // the AbortController of the question under way
let known = []; // the collections this reader may ask
let numbered = 0; // of the last turn of a conversation that was opened again

speak(localStorage.getItem("ragdesk.language") ?? navigator.language);
setTheme(localStorage.getItem("ragdesk.theme"));
nameLanguage();
offerDictation(byId("listen"), question);
dress();
const person = mountHandoff(byId("person"), {
  ensure: () => conversations.ensure(picker.value || "default"),
  draw: (turn) => drawReply(turn).scrollIntoView({ block: "start", behavior: "smooth" }),
  known: () => numbered,
});
const drawBusy = mountComposer({ submit: (text) => ask(text), stop: () => running.abort(), isBusy: () => running !== null });
conversations.start(draw);
addEventListener("hashchange", () => followDocument());
open();

async function open() {
  try {
    known = await wire.collections();
  } catch (problem) {
    if (problem.status === 401) return askKey(open);
    known = [];
    return introduce();
  }
  byId("change-key").hidden = !wire.hasKey();
  picker.replaceChildren(...known.map((one) => el("option", { value: one.name }, one.name)));
  const last = localStorage.getItem("ragdesk.collection");
  const names = known.map((one) => one.name);
  picker.value = [last, "default", names[0]].find((one) => names.includes(one)) ?? "";
  byId("collection-box").hidden = known.length < 2;
  introduce();
  question.focus();
  person.follow(conversations.conversation()?.id ?? null);
  conversations.follow().catch(() => askKey(open));
  followDocument();
}

// A conversation that was opened again, or the empty page. shared: somebody else's, to be read.
function draw(conversation, turns, shared) {
  running?.abort();
  byId("turns").replaceChildren();
  sources.close();
  document.body.classList.toggle("talking", turns.length > 0);
  document.body.classList.toggle("reading", shared);
  byId("composer").hidden = shared;
  if (conversation && known.some((one) => one.name === conversation.collection)) picker.value = conversation.collection;
  for (const turn of turns) {
    if (turn.author === "customer") new Turn(turn.question ?? "", conversation.collection, choose, { ...turn, shared });
    else if (turn.author === "agent") drawReply(turn);
  }
  byId("turns").lastElementChild?.scrollIntoView({ block: "start" });
  numbered = turns.at(-1)?.number ?? 0;
  person.follow(shared ? null : (conversation?.id ?? null));
  byId("person").hidden = shared;
  introduce();
  if (!shared) question.focus();
}

const choose = (choice) => running || ask(choice.question, choice.uris ? { uris: choice.uris } : {});

function introduce() {
  const here = known.find((one) => one.name === picker.value);
  byId("empty").hidden = Boolean(here?.documents);
  byId("about").hidden = !here?.documents;
  put(byId("about"), "documents", here?.documents ?? 0);
  suggest(here?.documents ? here.name : null, (text) => running || ask(text));
}

async function ask(text, filters = {}) {
  document.body.classList.add("talking");
  const collection = picker.value || "default";
  const turn = new Turn(text, collection, choose);
  running = new AbortController();
  drawBusy();
  try {
    const conversation = await conversations.ensure(collection);
    const asked = { question: text, collection, conversation, filters };
    await wire.ask(asked, (name, data) => turn.hear(name, data), running.signal);
    person.follow(conversation);
  } catch (problem) {
    if (problem.name === "AbortError") turn.stop();
    else if (problem.status === 401) askKey(() => ask(text, filters), turn.node.remove());
    else turn.fail(problem.message, () => ask(text, filters));
  } finally {
    running = null;
    drawBusy();
  }
}

// A key that was shown and refused is said to be wrong; an empty field changes nothing.
function askKey(then, wrong = wire.hasKey()) {
  const dialog = byId("key");
  byId("key-wrong").hidden = !wrong;
  byId("key-form").onsubmit = () => {
    const key = byId("key-value").value.trim();
    byId("key-value").value = "";
    if (key) wire.keep(key);
    byId("change-key").hidden = !wire.hasKey();
    then();
  };
  byId("change-key").hidden = false;
  if (!dialog.open) dialog.showModal();
}

function setTheme(theme) {
  if (theme) document.documentElement.dataset.theme = theme;
}

function nameLanguage() {
  const button = byId("language");
  put(button, "other");
  button.lang = language() === "zh" ? "en" : "zh-CN";
}

document.addEventListener("keydown", (event) => {
  const typing = ["TEXTAREA", "INPUT", "SELECT"].includes(document.activeElement?.tagName);
  if (event.key === "Escape" && !document.querySelector("dialog[open]")) sources.close();
  if (event.key === "/" && !typing) {
    event.preventDefault();
    question.focus();
  }
});

picker.addEventListener("change", () => {
  if (picker.value === (conversations.conversation()?.collection ?? null)) return;
  localStorage.setItem("ragdesk.collection", picker.value);
  conversations.begin();
});

byId("key-later").addEventListener("click", () => byId("key").close());
byId("change-key").addEventListener("click", () => askKey(open, false));

byId("about").addEventListener("click", (event) => sources.all(picker.value, event.currentTarget));

byId("language").addEventListener("click", () => {
  const next = language() === "zh" ? "en" : "zh";
  localStorage.setItem("ragdesk.language", next);
  speak(next);
  nameLanguage();
  person.redraw();
});

byId("theme").addEventListener("click", () => {
  const dark = document.documentElement.dataset.theme ?? (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");
  const next = dark === "dark" ? "light" : "dark";
  localStorage.setItem("ragdesk.theme", next);
  setTheme(next);
});
