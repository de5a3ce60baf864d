// What the desk learns in the inbox: what is right in place of an answer, and FAQ entries made of replies.

import { el } from "./dom.js";
import * as wire from "./handoff_wire.js";
import { tellLearning } from "./learning_words.js";
import { isLookup } from "./sources.js";
import { ROOT } from "./wire.js";

const LONGEST_QUESTION = 1000; // characters, as the server takes them
const LONGEST_ANSWER = 8000;
const MARKS = /[ \t]*\[(\d{1,3})\]/g;
const ASKS_NOTHING = ["greeting", "thanks", "goodbye", "wants_person"]; // of the documents: nothing is right in its place
const drafts = new Map(); // what is written, by turn: it stays while other things are looked at
const requests = new Map(); // the last words sent, with their key, by turn: sent again they make no second draft
const outcomes = new Map(); // drafts that were made, by turn
const places = new Map(); // by turn: where the page shows now what came of a request
let openForm = null; // the one form that is open: {id: of its turn, close}

// Forget what somebody wrote: another agent is there.
export function forgetDrafts() {
  openForm?.close();
  for (const kept of [drafts, requests, outcomes]) kept.clear();
}

// The button below an answer or reply, and the form that it opens; null for what teaches nothing.
// question: that a reply answers. collection: of the conversation. isEditor: tells whether the agent is one now.
export function teaching(turn, { question, collection, isEditor }) {
  if (!teaches(turn)) return null;
  const isReply = turn.author === "agent";
  const name = tellLearning(isReply ? "entry" : "correct");
  const status = el("p", { class: "hint", role: "status" });
  const open = el("button", { type: "button", class: "chip", "aria-expanded": "false", "aria-label": tellLearning("ofMessage", name, turn.number) }, name);
  // Within the transcript, which is read out as it grows: what is written here is not, what came of it is.
  const node = el("div", { class: isReply ? "teaching of-reply" : "teaching", "aria-live": "off" }, open, status);
  const first = isReply ? { question, text: withoutMarks(turn.answer) } : { question: turn.question, text: "" };
  const send = (words, key) =>
    isReply
      ? wire.makeEntry({ turn: turn.id, collection, question: words.question, answer: words.text }, key)
      : wire.correct({ answer: turn.id, question: words.question, text: words.text }, key);
  let form = null;
  const entry = { id: turn.id, close };
  function close() {
    if (!form) return;
    const isFocused = form.contains(document.activeElement);
    form.remove();
    form = null;
    if (openForm === entry) openForm = null;
    open.setAttribute("aria-expanded", "false");
    if (isFocused) open.focus();
  }
  const discard = () => {
    drafts.delete(turn.id);
    close();
  };
  const showForm = () => {
    status.replaceChildren();
    outcomes.delete(turn.id);
    form = makeForm(turn.id, isReply, drafts.get(turn.id) ?? first, { send, close, discard });
    openForm = entry;
    open.setAttribute("aria-expanded", "true");
    open.after(form);
  };
  places.set(turn.id, {
    showDraft(draft) {
      if (form && !drafts.has(turn.id)) close(); // else something else is written by now
      status.replaceChildren(...describe(draft, collection, isEditor()));
      node.scrollIntoView({ block: "nearest" });
    },
    showProblem(words) {
      if (form) return form.showProblem(words);
      status.textContent = words;
      node.scrollIntoView({ block: "nearest" });
    },
  });
  open.addEventListener("click", () => {
    if (form) return close();
    openForm?.close();
    showForm();
    form.querySelector('[name="text"]').focus();
    form.scrollIntoView({ block: "nearest" });
  });
  if (openForm?.id === turn.id) showForm(); // it is drawn anew, in another language for instance
  if (outcomes.has(turn.id)) status.append(...describe(outcomes.get(turn.id), collection, isEditor()));
  return node;
}

// Send words once; whatever is on the page by then shows what came of it.
async function submitWords(id, words, send) {
  const text = JSON.stringify(words);
  if (requests.get(id)?.text !== text) requests.set(id, { text, key: wire.newKey() });
  const request = requests.get(id);
  let draft;
  try {
    draft = await send(words, request.key);
  } catch (problem) {
    places.get(id)?.showProblem(problem.code === "not_found" ? tellLearning("unseen") : problem.message || tellLearning("lost"));
    return;
  }
  if (requests.get(id) !== request) return; // other words were sent meanwhile, or another agent is there
  outcomes.set(id, draft);
  if (sameWords(drafts.get(id) ?? words, words)) drafts.delete(id);
  places.get(id)?.showDraft(draft);
}

function sameWords(first, second) {
  const [one, other] = [first, second].map(({ question, text }) => JSON.stringify(trimWords(question, text)));
  return one === other;
}

function trimWords(question, text) {
  return { question: question.trim().replace(/\s+/g, " "), text: text.trim() };
}

// What was looked up for one customer is right for nobody else.
function teaches({ hidden, answer }) {
  if (hidden || !answer?.text || ASKS_NOTHING.includes(answer.reason)) return false;
  if (answer.outcome === "handed_over" && !answer.reason) return false; // a message that was passed on
  return ![...(answer.citations ?? []), ...(answer.sources ?? [])].some(isLookup);
}

// Nothing is cited in an entry: it is cited itself.
function withoutMarks({ text, citations = [] }) {
  const numbers = citations.map((place) => place.number);
  return text.replace(MARKS, (mark, number) => (numbers.includes(Number(number)) ? "" : mark));
}

function makeForm(id, isReply, words, { send, close, discard }) {
  const question = field("question", LONGEST_QUESTION, 2, words.question);
  const text = field("text", LONGEST_ANSWER, 4, words.text);
  const wrong = el("p", { class: "note bad", role: "alert", hidden: true });
  let busy = false;
  const submit = async (event) => {
    event.preventDefault();
    if (busy) return;
    busy = true;
    wrong.hidden = true;
    await submitWords(id, trimWords(question.value, text.value), send);
    busy = false;
  };
  const keydown = (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) form.requestSubmit();
    if (event.key !== "Escape") return;
    event.stopPropagation(); // the conversation stays
    close();
  };
  const form = el(
    "form",
    { class: "request", on: { submit, keydown, input: () => drafts.set(id, { question: question.value, text: text.value }) } },
    el("label", {}, el("span", {}, tellLearning("question")), question),
    el("label", {}, el("span", {}, tellLearning(isReply ? "answer" : "right")), text),
    el("p", { class: "hint" }, tellLearning("why")),
    wrong,
    el("div", { class: "row-of" }, el("button", { type: "submit", class: "primary" }, tellLearning("send")), el("button", { type: "button", class: "quiet", on: { click: discard } }, tellLearning("cancel"))),
  );
  form.showProblem = (words) => {
    wrong.textContent = words;
    wrong.hidden = false;
  };
  return form;
}

function field(name, longest, rows, words) {
  const node = el("textarea", { name, rows, maxlength: longest, required: true });
  node.value = words.slice(0, longest);
  return node;
}

// What becomes of it; for editors, the way to it.
function describe(draft, collection, isEditor) {
  const kinds = draft.personal.map((kind) => tellLearning(kind) ?? kind).join(tellLearning("comma"));
  const words = tellLearning("waits") + (kinds && tellLearning("personal", kinds));
  const choose = () => localStorage.setItem("ragdesk.collection", collection);
  const link = isEditor && el("a", { href: `${ROOT}/admin#gaps/${draft.id}`, on: { click: choose } }, tellLearning("drafts"));
  return link ? [words, " ", link] : [words];
}
