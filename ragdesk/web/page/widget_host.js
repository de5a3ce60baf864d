// The website's page around this frame: who it is, and the few things that are said to and fro.

const origins = new Set((document.documentElement.dataset.origins ?? "").split(" ").filter(Boolean)); // of the key
let page = null; // its origin, once it said hello

// heard: a function for each thing that the page may say. Nothing is heard from any other window,
// from another origin than the key's, before the page said hello, or a second hello.
export function listen(heard) {
  addEventListener("message", ({ source, origin, data }) => {
    if (parent === window || source !== parent || !origins.has(origin)) return;
    if (typeof data !== "object" || data === null || data.ragdesk !== 1 || !Object.hasOwn(heard, data.act)) return;
    if ((data.act === "hello") !== (page === null) || (page !== null && origin !== page)) return;
    page = origin;
    heard[data.act](data);
  });
}

export const tell = (act, more = {}) => page !== null && parent.postMessage({ ragdesk: 1, act, ...more }, page);
