// Thumbs under an answer: what a reader thinks of it, why, and in their own words.

import { el } from "./dom.js";
import { label, put, spoken } from "./words.js";
import * as wire from "./wire.js";

const REASONS = ["wrong", "outdated", "incomplete", "off_topic", "unclear", "too_long", "source_wrong", "not_answered", "other"];
const LONGEST = 2000; // characters of a comment

// answer: its id is what is judged. given: what this reader thought of it before.
export function thumbs(answer, given = null) {
  const up = thumb("up");
  const down = thumb("down");
  const said = el("span", { class: "judged", role: "status" });
  const box = label(el("span", { class: "thumbs", role: "group" }, up, down, said), "judge");
  const mark = (verdict) => {
    up.setAttribute("aria-pressed", String(verdict === "up"));
    down.setAttribute("aria-pressed", String(verdict === "down"));
  };
  const send = async (judgement) => {
    try {
      await wire.judge({ answer: answer.id, ...judgement });
      mark(judgement.verdict);
      put(said, "thanked");
      return true;
    } catch {
      put(said, "failed");
      return false;
    }
  };
  up.addEventListener("click", () => {
    box.parentNode.querySelector(".judgement")?.remove();
    send({ verdict: "up" });
  });
  down.addEventListener("click", async () => {
    if (box.parentNode.querySelector(".judgement")) return;
    if (await send({ verdict: "down" })) ask(box, send, given);
  });
  mark(given?.verdict);
  return box;
}

const thumb = (way) => spoken("button", { type: "button", class: "quiet small", "aria-pressed": "false" }, `thumb_${way}`);

// Why not: reasons to tick, and a comment. The verdict is kept already.
function ask(box, send, given) {
  const ticks = REASONS.map((name) => el("input", { type: "checkbox", value: name, checked: given?.reasons?.includes(name) ?? false }));
  const labels = ticks.map((tick) => el("label", { class: "chip reason" }, tick, spoken("span", {}, `why_${tick.value}`)));
  const words = label(el("textarea", { class: "comment", rows: "2", maxlength: String(LONGEST) }), "comment");
  words.value = given?.comment ?? "";
  const form = el(
    "form",
    { class: "judgement" },
    el("fieldset", {}, spoken("legend", {}, "whyNot"), el("div", { class: "choices" }, ...labels)),
    words,
    spoken("button", { type: "submit", class: "chip" }, "sendJudgement"),
  );
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const reasons = ticks.filter((tick) => tick.checked).map((tick) => tick.value);
    const comment = words.value.trim();
    if (await send({ verdict: "down", reasons, ...(comment ? { comment } : {}) })) form.remove();
  });
  box.after(form);
  ticks[0].focus();
}
