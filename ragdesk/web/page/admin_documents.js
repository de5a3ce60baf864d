// Documents: found, filtered, put by drag or by choice, read anew, taken away.

import { el } from "./dom.js";
import * as parts from "./admin_parts.js";
import { say } from "./admin_words.js";
import * as server from "./admin_wire.js";
import * as wire from "./wire.js";

const TYPING = 200; // milliseconds without a key until a search begins
const HEADS = ["document", "state", "source", "type", "size", "chunksHead", "takenIn", "groups", ""];
const PAGE = 50;
let looks = 0; // an answer that was overtaken by another must not draw

export async function draw(place, desk) {
  const list = el("div", { class: "list" });
  const filters = makeFilters(() => show());
  const show = () => fill(list, desk, filters, show);
  place.append(uploadBox(desk, async () => {
    if (!desk.collections.some((one) => one.name === desk.collection)) await desk.renew();
    await show();
  }), filters.node, list);
  await show();
}

function makeFilters(changed) {
  const search = parts.input({ type: "search", name: "query" });
  const source = el("select", { name: "source" });
  const language = el("select", { name: "language" });
  const type = el("select", { name: "media_type" });
  const state = el("select", { name: "state" });
  const notes = parts.tick(say("withNotes"), { name: "with_notes" });
  let timer = 0;
  search.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(changed, TYPING);
  });
  for (const node of [source, language, type, state, notes]) node.addEventListener("change", () => changed());
  const node = el(
    "form",
    { class: "filters", role: "search", "aria-label": say("findDocuments"), on: { submit: (event) => event.preventDefault() } },
    parts.field(say("search"), search, say("searchHint")),
    parts.field(say("state"), state),
    parts.field(say("source"), source),
    parts.field(say("language"), language),
    parts.field(say("type"), type),
    notes,
  );
  const values = () => ({
    query: search.value.trim(),
    source: source.value,
    language: language.value,
    media_type: type.value,
    state: state.value === "skipped" ? "" : state.value,
    with_notes: notes.querySelector("input").checked,
  });
  const facets = (counts) => {
    offer(source, counts.source, (name) => (name === "api" ? say("uploaded") : name));
    offer(language, counts.language, (name) => say(`language_${name}`) ?? name);
    offer(type, counts.media_type);
    offer(state, { ...counts.state, skipped: null }, (name) => say(`state_${name}`));
  };
  return { node, values, facets, skipped: () => state.value === "skipped" };
}

function offer(select, counts, name = (value) => value) {
  const chosen = select.value;
  const options = Object.entries(counts).map(([value, count]) =>
    el("option", { value }, count === null ? name(value) : `${name(value)} (${count})`),
  );
  select.replaceChildren(el("option", { value: "" }, say("any")), ...options);
  select.value = chosen;
}

async function fill(list, desk, filters, show) {
  if (filters.skipped()) return fillSkipped(list, desk);
  looks += 1;
  const mine = looks;
  return parts.attempt(list, async () => {
    const asked = { ...filters.values(), facets: true, limit: PAGE };
    let page;
    try {
      page = await server.json(server.inside(desk.collection, `documents${server.query(asked)}`));
    } catch (problem) {
      if (problem.status !== 404) throw problem;
      filters.facets({ source: {}, language: {}, media_type: {}, state: {} });
      return list.replaceChildren(parts.empty(say("noDocuments")));
    }
    if (!desk.alive() || mine !== looks) return undefined;
    filters.facets(page.facets);
    desk.hear(say("countDocuments", page.total));
    const heads = HEADS.map((name) => name && say(name));
    const rows = page.documents.map((one) => cells(one, desk, show));
    const table = parts.table(say("documents"), heads, rows);
    const folders = Object.keys(page.facets.source).some((name) => name !== "api");
    const count = el("p", { class: "count", tabindex: "-1" }, `${say("countDocuments", page.total)}${say("stop_mark")}`, folders && ` ${say("ofFolders")}`);
    list.replaceChildren(count, page.total ? table : parts.empty(say("noneMatch")));
    parts.pages(list, table, heads, (one) => cells(one, desk, show), page.next, async (cursor) => {
      const asked = { ...filters.values(), cursor, limit: PAGE };
      const next = await server.json(server.inside(desk.collection, `documents${server.query(asked)}`));
      return [next.documents, next.next];
    });
    return undefined;
  });
}

function cells(one, desk, show) {
  const address = `#chunks/${one.uri.split("/").map(encodeURIComponent).join("/")}`;
  const name = [el("a", { class: "name", href: address }, one.title || one.uri), el("span", { class: "uri" }, one.uri)];
  if (one.notes.length) {
    const notes = one.notes.map((text) => el("li", {}, text));
    name.push(el("details", { class: "notes-of" }, el("summary", {}, say("notesOf", one.notes.length)), el("ul", {}, ...notes)));
  }
  const kind = { answers: "good", scheduled: "", expired: "", empty: "warn" }[one.state];
  const own = one.source === "api";
  return [
    el("div", { class: "name-cell" }, ...name),
    parts.badge(say(`state_${one.state}`), kind),
    own ? say("uploaded") : one.source,
    `${shortType(one.media_type)} · ${one.language}`,
    parts.bytes(one.size),
    one.chunks,
    parts.moment(one.taken_in),
    one.groups.length ? el("span", { class: "groups" }, one.groups.join(", ")) : say("everybody"),
    el(
      "div",
      { class: "actions" },
      own && parts.button(say("reingest"), (event) => reingest(event, one, desk, show), { "aria-label": say("reingestOne", one.title || one.uri) }),
      own && parts.button(say("remove"), () => takeAway(one, desk, show), { class: "push danger", "aria-label": say("removeOne", one.title || one.uri) }),
    ),
  ];
}

const shortType = (type) => type.replace(/^application\/(x-)?|^text\//, "").replace(/^vnd\..*\.(\w+)$/, "$1");

async function fillSkipped(list, desk) {
  await parts.attempt(list, async () => {
    const page = await wire.skipped(desk.collection);
    const heads = [say("file"), say("reason"), say("source"), say("generation")];
    const table = parts.table(say("state_skipped"), heads, page.skipped.map(skip));
    list.replaceChildren(el("p", { class: "count" }, say("countSkipped", page.total)), page.total ? table : parts.empty(say("noneSkipped")));
    parts.pages(list, table, heads, skip, page.next, async (cursor) => {
      const following = await wire.skipped(desk.collection, cursor);
      return [following.skipped, following.next];
    });
  });
}

const skip = (one) => [el("span", { class: "uri" }, one.uri), one.reason, one.source, one.generation];

async function reingest(event, one, desk, show) {
  const place = event.currentTarget.closest("td");
  await parts.attempt(place, async () => {
    const job = await server.json(server.documentPath(desk.collection, one.uri, "/reingest"), { method: "POST" });
    const line = el("small", { role: "status" });
    place.append(line);
    const end = await server.follow(job.id, (now) => (line.textContent = say(`job_${now.state}`)), desk.alive);
    if (end?.state === "failed") throw new wire.Problem(0, end.error.code, end.error.message);
    if (!end) return;
    await show();
    desk.hear(say(end.report?.unchanged ? "unchanged" : "takenInNow"));
    refocus();
  });
}

// What was pressed is gone with its row: the keyboard goes on at the head of the list.
const refocus = () => document.querySelector(".documents .count")?.focus();

async function takeAway(one, desk, show) {
  const agreed = await parts.sure(say("removeTitle"), say("removeText", one.title || one.uri), say("remove"));
  if (!agreed) return;
  const list = document.querySelector(".documents .list");
  await parts.attempt(list, async () => {
    const job = await (await server.remove(server.documentPath(desk.collection, one.uri))).json();
    desk.hear(say("removing"));
    const end = await server.follow(job.id, () => {}, desk.alive);
    if (end?.state === "failed") throw new wire.Problem(0, end.error.code, end.error.message);
    if (!end) return;
    await show();
    refocus();
  });
}

// ---- upload ----

function uploadBox(desk, done) {
  const file = el("input", { type: "file", multiple: true, class: "unseen", tabindex: "-1", "aria-hidden": "true" });
  const groups = parts.input({ name: "groups", maxlength: "1000" });
  const folder = parts.input({ name: "folder", maxlength: "400" });
  const lines = el("ul", { class: "uploads", "aria-live": "polite" });
  const begin = async (files) => {
    const waiting = [...files].map((one) => ({ one, line: addLine(lines, one) }));
    let changed = false;
    for (const { one, line } of waiting) changed = (await upload(one, line, desk, folder.value, groups.value)) || changed;
    if (changed && desk.alive()) await done();
  };
  file.addEventListener("change", () => {
    begin(file.files);
    file.value = "";
  });
  const zone = el(
    "div",
    { class: "drop" },
    el("p", { class: "drop-words" }, el("strong", {}, say("dropHere")), " ", el("span", {}, say("dropInto", desk.collection))),
    parts.button(say("chooseFiles"), () => file.click(), { class: "primary" }),
    file,
  );
  const inside = (event) => [...(event.dataTransfer?.types ?? [])].includes("Files");
  zone.addEventListener("dragover", (event) => {
    if (!inside(event)) return;
    event.preventDefault();
    zone.classList.add("over");
  });
  zone.addEventListener("dragleave", () => zone.classList.remove("over"));
  zone.addEventListener("drop", (event) => {
    zone.classList.remove("over");
    if (!inside(event)) return;
    event.preventDefault();
    begin(event.dataTransfer.files);
  });
  const details = el(
    "details",
    { class: "upload-more" },
    el("summary", {}, say("uploadMore")),
    el("div", { class: "fields" }, parts.field(say("groups"), groups, say("groupsHint")), parts.field(say("folder"), folder, say("folderHint"))),
  );
  return el("section", { class: "upload", "aria-label": say("upload") }, zone, details, lines);
}

function addLine(lines, file) {
  const state = el("span", { class: "upload-state" }, say("waits"));
  const line = el("li", {}, el("span", { class: "upload-name" }, file.name), el("progress", { "aria-label": file.name }), state);
  lines.append(line);
  return line;
}

// True when the collection has changed.
async function upload(file, line, desk, folder, groups) {
  const [, bar, state] = line.children;
  const tell = (text, kind) => {
    state.textContent = text;
    line.className = kind ?? "";
    if (kind) bar.remove();
  };
  const path = [folder.trim().replace(/^\/+|\/+$/g, ""), file.webkitRelativePath || file.name].filter(Boolean).join("/");
  try {
    tell(say("sending", parts.bytes(file.size)));
    const job = await server.put(desk.collection, path, file, groups.trim());
    const end = await server.follow(job.id, (now) => tell(now.waits_for ? say("waitsFor") : say(`job_${now.state}`)), desk.alive);
    if (!end) return false;
    if (end.state === "failed") tell(end.error.message, "failed");
    else tell(say(end.report?.unchanged ? "unchanged" : "takenInNow"), "done");
    return end.state === "done";
  } catch (problem) {
    if (problem.status === 401) throw problem;
    tell(parts.words(problem), "failed");
    return false;
  }
}
