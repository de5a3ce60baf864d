// The panel beside the talk: what it shows, and where the keyboard goes when it closes.

import { byId } from "./dom.js";
import { put, say } from "./words.js";

const side = byId("side");
const title = byId("side-title");
const back = byId("back");
export const body = byId("side-body");

let opener = null; // where the keyboard returns to
let again = null; // draws the list that an opened document came from
let turn = 0; // a drawing that was overtaken by another must not draw
let shown = null; // the answer whose sources or document it shows
let mode = "none"; // "list" of an answer's sources, "all" documents, or a "document"

// Claim the panel for something new. Returns whether it still holds it, to be asked after each wait.
export function claim(kind, answer, draw) {
  turn += 1;
  const mine = turn;
  mode = kind;
  shown = answer;
  if (draw) again = draw;
  return () => mine === turn;
}

export const isOpen = () => !side.hidden;
export const shows = (answer) => shown === answer;
export const isList = () => mode === "list";
export const isOfAnswer = () => Boolean(shown?.question);

// On a narrow window the panel covers the rest, which the keyboard must not reach then.
const narrow = matchMedia("(max-width: 59.99rem)");
const coverRest = () => {
  for (const part of [document.querySelector(".bar"), document.querySelector(".talk")]) part.inert = narrow.matches && !side.hidden;
};
narrow.addEventListener("change", coverRest);

export function open(from) {
  if (from) opener = from;
  side.hidden = false;
  coverRest();
  document.body.classList.add("beside");
}

export function close() {
  if (side.hidden) return false;
  side.hidden = true;
  coverRest();
  document.body.classList.remove("beside");
  if (opener?.isConnected) opener.focus();
  else byId("question").focus();
  opener = null;
  return true;
}

// name: of the page's words, or null for a title that is a document's own.
export function entitle(name, own = "") {
  title.removeAttribute("data-say");
  if (name) put(title, name);
  else title.textContent = own;
}

export function backTo(name) {
  back.hidden = !name;
  if (name) put(back, "backTo", name);
}

export const focusTitle = () => title.focus({ preventScroll: true });

// What goes wrong is said where the reader looks.
export async function attempt(work, place = body) {
  try {
    await work();
  } catch (problem) {
    const note = document.createElement("p");
    note.className = "wait";
    note.setAttribute("role", "alert");
    note.textContent = problem.status === 404 ? say("gone") : problem.message || say("offline");
    place.append(note);
  }
}

back.addEventListener("click", () => {
  again?.();
  focusTitle();
});
byId("close").addEventListener("click", close);
