// What a question is about: as the desk recognised it, and as the agent says.

import { el } from "./dom.js";
import { nameIntent, tellIntent } from "./intent_words.js";
import * as wire from "./handoff_wire.js";

const MOMENT = 400; // milliseconds
let names = []; // of all intents; none until the server said them
const hearers = new WeakMap(); // by choice: what hears another agent's word

// Ask for the intents once. Where that fails a question goes without, and is asked for again.
export async function learnNames() {
  if (names.length) return;
  try {
    names = await wire.intents();
  } catch (problem) {
    if (problem.status === 401) throw problem;
  }
}

// The choice for a question; null for what has no intent. The first entry takes the agent's word back.
export function intentChoice(turn) {
  if (!turn.intent || !names.length) return null;
  const { recognised, label } = turn.intent;
  const entries = names.map((name) => el("option", { value: name }, nameIntent(name)));
  const first = el("option", { value: "" }, tellIntent("recognised", nameIntent(recognised)));
  const select = el("select", { id: `intent-${turn.number}`, "data-turn": turn.id }, first, ...entries);
  const heard = el("span", { class: "hint", role: "status" });
  show(select, label ?? "");
  const { keep, hear } = keeper(turn.id, select, heard);
  select.addEventListener("change", keep);
  hearers.set(select, hear);
  // Within the transcript, which is read out as it grows: choices are not, what came of one is.
  return el("div", { class: "intent", "aria-live": "off" }, el("label", { class: "hint", for: select.id }, tellIntent("about", turn.number)), select, heard);
}

// Show what is said of the questions that are on the page, by whomever: labels by turn, as they are now.
export function hearLabels(labels) {
  for (const select of document.querySelectorAll("select[data-turn]")) hearers.get(select)?.(labels[select.dataset.turn] ?? "");
}

function show(select, label) {
  const known = [...select.options].some((option) => option.value === label);
  if (!known) select.append(el("option", { value: label }, nameIntent(label)));
  select.value = label;
}

// keep: sends one choice after the other, so that the last one holds however quickly they are made.
// hear: shows what was said elsewhere, a moment later: what comes while a choice is being sent, or right
// behind it, may be older than that, and is followed by what holds.
function keeper(id, select, heard) {
  let kept = select.value;
  let busy = false;
  let later = null;
  let timer = null;
  const hear = (label) => {
    later = label;
    clearTimeout(timer);
    timer = setTimeout(settle, MOMENT);
  };
  const settle = () => {
    if (busy) return hear(later);
    if (later === kept) return;
    show(select, (kept = later));
    heard.textContent = "";
  };
  const keep = async () => {
    if (busy) return;
    busy = true;
    heard.textContent = "";
    try {
      while (kept !== select.value) {
        const wanted = select.value;
        await (wanted ? wire.labelIntent(id, wanted) : wire.removeIntent(id));
        kept = wanted;
      }
      heard.textContent = tellIntent("kept");
    } catch (problem) {
      select.value = kept;
      heard.textContent = problem.message || tellIntent("lost");
    } finally {
      busy = false;
    }
  };
  return { keep, hear };
}
