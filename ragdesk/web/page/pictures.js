// The pictures that lie in a document's file, below its text: fetched when somebody opens them.

import { el } from "./dom.js";
import { label, spoken } from "./words.js";
import * as wire from "./wire.js";

// Null where there are none.
export async function drawPictures(answer, place, title) {
  const at = [answer.collection, place.uri, answer.generation, place.chunk];
  const count = await wire.pictures(...at);
  if (!count) return null;
  const list = el("ul", { class: "pictures" });
  const fill = async () => {
    for (let number = 1; number <= count && list.isConnected; number += 1) {
      const canvas = label(el("canvas", { role: "img" }), "pictureOf", number, title);
      list.append(el("li", {}, await paint(canvas, at, number).catch(() => spoken("p", { class: "wait" }, "noSuchPicture"))));
    }
  };
  const opened = (event) => event.currentTarget.open && !list.childElementCount && fill();
  return el("details", { class: "in-file", on: { toggle: opened } }, spoken("summary", {}, "picturesInFile", count), list);
}

async function paint(canvas, at, number) {
  const picture = await createImageBitmap(await wire.picture(...at, number));
  canvas.width = picture.width;
  canvas.height = picture.height;
  canvas.getContext("2d").drawImage(picture, 0, 0);
  picture.close();
  return canvas;
}
