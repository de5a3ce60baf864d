// Build nodes. Words become text nodes, never markup.

export const byId = (id) => document.getElementById(id);

export function el(name, { on = {}, ...attributes } = {}, ...children) {
  const node = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value === true) node.setAttribute(key, "");
    else if (value !== false && value != null) node.setAttribute(key, value);
  }
  for (const [event, hear] of Object.entries(on)) node.addEventListener(event, hear);
  node.append(...children.filter((child) => child != null && child !== false));
  return node;
}

export function vector(name, attributes, ...children) {
  const node = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  node.append(...children);
  return node;
}

const SAFE_HREF = /^(?:https?|mailto|tel):/i;

// A way out of the page: it tells the other side nothing, and shows its address. Null for a script.
export const out = (href, attributes, ...children) =>
  SAFE_HREF.test(href)
    ? el("a", { ...attributes, href, title: href, target: "_blank", rel: "noopener noreferrer" }, ...children)
    : null;

// Offsets from the server count code points; JavaScript strings count UTF-16 units.
export function unit(text, points) {
  let at = 0;
  for (let count = 0; count < points && at < text.length; count += 1) {
    at += text.codePointAt(at) > 0xffff ? 2 : 1;
  }
  return at;
}

// The same for offsets that mostly rise: each goes on from where the last one was.
export function stepper(text) {
  let at = 0;
  let count = 0;
  return (points) => {
    if (points < count) at = count = 0;
    for (; count < points && at < text.length; count += 1) at += text.codePointAt(at) > 0xffff ? 2 : 1;
    return at;
  };
}
