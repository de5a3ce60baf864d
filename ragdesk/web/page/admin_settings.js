// Settings as they hold, and where each came from. They are changed in the file, not here.

import { el } from "./dom.js";
import * as parts from "./admin_parts.js";
import { say } from "./admin_words.js";
import * as server from "./admin_wire.js";

export async function draw(place, desk) {
  const { home, settings } = await server.json("/v1/settings");
  if (!desk.alive()) return;
  const search = parts.input({ type: "search" });
  const changed = parts.tick(say("changedOnly"));
  const advanced = parts.tick(say("advanced"));
  const list = el("div", { class: "list" });
  const show = () => {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    const rows = settings.filter(
      (one) =>
        (advanced.querySelector("input").checked || !one.advanced || one.origin !== "default") &&
        (!changed.querySelector("input").checked || one.origin !== "default") &&
        words.every((word) => one.name.toLowerCase().includes(word)),
    );
    const heads = [say("setting"), say("value"), say("origin")];
    const cells = rows.map((one) => [el("code", {}, one.name), value(one.value), one.origin === "default" ? say("default") : parts.badge(one.origin, "strong")]);
    list.replaceChildren(el("p", { class: "count" }, say("countSettings", rows.length)), rows.length ? parts.table(say("settings"), heads, cells) : parts.empty(say("noneMatch")));
  };
  for (const node of [search, changed, advanced]) node.addEventListener("input", show);
  place.append(
    el("p", { class: "intro" }, say("settingsWhat"), " ", el("code", {}, home)),
    el("form", { class: "filters", role: "search", "aria-label": say("settings"), on: { submit: (event) => event.preventDefault() } }, parts.field(say("search"), search), changed, advanced),
    list,
  );
  show();
}

function value(content) {
  if (content === null || content === "" || (Array.isArray(content) && !content.length)) return "–";
  return el("code", { class: "setting-value" }, Array.isArray(content) ? content.join(", ") : String(content));
}
