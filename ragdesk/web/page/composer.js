// The field that a question is written in: it grows with its lines, and Enter sends it.

import { byId } from "./dom.js";
import { label } from "./words.js";

// submit(text): what is written is asked. stop(): the answer under way is ended. isBusy(): whether one is.
export function mountComposer({ submit, stop, isBusy }) {
  const question = byId("question");
  const send = byId("send");

  function pass() {
    const text = question.value.trim();
    if (!text || isBusy()) return;
    question.value = "";
    grow();
    submit(text);
  }

  function grow() {
    question.rows = 1;
    const lines = Math.round((question.scrollHeight - 20) / 24);
    question.rows = Math.min(6, Math.max(1, lines));
  }

  byId("composer").addEventListener("submit", (event) => {
    event.preventDefault();
    if (isBusy()) stop();
    else pass();
  });

  question.addEventListener("input", grow);
  question.addEventListener("keydown", (event) => {
    // While an input method composes Chinese, Enter picks a word.
    if (event.key !== "Enter" || event.shiftKey || event.isComposing || event.keyCode === 229) return;
    event.preventDefault();
    pass();
  });

  return function draw() {
    send.classList.toggle("busy", isBusy());
    label(send, isBusy() ? "stop" : "send");
  };
}
