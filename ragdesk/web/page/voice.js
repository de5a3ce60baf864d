// Speaking and listening, where the browser offers them. The browser asks before it listens, and only then.

import { el } from "./dom.js";
import { language, put } from "./words.js";

const Recognition = globalThis.SpeechRecognition ?? globalThis.webkitSpeechRecognition;
const TONGUES = { en: "en-US", zh: "zh-CN" };

globalThis.speechSynthesis?.getVoices(); // they come late: asked for early, they are there in time

// Listen on a press of the button: what is heard goes into the field, and is sent by nobody but the reader.
export function offerDictation(button, field) {
  if (!Recognition || !navigator.mediaDevices) return;
  let listening = null;
  const draw = () => button.setAttribute("aria-pressed", String(Boolean(listening)));
  button.hidden = false;
  draw();
  button.addEventListener("click", () => {
    if (listening) return listening.stop();
    const before = field.value;
    listening = new Recognition();
    listening.lang = TONGUES[language()];
    listening.interimResults = true;
    listening.onresult = ({ results }) => {
      field.value = before + [...results].map((one) => one[0].transcript).join("");
      field.dispatchEvent(new Event("input"));
    };
    listening.onend = () => {
      listening = null;
      draw();
      field.focus();
    };
    listening.start();
    draw();
  });
}

// A button that reads an answer aloud; null where there are no voices.
export function readAloud(text, tongue) {
  const speech = globalThis.speechSynthesis;
  if (!speech?.getVoices().length) return null;
  const press = () => {
    const speaking = button.dataset.say === "hush";
    speech.cancel();
    if (speaking) return;
    const words = new SpeechSynthesisUtterance(text.replaceAll(/\s*\[\d{1,3}\]/g, ""));
    words.lang = TONGUES[tongue] ?? tongue;
    words.onend = words.onerror = () => put(button, "aloud");
    put(button, "hush");
    speech.speak(words);
  };
  const button = put(el("button", { type: "button", class: "quiet small", on: { click: press } }), "aloud");
  return button;
}
