// A JSON schema in words, and as a tree whose parts are drawn once they are opened.

import { el } from "./dom.js";

const LIMITS = {
  minLength: "at least % characters", maxLength: "at most % characters", minimum: "from %", maximum: "to %",
  minItems: "at least % of them", maxItems: "at most % of them", pattern: "like %",
};

const nameOf = (schema) => schema.$ref?.split("/").pop();

// A few words for a schema: what kind of value it is, and its bounds.
export function nameShape(schema, follow) {
  if (!schema || !Object.keys(schema).length) return "anything";
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  if (schema.enum) return schema.enum.map((value) => JSON.stringify(value)).join(" | ");
  if (schema.$ref) {
    const real = follow(schema);
    return real.enum ? nameShape(real, follow) : nameOf(schema);
  }
  const options = schema.anyOf ?? schema.oneOf;
  if (options) return options.map((one) => nameShape(one, follow)).join(" | ");
  const bounds = Object.entries(LIMITS)
    .filter(([key]) => schema[key] !== undefined)
    .map(([key, words]) => words.replace("%", () => schema[key]));
  const base = schema.type === "array" ? `list of ${nameShape(schema.items, follow)}` : (schema.type ?? "anything");
  return [base, ...bounds].join(", ");
}

// The schema under a name that has parts of its own, through lists and choices; null where there is none.
function partsOf(schema, follow) {
  if (!schema) return null;
  const real = follow(schema);
  if (real.properties) return real;
  if (real.items) return partsOf(real.items, follow);
  if (typeof real.additionalProperties === "object") return partsOf(real.additionalProperties, follow);
  for (const option of real.anyOf ?? real.oneOf ?? []) {
    const parts = partsOf(option, follow);
    if (parts) return parts;
  }
  return null;
}

// Words in which `code` is marked, as text nodes.
export const prose = (text) =>
  text.split(/(`+[^`]+`+)/).map((part) => (part.startsWith("`") ? el("code", {}, part.replaceAll("`", "")) : part));

function showField(name, schema, isRequired, follow) {
  const facts = [` ${nameShape(schema, follow)}`, isRequired ? "" : ", may be left out"];
  if (schema.default !== undefined && schema.default !== null) facts.push(`, else ${JSON.stringify(schema.default)}`);
  const line = [el("code", {}, name), el("span", { class: "soft" }, ...facts)];
  if (schema.description) line.push(el("br"), ...prose(schema.description));
  const parts = partsOf(schema, follow);
  if (!parts) return el("li", {}, ...line);
  return el("li", {}, fold(line, parts, follow));
}

function fold(line, parts, follow) {
  const details = el("details", {}, el("summary", {}, ...line));
  details.addEventListener("toggle", () => details.append(listFields(parts, follow)), { once: true });
  return details;
}

function listFields(schema, follow) {
  const required = new Set(schema.required ?? []);
  const fields = Object.entries(schema.properties);
  if (!fields.length) return el("p", { class: "soft" }, "No fields.");
  return el("ul", { class: "shape" }, ...fields.map(([name, part]) => showField(name, part, required.has(name), follow)));
}

// A schema as a tree: its fields at once, what is in them when they are opened.
export function showShape(schema, follow) {
  const name = el("p", { class: "soft" }, nameShape(schema, follow));
  const parts = partsOf(schema, follow);
  if (!parts) return name;
  const about = follow(schema).description;
  return el("div", {}, name, about ? el("p", {}, ...prose(about)) : null, listFields(parts, follow));
}
