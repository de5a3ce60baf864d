// The API's description as a page: a list of routes, and the one that the address names.

import { byId, el } from "./dom.js";
import { nameShape, prose, showShape } from "./docs_shapes.js";
import { send } from "./wire.js";

const METHODS = ["get", "post", "put", "patch", "delete"];
const OVERVIEW = "overview";
let description = null;
let operations = [];

const follow = (value) => {
  if (!value?.$ref) return value;
  return value.$ref.slice(2).split("/").reduce((place, name) => place[name.replaceAll("~1", "/")], description);
};

const paragraphs = (text) =>
  (text ?? "").split(/\n\s*\n/).filter(Boolean).map((part) => el("p", {}, ...prose(part)));

function table(heads, rows) {
  const head = el("tr", {}, ...heads.map((name) => el("th", { scope: "col" }, name)));
  const body = rows.map((cells) => el("tr", {}, ...cells.map((cell) => el("td", {}, ...[cell].flat()))));
  return el("div", { class: "scroll" }, el("table", {}, el("thead", {}, head), el("tbody", {}, ...body)));
}

const method = (operation) => el("span", { class: `method ${operation.method}` }, operation.method.toUpperCase());

function listOperations() {
  const listed = [];
  for (const [path, entry] of Object.entries(description.paths)) {
    for (const name of METHODS.filter((known) => entry[known])) {
      const told = entry[name];
      listed.push({ ...told, path, method: name, id: told.operationId, tag: told.tags?.[0] ?? "other" });
    }
  }
  return listed;
}

// ---- the list

function drawList() {
  const words = byId("filter").value.toLowerCase().split(/\s+/).filter(Boolean);
  const tags = new Map();
  for (const operation of operations) {
    const text = `${operation.method} ${operation.path} ${operation.tag} ${operation.description ?? ""}`.toLowerCase();
    if (!words.every((word) => text.includes(word))) continue;
    tags.set(operation.tag, [...(tags.get(operation.tag) ?? []), operation]);
  }
  const first = el("ul", {}, el("li", {}, link(OVERVIEW, "", "Overview")));
  const lists = [...tags].flatMap(([tag, listed]) => [
    el("h2", {}, tag),
    el("ul", {}, ...listed.map((one) => el("li", {}, link(one.id, method(one), one.path)))),
  ]);
  byId("routes").replaceChildren(first, ...(lists.length ? lists : [el("p", { class: "soft" }, "No route has these words.")]));
}

function link(id, ...children) {
  const here = (location.hash.slice(1) || OVERVIEW) === id;
  return el("a", { href: `#${id}`, "aria-current": here && "page" }, ...children.map((child) => child || el("span")));
}

// ---- one route

function showOperation(operation) {
  const bodies = Object.entries(operation.requestBody?.content ?? {});
  return [
    el("h1", {}, method(operation), ` ${operation.path}`),
    ...paragraphs(operation.description ?? operation.summary),
    el("p", { class: "soft" }, operation.security ? "Needs a key, a session or a visitor." : "Needs no key."),
    ...showParameters(operation.parameters ?? []),
    ...bodies.flatMap(([kind, form]) => [
      el("h2", {}, "Body ", el("code", {}, kind)),
      showShape(form.schema, follow),
      ...(form.example ? [el("h3", {}, "Example"), el("pre", { tabindex: 0 }, pretty(form.example))] : []),
    ]),
    ...showCommand(operation, bodies[0]),
    el("h2", {}, "Answers"),
    ...Object.entries(operation.responses).map(([status, response]) => showResponse(status, follow(response))),
  ];
}

const pretty = (value) => JSON.stringify(value, null, 2);

function showParameters(parameters) {
  if (!parameters.length) return [];
  const rows = parameters.map((one) => [
    [el("code", {}, one.name), " ", el("small", {}, one.required ? `${one.in}, required` : one.in)],
    el("span", { class: "soft" }, nameShape(one.schema, follow)),
    prose(one.description ?? one.schema.description ?? ""),
  ]);
  return [el("h2", {}, "Parameters"), table(["parameter", "value", "meaning"], rows)];
}

function showCommand(operation, body) {
  const base = new URL(".", location.href.split("#")[0]).href.replace(/\/$/, "");
  const query = (operation.parameters ?? []).filter((one) => one.in === "query" && one.required);
  const asked = query.length ? `?${query.map((one) => `${one.name}=…`).join("&")}` : "";
  const lines = [`curl -X ${operation.method.toUpperCase()} '${base}${operation.path}${asked}'`];
  if (operation.security) lines.push(`-H "Authorization: Bearer $KEY"`);
  if (body) {
    const [kind, form] = body;
    lines.push(`-H 'Content-Type: ${kind}'`);
    lines.push(form.example ? `-d '${JSON.stringify(form.example).replaceAll("'", "'\\''")}'` : "--data-binary @FILE");
  }
  const command = lines.join(" \\\n  ");
  const copied = el("span", { role: "status", class: "soft" });
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(command);
      copied.textContent = " Copied.";
    } catch {
      copied.textContent = " The browser does not let this page copy; mark the line.";
    }
  };
  return [
    el("h2", {}, "Try it"),
    el("pre", { tabindex: 0, id: "command" }, command),
    el("p", {}, el("button", { type: "button", class: "push", on: { click: copy } }, "Copy"), copied),
  ];
}

function showResponse(status, response) {
  const headers = Object.entries(response.headers ?? {});
  const parts = Object.entries(response.content ?? {}).flatMap(([kind, form]) => [
    el("h3", {}, el("code", {}, kind)),
    ...(form.itemSchema ? showEvents(form) : [showShape(form.schema ?? {}, follow)]),
  ]);
  if (headers.length) {
    const rows = headers.map(([name, told]) => [el("code", {}, name), prose(follow(told).description ?? "")]);
    parts.push(table(["header", "meaning"], rows));
  }
  const summary = el("summary", {}, el("code", {}, status), " ", ...prose(response.description ?? ""));
  return el("details", { open: status < "300" }, summary, ...parts);
}

function showEvents(form) {
  const options = form.itemSchema.oneOf ?? [form.itemSchema];
  const rows = options.map(({ properties }) => {
    const data = properties.data.anyOf ?? [properties.data];
    const shapes = data.map((part) => (part.contentSchema ? showShape(part.contentSchema, follow) : el("code", {}, part.const)));
    return [el("code", {}, properties.event?.const ?? "data"), shapes];
  });
  return [
    el("p", { class: "soft" }, ...prose(form.itemSchema.description ?? "")),
    table(["event", "its data, as JSON"], rows),
    ...(form.example ? [el("pre", { tabindex: 0 }, form.example)] : []),
  ];
}

// ---- the overview

function showOverview() {
  const ways = Object.entries(description.components.securitySchemes);
  const headers = Object.entries(description.components.headers);
  return [
    el("h1", {}, `${description.info.title} ${description.info.version}`),
    ...paragraphs(description.info.description),
    el("p", {}, `${operations.length} routes, from `, el("a", { href: "openapi.json" }, "openapi.json"), "."),
    el("h2", {}, "Who asks"),
    table(["way", "what it shows"], ways.map(([name, way]) => [el("code", {}, name), prose(way.description ?? "")])),
    el("h2", {}, "Lists"),
    ...paragraphs("A list comes a page at a time: `limit` says how many, and `next` of a reply is the `cursor` of the next page; null at the end. A cursor is good for the list and the asker that it was given to."),
    el("h2", {}, "Sent again"),
    ...paragraphs("Routes with the header `Idempotency-Key` give the first reply again to the same key and body."),
    el("h2", {}, "Headers"),
    table(["header", "meaning"], headers.map(([name, told]) => [el("code", {}, name), prose(told.description)])),
    el("h2", {}, "Refusals"),
    ...paragraphs("Every refusal is a problem (RFC 9457), `application/problem+json`. `code` stays as it is for programs, `detail` is for people. On the paths of OpenAI's shapes it is an error of theirs."),
    showShape({ $ref: "#/components/schemas/ProblemOut" }, follow),
  ];
}

function draw() {
  const id = decodeURIComponent(location.hash.slice(1)) || OVERVIEW;
  if (id === "content") return;
  const operation = operations.find((one) => one.id === id);
  const main = byId("content");
  main.replaceChildren(...(operation ? showOperation(operation) : showOverview()));
  main.scrollTop = 0;
  document.title = `${operation ? `${operation.method.toUpperCase()} ${operation.path}` : "Overview"} · ragdesk API`;
  drawList();
}

async function start() {
  try {
    const reply = await send("/openapi.json", { credentials: "omit" });
    if (!reply.ok) throw new Error(`${reply.status}`);
    description = await reply.json();
  } catch (error) {
    byId("state").textContent = `The description cannot be read (${error.message}). Load the page again.`;
    byId("state").className = "bad";
    return;
  }
  operations = listOperations();
  byId("filter").addEventListener("input", drawList);
  addEventListener("hashchange", () => {
    draw();
    byId("content").focus({ preventScroll: true });
  });
  draw();
}

start();
