// What the operator chose: name, greeting, logo, colours and the questions to begin with.

import { byId, el } from "./dom.js";
import { language } from "./words.js";
import * as wire from "./wire.js";

const ON_DARK = "#0c211d";
const ON_LIGHT = "#ffffff";
const LEAST_CONTRAST = 4.5; // as page_options.py asks of the operator's
let own = []; // the operator's questions
let turn = 0; // questions of a collection that was left are not shown

const whole = wire.look().catch(() => null); // the page answers without it

export async function dress() {
  const look = await whole;
  if (!look) return;
  document.title = look.name;
  byId("name").textContent = look.name;
  own = look.suggestions;
  if (look.greeting) {
    const hello = byId("hello");
    hello.removeAttribute("data-say");
    hello.textContent = look.greeting;
  }
  if (look.logo) {
    byId("logo").src = look.logo;
    byId("logo").hidden = false;
    byId("mark").setAttribute("hidden", "");
  }
  paint(look.accent, look.accent_dark);
}

// Set by properties alone: a style that is written as text would be refused by the content policy.
export function paint(light, dark) {
  if (!light && !dark) return;
  const style = document.documentElement.style;
  const [day, night] = [light || dark, dark || light];
  style.setProperty("--accent", `light-dark(${day}, ${night})`);
  style.setProperty("--on-accent", `light-dark(${over(day)}, ${over(night)})`);
  style.setProperty("--tint", "color-mix(in oklab, var(--accent) 12%, var(--sheet))");
}

// Black or white words, whichever can be read on a colour.
const over = (colour) => (luminance(colour) > 0.18 ? ON_DARK : ON_LIGHT);

function luminance(colour) {
  const parts = [1, 3, 5].map((at) => Number.parseInt(colour.slice(at, at + 2), 16) / 255);
  const [red, green, blue] = parts.map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

// Whether a text is a colour (#rrggbb) in which words can be read on a paper: the contrast of WCAG 2.2.
export function isReadable(colour, paper) {
  if (!/^#[\da-f]{6}$/i.test(colour)) return false;
  const [darker, lighter] = [luminance(colour), luminance(paper)].sort((a, b) => a - b);
  return (lighter + 0.05) / (darker + 0.05) >= LEAST_CONTRAST;
}

// Questions to begin with: the operator's, or of the collection's FAQ.
export async function suggest(collection, ask) {
  const box = byId("suggested");
  turn += 1;
  const mine = turn;
  box.hidden = true;
  await whole;
  const questions = own.length || !collection ? own : await wire.suggestions(collection, { language: language() }).catch(() => []);
  if (mine !== turn) return;
  const button = (text) => el("button", { type: "button", class: "chip choice", on: { click: () => ask(text) } }, text);
  box.replaceChildren(...questions.map(button));
  box.hidden = !questions.length;
}
