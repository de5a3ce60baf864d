"use strict";
// Finds among the cases, and opens the one that a link names.
const cases = [...document.querySelectorAll(".case")];
const find = document.getElementById("find");
const kind = document.getElementById("kind");
function show() {
  const words = find.value.toLowerCase();
  let shown = 0;
  for (const one of cases) {
    const fits = !kind.value || one.dataset.kind === kind.value;
    const held = !words || one.textContent.toLowerCase().includes(words);
    one.hidden = !(fits && held);
    shown += one.hidden ? 0 : 1;
  }
  document.getElementById("count").textContent = `${shown} of ${cases.length}`;
}
function open() {
  const one = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (one) {
    one.hidden = false;
    one.open = true;
    one.scrollIntoView();
  }
}
find.addEventListener("input", show);
kind.addEventListener("change", show);
addEventListener("hashchange", open);
show();
open();
