// The page: a question goes out, an answer with its sources comes back.

import { byId, el } from "./dom.js";
import { Turn } from "./turn.js";
import { dress, suggest } from "./look.js";
import { label, language, put, speak } from "./words.js";
import { offerDictation } from "./voice.js";
import * as sources from "./sources.js";
import * as wire from "./wire.js";

const question = byId("question");
const send = byId("send");
const picker = byId("collection");
let running = null; // the AbortController of the question under way
let known = []; // the collections this reader may ask
let said = []; // the conversation so far: a follow-up question leans on it
const REMEMBERED = 8;
const LONGEST = 4000; // characters of a turn that are sent again

speak(localStorage.getItem("ragdesk.language") ?? navigator.language);
setTheme(localStorage.getItem("ragdesk.theme"));
nameLanguage();
offerDictation(byId("listen"), question);
dress();
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
}

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
  const turn = new Turn(text, collection, (choice) => running || ask(choice.question, choice.uris ? { uris: choice.uris } : {}));
  const before = said;
  const asked = { question: text, collection, history: before, filters };
  running = new AbortController();
  busy(true);
  try {
    await wire.ask(asked, (name, data) => turn.hear(name, data), running.signal);
    if (said === before) remember(text, turn.answer); // else the talk is over: another collection
  } catch (problem) {
    if (problem.name === "AbortError") turn.stop();
    else if (problem.status === 401) askKey(() => ask(text, filters), turn.node.remove());
    else turn.fail(problem.message, () => ask(text, filters));
  } finally {
    running = null;
    busy(false);
  }
}

// What asks back settles nothing: the question that follows a choice says it all again.
function remember(text, answer) {
  if (!answer.text || answer.outcome === "clarify") return;
  const turns = [{ role: "user", text }, { role: "assistant", text: Array.from(answer.text).slice(0, LONGEST).join("") }];
  said = [...said, ...turns].slice(-REMEMBERED);
}

function busy(on) {
  send.classList.toggle("busy", on);
  label(send, on ? "stop" : "send");
}

function submit() {
  const text = question.value.trim();
  if (!text || running) return;
  question.value = "";
  grow();
  ask(text);
}

function grow() {
  question.rows = 1;
  const lines = Math.round((question.scrollHeight - 20) / 24);
  question.rows = Math.min(6, Math.max(1, lines));
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

byId("composer").addEventListener("submit", (event) => {
  event.preventDefault();
  if (running) running.abort();
  else submit();
});

question.addEventListener("input", grow);
question.addEventListener("keydown", (event) => {
  // While an input method composes Chinese, Enter picks a word.
  if (event.key !== "Enter" || event.shiftKey || event.isComposing || event.keyCode === 229) return;
  event.preventDefault();
  submit();
});

document.addEventListener("keydown", (event) => {
  const typing = ["TEXTAREA", "INPUT", "SELECT"].includes(document.activeElement?.tagName);
  if (event.key === "Escape" && !byId("key").open) sources.close();
  if (event.key === "/" && !typing) {
    event.preventDefault();
    question.focus();
  }
});

picker.addEventListener("change", () => {
  localStorage.setItem("ragdesk.collection", picker.value);
  said = [];
  introduce();
});

byId("key-later").addEventListener("click", () => byId("key").close());
byId("change-key").addEventListener("click", () => askKey(open, false));

byId("about").addEventListener("click", (event) => sources.all(picker.value, event.currentTarget));

byId("language").addEventListener("click", () => {
  const next = language() === "zh" ? "en" : "zh";
  localStorage.setItem("ragdesk.language", next);
  speak(next);
  nameLanguage();
});

byId("theme").addEventListener("click", () => {
  const dark = document.documentElement.dataset.theme ?? (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");
  const next = dark === "dark" ? "light" : "dark";
  localStorage.setItem("ragdesk.theme", next);
  setTheme(next);
});
