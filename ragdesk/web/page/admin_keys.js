// Keys: made (and shown once), listed, revoked; what each role may do, and the limits of all.

import { el } from "./dom.js";
import * as parts from "./admin_parts.js";
import { say } from "./admin_words.js";
import * as server from "./admin_wire.js";
import * as sites from "./admin_sites.js";
import * as session from "./session.js";

export async function draw(place, desk) {
  const made = el("div", { class: "made" });
  const list = el("div", { class: "list" });
  const extra = el("div", { class: "result" });
  const show = async () => {
    const page = await server.json("/v1/keys");
    if (!desk.alive()) return;
    fill(list, page, show);
    extra.replaceChildren(...roles(page));
    form.tell(page.open);
  };
  const form = makeForm(made, desk, show);
  await show(); // first: what the form asks for depends on it
  place.append(form.node, made, list);
  const websites = el("section", { class: "list" });
  place.append(websites, extra);
  await sites.draw(websites, desk, form.isOpen());
}

function makeForm(made, desk, show) {
  const name = parts.input({ required: true, maxlength: "100", name: "name" });
  const role = parts.choice(["asker", "agent", "editor", "admin", "writer"].map((one) => [one, say(`role_${one}`)]), { name: "role" });
  const groups = parts.input({ name: "groups" });
  const collections = el("select", { multiple: true, size: String(Math.min(4, Math.max(2, desk.collections.length))), name: "collections" });
  collections.append(...desk.collections.map((one) => el("option", { value: one.name }, one.name)));
  const days = parts.input({ type: "number", min: "1", max: "3650", name: "days" });
  const first = parts.note(say("firstKey"), "warn");
  first.hidden = true;
  const groupField = parts.field(say("groups"), groups, say("keyGroupsHint"));
  role.addEventListener("change", () => (groupField.hidden = role.value === "admin"));
  const run = async (event) => {
    event.preventDefault();
    const wasOpen = !first.hidden;
    const body = {
      name: name.value.trim(),
      ...(role.value === "writer" ? { scopes: ["ask", "write"] } : { role: role.value }),
      groups: role.value === "admin" ? [] : groups.value.split(",").map((one) => one.trim()).filter(Boolean),
      collections: [...collections.selectedOptions].map((one) => one.value),
      days: days.value ? Number(days.value) : null,
    };
    made.replaceChildren();
    await parts.attempt(made, async () => {
      const key = await server.send("POST", "/v1/keys", body);
      if (wasOpen) await session.signIn(key.key); // from now on this page needs one too
      made.replaceChildren(shown(key, wasOpen));
      made.querySelector("h2").focus();
      event.target.reset();
      groupField.hidden = false;
      await show();
      document.getElementById("change-key").hidden = false;
    });
  };
  const node = el(
    "form",
    { class: "key-form", on: { submit: run } },
    el("h2", {}, say("newKey")),
    first,
    el("div", { class: "fields" }, parts.field(say("name"), name), parts.field(say("role"), role), groupField, parts.field(say("collections"), collections, say("collectionsHint")), parts.field(say("days"), days, say("daysHint"))),
    el("div", { class: "row-left" }, el("button", { type: "submit", class: "primary" }, say("makeKey"))),
  );
  const tell = (open) => {
    first.hidden = !open;
    if (open) role.value = "admin";
    groupField.hidden = role.value === "admin";
  };
  return { node, tell, isOpen: () => !first.hidden };
}

function shown(key, wasOpen) {
  const token = el("input", { class: "token", readonly: true, value: key.key, "aria-label": say("newKey") });
  token.addEventListener("focus", () => token.select());
  const copy = parts.button(say("copy"), async () => {
    await navigator.clipboard.writeText(key.key).catch(() => token.focus());
    copy.textContent = say("copied");
  });
  return el(
    "section",
    { class: "notice good shown-key" },
    el("h2", { tabindex: "-1" }, say("keyMade", key.name)),
    el("p", {}, say(wasOpen ? "firstKeyMade" : "keyOnce")),
    el("div", { class: "row-left" }, token, copy),
  );
}

function fill(list, page, show) {
  const heads = [say("name"), say("role"), say("groups"), say("collections"), say("created"), say("expires"), say("state"), ""];
  const row = (one) => [
    el("div", { class: "name-cell" }, el("span", { class: "name" }, one.name, one.own ? ` · ${say("own")}` : ""), el("code", {}, one.id)),
    one.role ? say(`role_${one.role}`) : one.scopes.join(", "),
    one.role === "admin" ? say("seesAll") : one.groups.join(", ") || say("publicOnly"),
    one.collections.join(", ") || say("all"),
    parts.moment(one.created),
    one.expires ? parts.moment(one.expires) : say("never"),
    parts.badge(say(`key_${one.state}`), one.state === "valid" ? "good" : ""),
    one.state === "valid" ? parts.button(say("revoke"), () => revoke(one, list, show), { class: "push danger", "aria-label": say("revokeOne", one.name) }) : "",
  ];
  const table = parts.table(say("keys"), heads, page.keys.map(row));
  list.replaceChildren(el("h2", {}, say("keys")), page.keys.length ? table : parts.empty(say(page.open ? "noKeysOpen" : "noKeys")));
  parts.pages(list, table, heads, row, page.next, async (cursor) => {
    const following = await server.json(`/v1/keys${server.query({ cursor })}`);
    return [following.keys, following.next];
  });
}

async function revoke(one, list, show) {
  const text = one.own ? say("revokeOwn") : say("revokeText", one.name);
  if (!(await parts.sure(say("revokeOne", one.name), text, say("revoke"), one.own ? { twice: one.id } : {}))) return;
  await parts.attempt(list, async () => {
    await server.remove(`/v1/keys/${one.id}${one.own ? server.query({ confirm: one.id }) : ""}`);
    await show();
  });
}

function roles(page) {
  const rows = Object.entries(page.roles).map(([name, scopes]) => [say(`role_${name}`), say(`may_${name}`), el("code", {}, scopes.join(", "))]);
  const limits = Object.entries(page.limits).map(([name, value]) => [el("code", {}, name), value]);
  return [
    el("h2", {}, say("roles")),
    parts.table(say("roles"), [say("role"), say("may"), say("scopes")], rows),
    el("h2", {}, say("limits")),
    el("p", {}, say("limitsWhat")),
    parts.table(say("limits"), [say("setting"), say("value")], limits),
  ];
}
