// Health: whether questions can be asked, what was counted, and what the checks of doctor found.

import { el } from "./dom.js";
import * as parts from "./admin_parts.js";
import { locale, say } from "./admin_words.js";
import * as server from "./admin_wire.js";

const SHOWN = {
  answered: ["ragdesk_answers_total.answered"],
  refused: ["ragdesk_answers_total.not_found", "ragdesk_answers_total.unsupported", "ragdesk_answers_total.clarify"],
  degraded: ["ragdesk_degraded_total"],
  requests: ["ragdesk_requests_total.2xx", "ragdesk_requests_total.3xx", "ragdesk_requests_total.4xx", "ragdesk_requests_total.5xx"],
  errors: ["ragdesk_requests_total.5xx"],
  inFlight: ["ragdesk_in_flight"],
  jobsDone: ["ragdesk_jobs_total.done"],
  jobsFailed: ["ragdesk_jobs_total.failed"],
  stale: ["ragdesk_stale_collections"],
  files: ["process_open_fds"],
};

export async function draw(place, desk) {
  const state = el("div", { class: "list" });
  const found = el("div", { class: "result" });
  const check = parts.button(say("runChecks"), () => run(check, found, desk), { class: "primary" });
  const health = await server.json("/v1/health");
  if (!desk.alive()) return;
  state.append(...readiness(health), ...figures(health));
  place.append(state, el("h2", {}, say("checks")), el("p", {}, say("checksWhat")), check, found);
}

function readiness({ readiness: now, version, started, now: at }) {
  const troubles = [
    ...now.not_served.map((one) => say("notServed", one.collection ?? "?", one.status, one.reason) + (one.next_step ? ` ${one.next_step}` : "")),
    ...now.degraded.map((one) => say("degradedOne", one.collection ?? "?", one.reason, one.next_step)),
  ];
  const kind = now.ready ? (troubles.length ? "warn" : "good") : "bad";
  return [
    parts.note(say(now.ready ? "isReady" : "isNotReady", now.served, now.collections), kind),
    ...(troubles.length ? [el("ul", { class: "problems" }, ...troubles.map((text) => el("li", {}, text)))] : []),
    el("p", { class: "intro" }, `ragdesk ${version} · `, say("runsFor", parts.duration(at - started))),
  ];
}

function figures({ metrics }) {
  const cards = Object.entries(SHOWN)
    .filter(([, names]) => names.some((name) => name in metrics))
    .map(([name, names]) => {
      const sum = names.reduce((total, one) => total + (metrics[one] ?? 0), 0);
      return el("div", { class: "figure-card" }, el("dt", {}, say(`metric_${name}`)), el("dd", {}, sum.toLocaleString(locale())));
    });
  return [el("h2", {}, say("sinceStart")), el("dl", { class: "figures" }, ...cards)];
}

async function run(pressed, found, desk) {
  pressed.disabled = true;
  found.replaceChildren(el("p", { role: "status" }, say("checking"), " ", el("progress", { "aria-label": say("checking") })));
  await parts.attempt(found, async () => {
    const { findings } = await server.json("/v1/health?check=true");
    if (!desk.alive()) return;
    const kinds = { ok: "good", note: "warn", bad: "bad" };
    const rows = findings
      .sort((a, b) => Object.keys(kinds).indexOf(b.state) - Object.keys(kinds).indexOf(a.state))
      .map((one) => [parts.badge(say(`finding_${one.state}`), kinds[one.state]), el("code", {}, one.what), el("div", {}, one.observed, one.remedy ? el("p", { class: "why" }, one.remedy) : "")]);
    found.replaceChildren(parts.table(say("checks"), [say("state"), say("check"), say("observed")], rows));
    desk.hear(say("checked", findings.filter((one) => one.state === "bad").length));
  });
  found.querySelector(":scope > [role=status]")?.remove();
  pressed.disabled = false;
}
