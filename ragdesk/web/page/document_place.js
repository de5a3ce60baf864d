// A document that the address names, as links in chats do: #d=COLLECTION/URI;GENERATION;START-END

import { view } from "./reader.js";
import * as wire from "./wire.js";

const DOCUMENT = /^#d=([a-z0-9][a-z0-9_-]{0,62})\/([^;]{1,6000});(\d{1,12});(\d{1,12})-(\d{1,12})$/;

// Open it at the cited place; at its beginning where that generation is gone. Nothing where none is named.
export async function followDocument() {
  const [, collection, name, ...numbers] = DOCUMENT.exec(location.hash) ?? [];
  const uri = name && decode(name);
  if (!uri) return;
  const [generation, start, end] = numbers.map(Number);
  const place = { uri, title: "", path: [], page: null, start, end };
  const isKept = await wire.text(collection, uri, generation).then(() => true, () => false);
  const shown = isKept ? place : { ...place, start: 0, end: 0 };
  await view({ collection, generation: isKept ? generation : undefined, citations: [], passages: [] }, shown, null);
}

function decode(name) {
  try {
    return decodeURIComponent(name);
  } catch {
    return ""; // half an escape: no address of ours
  }
}
