// What a question is about: as the desk recognised it, and as the agent says.

import { el } from "./dom.js";
import { nameIntent, tellIntent } from "./intent_words.js";
import * as wire from "./handoff_wire.js";

let names = []; // of all intents; none until the server said them

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
  const known = label === null || names.includes(label) ? names : [label, ...names];
  const entries = known.map((name) => el("option", { value: name }, nameIntent(name)));
  const first = el("option", { value: "" }, tellIntent("recognised", nameIntent(recognised)));
  const select = el("select", { id: `intent-${turn.number}` }, first, ...entries);
  const heard = el("span", { class: "hint", role: "status" });
  select.value = label ?? "";
  select.addEventListener("change", keeper(turn.id, select, heard));
  // Within the transcript, which is read out as it grows: choices are not, what came of one is.
  return el("div", { class: "intent", "aria-live": "off" }, el("label", { class: "hint", for: select.id }, tellIntent("about", turn.number)), select, heard);
}

// Sends one choice after the other, so that the last one holds however quickly they are made.
function keeper(id, select, heard) {
  let kept = select.value;
  let busy = false;
  return async () => {
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
}
