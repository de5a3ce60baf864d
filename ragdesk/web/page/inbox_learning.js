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
const unsent = new Map(); // what is written, by turn: it stays while other things are looked at
const outcomes = new Map(); // drafts that were made, by turn
let shown = null; // the one form that is open: {id: of its turn, close}

// The button below an answer or reply, and the form that it opens; null for what teaches nothing.
// asked: the question that a reply answers. collection: of the conversation. edits: whether the agent is an editor.
export function teaching(turn, { asked, collection, edits }) {
  if (!teaches(turn)) return null;
  const isReply = turn.author === "agent";
  const name = tellLearning(isReply ? "entry" : "correct");
  const heard = el("p", { class: "hint", role: "status" });
  const open = el("button", { type: "button", class: "chip", "aria-expanded": "false", "aria-label": tellLearning("ofMessage", name, turn.number) }, name);
  // Within the transcript, which is read out as it grows: what is written here is not, what came of it is.
  const node = el("div", { class: isReply ? "teaching of-reply" : "teaching", "aria-live": "off" }, open, heard);
  const first = isReply ? { question: asked, text: withoutMarks(turn.answer) } : { question: turn.question, text: "" };
  const send = ({ question, text }, key) =>
    isReply ? wire.makeEntry({ turn: turn.id, collection, question, answer: text }, key) : wire.correct({ answer: turn.id, question, text }, key);
  let form = null;
  const close = () => {
    form.remove();
    form = shown = null;
    open.setAttribute("aria-expanded", "false");
    open.focus();
  };
  const discard = () => {
    unsent.delete(turn.id);
    close();
  };
  const done = (draft) => {
    outcomes.set(turn.id, draft);
    discard();
    heard.replaceChildren(...outcome(draft, collection, edits));
    node.scrollIntoView({ block: "nearest" });
  };
  const show = () => {
    heard.replaceChildren();
    outcomes.delete(turn.id);
    form = makeForm(turn.id, isReply, unsent.get(turn.id) ?? first, { send, done, close, discard });
    shown = { id: turn.id, close };
    open.setAttribute("aria-expanded", "true");
    open.after(form);
  };
  open.addEventListener("click", () => {
    if (form) return close();
    shown?.close();
    show();
    form.querySelector('[name="text"]').focus();
    form.scrollIntoView({ block: "nearest" });
  });
  if (shown?.id === turn.id) show(); // it is drawn anew, in another language for instance
  if (outcomes.has(turn.id)) heard.append(...outcome(outcomes.get(turn.id), collection, edits));
  return node;
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

function makeForm(id, isReply, words, { send, done, close, discard }) {
  const question = field("question", LONGEST_QUESTION, 2, words.question);
  const text = field("text", LONGEST_ANSWER, 4, words.text);
  const wrong = el("p", { class: "note bad", role: "alert", hidden: true });
  const read = () => ({ question: question.value.trim().replace(/\s+/g, " "), text: text.value.trim() });
  let sending = null; // the words under way with their key: sent again, they make no second draft
  let busy = false;
  const submit = async (event) => {
    event.preventDefault();
    if (busy) return;
    busy = true;
    wrong.hidden = true;
    const body = read();
    if (sending?.words !== JSON.stringify(body)) sending = { words: JSON.stringify(body), key: wire.newKey() };
    try {
      done(await send(body, sending.key));
    } catch (problem) {
      wrong.textContent = problem.code === "not_found" ? tellLearning("unseen") : problem.message || tellLearning("lost");
      wrong.hidden = false;
    } finally {
      busy = false;
    }
  };
  const keydown = (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) form.requestSubmit();
    if (event.key !== "Escape") return;
    event.stopPropagation(); // the conversation stays
    close();
  };
  const form = el(
    "form",
    { class: "request", on: { submit, keydown, input: () => unsent.set(id, { question: question.value, text: text.value }) } },
    el("label", {}, el("span", {}, tellLearning("question")), question),
    el("label", {}, el("span", {}, tellLearning(isReply ? "answer" : "right")), text),
    el("p", { class: "hint" }, tellLearning("why")),
    wrong,
    el("div", { class: "row-of" }, el("button", { type: "submit", class: "primary" }, tellLearning("send")), el("button", { type: "button", class: "quiet", on: { click: discard } }, tellLearning("cancel"))),
  );
  return form;
}

function field(name, longest, rows, words) {
  const node = el("textarea", { name, rows, maxlength: longest, required: true });
  node.value = words.slice(0, longest);
  return node;
}

// What becomes of it; for editors, the way to it.
function outcome(draft, collection, edits) {
  const kinds = draft.personal.map((kind) => tellLearning(kind) ?? kind).join(tellLearning("comma"));
  const words = tellLearning("waits") + (kinds && tellLearning("personal", kinds));
  const choose = () => localStorage.setItem("ragdesk.collection", collection);
  const link = edits && el("a", { href: `${ROOT}/admin#gaps/${draft.id}`, on: { click: choose } }, tellLearning("drafts"));
  return link ? [words, " ", link] : [words];
}
