// Keys of websites: they stand in a page's source, so they are shown, and limited to its origins.

import { el } from "./dom.js";
import * as parts from "./admin_parts.js";
import { say } from "./admin_words.js";
import * as server from "./admin_wire.js";

export async function draw(place, desk, open) {
  const list = el("div", { class: "list" });
  const show = async () => {
    const page = await server.json("/v1/sites");
    if (!desk.alive()) return;
    fill(list, page, show);
  };
  await show();
  place.append(el("h2", {}, say("sites")), el("p", { class: "intro" }, say("sitesWhat")), list);
  if (!open) place.append(form(desk, show));
}

function form(desk, show) {
  const name = parts.input({ required: true, maxlength: "100" });
  const origins = parts.input({ required: true, placeholder: "https://shop.example" });
  const collections = el("select", { multiple: true, required: true, size: String(Math.min(4, Math.max(2, desk.collections.length))) });
  collections.append(...desk.collections.map((one) => el("option", { value: one.name, selected: one.name === desk.collection }, one.name)));
  const daily = parts.input({ type: "number", min: "0" });
  const days = parts.input({ type: "number", min: "1", max: "3650" });
  const said = el("div", { class: "made" });
  const run = async (event) => {
    event.preventDefault();
    const body = {
      name: name.value.trim(),
      origins: origins.value.split(/[\s,]+/).filter(Boolean),
      collections: [...collections.selectedOptions].map((one) => one.value),
      daily_answers: daily.value ? Number(daily.value) : null,
      days: days.value ? Number(days.value) : null,
    };
    await parts.attempt(said, async () => {
      await server.send("POST", "/v1/sites", body);
      event.target.reset();
      await show();
    });
  };
  const fields = [
    parts.field(say("name"), name),
    parts.field(say("origins"), origins, say("originsHint")),
    parts.field(say("collections"), collections),
    parts.field(say("dailyAnswers"), daily, say("dailyHint")),
    parts.field(say("days"), days, say("daysHint")),
  ];
  const submit = el("button", { type: "submit", class: "push" }, say("makeSite"));
  return el("details", {}, el("summary", {}, say("newSite")), el("form", { class: "key-form", on: { submit: run } }, el("div", { class: "fields" }, ...fields), el("div", { class: "row-left" }, submit), said));
}

function fill(list, page, show) {
  const heads = [say("name"), say("key"), say("origins"), say("collections"), say("expires"), say("state"), ""];
  const row = (one) => [
    el("span", { class: "name" }, one.name),
    el("div", {}, el("code", {}, one.key), one.state === "valid" && scriptTag(one)),
    one.origins.join(", "),
    one.collections.join(", "),
    one.expires ? parts.moment(one.expires) : say("never"),
    parts.badge(say(`key_${one.state}`), one.state === "valid" ? "good" : ""),
    one.state === "valid" ? parts.button(say("revoke"), () => revoke(one, list, show), { class: "push danger", "aria-label": say("revokeOne", one.name) }) : "",
  ];
  const table = parts.table(say("sites"), heads, page.sites.map(row));
  list.replaceChildren(page.sites.length ? table : parts.empty(say("noSites")));
  parts.pages(list, table, heads, row, page.next, async (cursor) => {
    const following = await server.json(`/v1/sites${server.query({ cursor })}`);
    return [following.sites, following.next];
  });
}

// What the website puts into its pages.
function scriptTag({ key }) {
  const tag = `<script src="${new URL("widget.js", location.href)}" data-key="${key}" async></script>`;
  return el("details", {}, el("summary", {}, say("siteTag")), el("code", {}, tag));
}

async function revoke(one, list, show) {
  if (!(await parts.sure(say("revokeOne", one.name), say("revokeSite", one.origins.join(", ")), say("revoke")))) return;
  await parts.attempt(list, async () => {
    await server.remove(`/v1/sites/${one.id}`);
    await show();
  });
}
