// The chat in a frame on another website: the same answers, of a visitor in place of staff.

import * as visitor from "./widget_visitor.js"; // first: it says who asks, before anything is asked
import { byId } from "./dom.js";
import { addWords, language, put, speak } from "./words.js";
import { WIDGET_WORDS } from "./widget_words.js";
import { dress, isReadable, paint, suggest } from "./look.js";
import { drawReply, Turn } from "./turn.js";
import { mountComposer } from "./composer.js";
import { mountHandoff } from "./handoff.js";
import { ofConversation } from "./handoff_wire.js";
import { listen, tell } from "./widget_host.js";
import * as sources from "./sources.js";
import * as wire from "./wire.js";

const PAPER = { accent: "#fbfaf8", accentDark: "#171715" }; // what style.css draws on, by day and by night
const RECENT = 7 * 86_400; // seconds after which a visitor who comes back begins anew
const COARSE = matchMedia("(pointer: coarse)"); // a finger: the keyboard on the screen is not opened unasked

let collection = null; // the one that is asked
let asked = ""; // the collection that the page named
let conversation = null;
let running = null; // the AbortController of the question under way
let numbered = 0; // of the last turn of a conversation that was opened again
let shown = false; // whether the page shows this frame
let unread = 0; // replies that came while it did not
let early = null; // a question that was asked before it was known what may be asked
let visit = 0; // of the visitor who is here: what was asked for another is not drawn

addWords(WIDGET_WORDS);
speak(navigator.language);

const drawBusy = mountComposer({ submit, stop: () => running?.abort(), isBusy: () => running !== null || early !== null });
let person = null; // the hand-off, once it is known who asks

listen({
  hello: start,
  open: () => {
    shown = true;
    read();
    if (!byId("trouble-box").hidden) open();
    focus();
  },
  hide: () => {
    shown = false;
  },
  identify: ({ token }) => {
    if (visitor.identify(token)) open();
  },
});
visitor.onLapse(() => tell("token"));

function start({ language: tongue, theme, accent, accentDark, collection: named, token }) {
  speak(["en", "zh"].includes(tongue) ? tongue : navigator.language);
  if (["light", "dark"].includes(theme)) document.documentElement.dataset.theme = theme;
  if (typeof named === "string") asked = named;
  nameLanguage();
  visitor.identify(token);
  tell("ready");
  dress().then(() => colour({ accent, accentDark }));
  person = mountHandoff(byId("person"), { ensure, draw: hearReply, known: () => numbered, notice });
  open();
}

// Somebody is waited for: the website's next page is to listen, and this conversation is not left by mistake.
function notice(state) {
  const live = state === "waiting" || state === "with_person";
  byId("fresh").hidden = live;
  if (collection !== null) tell("live", { on: live }); // before, it is not known yet
}

// The page's own colours in place of the operator's, where they are colours and can be read.
function colour(given) {
  const fit = (name) => (typeof given[name] === "string" && isReadable(given[name], PAPER[name]) ? given[name] : "");
  const [day, night] = [fit("accent"), fit("accentDark")];
  if (day || night) paint(day, night);
}

// What this visitor may ask, and the conversation that they were in.
async function open() {
  visit += 1;
  const mine = visit;
  collection = null;
  draw(null, []);
  say(null);
  try {
    const known = (await wire.collections()).map((one) => one.name);
    const name = [asked, "default", known[0]].find((one) => known.includes(one));
    if (!name) throw new wire.Problem(403, "no_collection", "");
    const [people, { conversations }] = await Promise.all([offersPeople(), wire.conversations("")]);
    const last = conversations.find((one) => one.collection === name && isCurrent(one));
    const { conversation: past, turns } = last ? await wire.turns(last.id) : { conversation: null, turns: [] };
    if (mine !== visit) return;
    collection = name;
    byId("person").hidden = !people;
    draw(past, turns);
    if (shown) read();
    else if (past) count(turns.filter(({ author, number }) => author === "agent" && number > visitor.lastRead(past.id)).length);
    suggest(collection, choose);
    if (early) ask(early);
  } catch (problem) {
    if (mine !== visit) return;
    say(trouble(problem));
    byId("question").value ||= early ?? "";
  } finally {
    if (mine === visit) early = null;
    drawBusy();
  }
}

// Whether people can be asked for here at all.
const offersPeople = async () => (await ofConversation(null)).enabled;

const isCurrent = ({ state, updated }) => state !== "answering" || updated > Date.now() / 1000 - RECENT;

function trouble({ status }) {
  if (status === 0) return "offline";
  if (status === 429 || status === 503) return "busy";
  if (status === 401 || status === 403) return visitor.isSigned() ? "lapsed" : "noChat";
  return "failed";
}

function say(name) {
  byId("trouble-box").hidden = !name;
  if (name) put(byId("trouble"), name);
}

byId("again").addEventListener("click", () => open());

function draw(past, turns) {
  running?.abort();
  sources.close();
  conversation = past;
  byId("turns").replaceChildren();
  document.body.classList.toggle("talking", turns.length > 0);
  for (const turn of turns) {
    if (turn.author === "customer") new Turn(turn.question ?? "", past.collection, (choice) => choose(choice.question, choice.uris), turn);
    else if (turn.author === "agent") drawReply(turn);
  }
  numbered = turns.at(-1)?.number ?? 0;
  reveal();
  person?.follow(past?.id ?? null);
}

const reveal = () => byId("turns").lastElementChild?.scrollIntoView({ block: "start" });

async function ensure() {
  if (!conversation) {
    conversation = await wire.beginConversation(collection, "widget");
    visitor.noteRead(conversation.id, 0);
  }
  return conversation.id;
}

function hearReply(turn) {
  numbered = Math.max(numbered, turn.number);
  drawReply(turn).scrollIntoView({ block: "start", behavior: "smooth" });
  put(byId("heard"), "replied", turn.answer?.text ?? "");
  if (shown) read();
  else count(unread + 1);
}

// All that came was read.
function read() {
  count(0);
  if (conversation) visitor.noteRead(conversation.id, numbered);
}

function count(replies) {
  unread = replies;
  tell("unread", { count: unread });
}

function submit(text) {
  if (collection !== null) return ask(text);
  early = text;
  drawBusy();
  if (!byId("trouble-box").hidden) open();
}

const choose = (text, uris) => running || ask(text, uris ? { uris } : {});

async function ask(text, filters = {}) {
  document.body.classList.add("talking");
  const turn = new Turn(text, collection, (choice) => choose(choice.question, choice.uris));
  running = new AbortController();
  const mine = running;
  drawBusy();
  try {
    await answer(turn, { question: text, collection, filters }, mine.signal);
    if (conversation) person.follow(conversation.id);
  } catch (problem) {
    if (problem.name === "AbortError") turn.stop();
    else fail(turn, problem, () => ask(text, filters));
  } finally {
    if (mine === running) running = null;
    drawBusy();
  }
}

// A conversation that is no longer kept, as of a visitor who was forgotten, is begun anew.
async function answer(turn, question, signal, again = true) {
  const id = await ensure();
  if (signal.aborted) return turn.stop();
  try {
    await wire.ask({ ...question, conversation: id }, (name, data) => turn.hear(name, data), signal);
  } catch (problem) {
    if (problem.status !== 404 || !again || conversation?.id !== id) throw problem;
    conversation = null;
    await answer(turn, question, signal, false);
  }
}

// A visitor reads why in their own language; what the server says is for who wrote the page.
function fail(turn, problem, again) {
  console.warn(`ragdesk: ${problem.status} ${problem.code ?? ""} ${problem.message}`);
  turn.fail(null, again, trouble(problem));
}

function focus() {
  if (!byId("side").hidden) return byId("side-title").focus();
  if (COARSE.matches) byId("hello").focus({ preventScroll: true });
  else byId("question").focus();
  reveal();
}

function nameLanguage() {
  put(byId("language"), "other").lang = language() === "zh" ? "en" : "zh-CN";
}

byId("language").addEventListener("click", () => {
  speak(language() === "zh" ? "en" : "zh");
  nameLanguage();
  person?.redraw();
  if (collection) suggest(collection, choose);
});

byId("fresh").addEventListener("click", () => {
  draw(null, []);
  byId("question").focus();
});

byId("leave").addEventListener("click", () => tell("close"));

document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape" || event.isComposing) return;
  if (!sources.close()) tell("close");
});
