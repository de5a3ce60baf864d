// On the chat page: ask for a person, see who has it, read replies as they come, say how it went.

import { el } from "./dom.js";
import { tell } from "./handoff_words.js";
import { language } from "./words.js";
import * as wire from "./handoff_wire.js";

// place: where it is drawn. ensure(): the conversation's id, begun if there is none yet. draw(turn):
// shows a reply of an agent. onTurnKnown(): the number of the last turn that the page shows.
// Returns { follow }, to be called with the conversation's id (or null) whenever another one is
// shown, once it is known who asks, and after an answer that was handed over.
// notice(state): called with the state of the hand-off, or null, whenever it was looked up.
export function mountHandoff(place, { ensure, draw, known = () => 0, notice = () => {} }) {
  let conversation = null;
  let handoff = null;
  let enabled = null; // whether people can be asked for here; null: not known yet
  let stream = null; // ends the following of a conversation
  let form = false; // whether the form is open
  let drawn = 0; // number of the last reply that was drawn here
  let signature = "";

  const press = (name, act, kind = "chip") => el("button", { type: "button", class: kind, on: { click: act } }, tell(name));

  async function attempt(work) {
    try {
      await work();
    } catch (problem) {
      place.append(el("p", { class: "note bad", role: "alert" }, problem.message || tell("trouble")));
    }
  }

  async function refresh() {
    if (!conversation) {
      handoff = null;
      notice(null);
      render();
      enabled ??= (await wire.ofConversation(null)).enabled;
      if (!conversation) render();
      return;
    }
    const mine = conversation;
    const found = await wire.ofConversation(mine);
    if (mine !== conversation) return;
    ({ handoff, enabled } = found);
    notice(handoff?.state ?? null);
    render();
    if (handoff && handoff.state !== "closed") listen();
  }

  function listen() {
    if (stream) return;
    const own = new AbortController();
    stream = own;
    const hear = (name, data) => {
      if (name === "state" && data.state !== handoff?.state) attempt(refresh);
      if (name !== "turn" || data.author !== "agent" || data.number <= drawn) return;
      drawn = data.number;
      draw(data);
    };
    drawn = Math.max(drawn, known());
    // Ended, as by a session that ran out, it is begun anew when there is something to follow.
    wire.follow(conversation, drawn, hear, own.signal).finally(() => {
      if (stream === own) stream = null;
    });
  }

  function render() {
    const now = JSON.stringify([handoff?.id, handoff?.state, handoff?.agent_name, handoff?.rating, handoff?.message, form, enabled, document.documentElement.lang]);
    if (now === signature && place.childElementCount) return; // what is being typed stays
    signature = now;
    place.classList.add("handoff");
    place.replaceChildren(...(form ? [request()] : state()));
  }

  function state() {
    if (!handoff) return enabled ? [press("talkToPerson", open)] : [];
    if (handoff.state === "waiting") {
      return [el("p", { role: "status" }, handoff.message ?? tell("isWaiting")), el("div", { class: "row-of" }, press("addContact", open), press("nevermind", end))];
    }
    if (handoff.state === "with_person") {
      return [el("p", { role: "status" }, tell("hasIt", handoff.agent_name || tell("somebody"))), el("div", { class: "row-of" }, press("done", end))];
    }
    const again = el("div", { class: "row-of" }, press("again", reopen));
    if (handoff.rating) return [el("p", { role: "status" }, tell("thanks")), again];
    return [el("p", { role: "status" }, tell("ended")), rating(), again];
  }

  function open() {
    form = true;
    render();
    place.querySelector("textarea, input")?.focus();
  }

  const field = (name, type, more = {}) => el("label", {}, el("span", {}, tell(name)), el("input", { name, type, maxlength: 200, autocomplete: type === "text" ? "name" : type, ...more }));

  function request() {
    const adds = handoff && handoff.state !== "closed";
    const submit = (event) => {
      event.preventDefault();
      const facts = Object.fromEntries(new FormData(event.target));
      const { text = "", ...contact } = facts;
      attempt(async () => {
        const id = await ensure();
        conversation = id;
        if (handoff?.state === "closed") await wire.act(handoff.id, "reopen", {});
        await wire.request({ conversation: id, text, contact, language: language() });
        form = false;
        await refresh();
      });
    };
    const close = () => {
      form = false;
      render();
      place.querySelector("button")?.focus();
    };
    return el(
      "form",
      { class: "request", "aria-label": tell("askTitle"), on: { submit } },
      ...(adds ? [] : [el("label", {}, el("span", {}, tell("about")), el("textarea", { name: "text", rows: 2, maxlength: 4000 }))]),
      el("p", { class: "hint" }, tell("reach")),
      field("name", "text"),
      field("email", "email"),
      field("phone", "tel", { pattern: "[0-9+\\(\\)\\.\\/ \\-]*" }),
      el("div", { class: "row-of" }, el("button", { type: "submit", class: "primary" }, tell("sendRequest")), press("cancel", close, "quiet")),
    );
  }

  function rating() {
    const submit = (event) => {
      event.preventDefault();
      const facts = new FormData(event.target);
      if (!facts.get("rating")) return;
      attempt(async () => {
        await wire.act(handoff.id, "rate", { rating: Number(facts.get("rating")), comment: facts.get("comment") });
        await refresh();
      });
    };
    const marks = [1, 2, 3, 4, 5].map((n) =>
      el("label", { class: "mark-of" }, el("input", { type: "radio", name: "rating", value: n, required: true }), el("span", {}, tell("rateOf", n))),
    );
    return el(
      "form",
      { class: "request", on: { submit } },
      el("fieldset", {}, el("legend", {}, tell("rate")), ...marks),
      el("label", {}, el("span", {}, tell("comment")), el("textarea", { name: "comment", rows: 2, maxlength: 4000 })),
      el("div", { class: "row-of" }, el("button", { type: "submit", class: "primary" }, tell("sendRating"))),
    );
  }

  const end = () => attempt(async () => {
    await wire.act(handoff.id, "close", {});
    await refresh();
  });

  const reopen = () => attempt(async () => {
    await wire.act(handoff.id, "reopen", {});
    await refresh();
  });

  function follow(id) {
    if (id !== conversation) {
      stream?.abort();
      stream = null;
      drawn = 0;
      form = false;
    }
    conversation = id;
    return attempt(refresh);
  }

  return { follow, redraw: render };
}
