// The sections of the administrator's page, in the order of the navigation.
//
// A section is {name, label, scope, draw}: the part of the address after #, the word of its name in
// admin_words.js (or {en, zh}), the scope that it takes (admin without one), and `draw(place, desk)`, which
// fills a node and may return a function that is called when the section is left. desk: what
// admin.js gives each section (collection, collections, go, hear).

import * as chunks from "./admin_chunks.js";
import * as documents from "./admin_documents.js";
import * as generations from "./admin_generations.js";
import * as health from "./admin_health.js";
import * as jobs from "./admin_jobs.js";
import * as keys from "./admin_keys.js";
import * as settings from "./admin_settings.js";
import * as trial from "./admin_trial.js";

export const admin_sections = [
  { name: "documents", label: "documents", scope: "write", draw: documents.draw },
  { name: "chunks", label: "chunks", scope: "write", draw: chunks.draw, hidden: true },
  { name: "test", label: "test", draw: trial.draw },
  { name: "jobs", label: "jobs", scope: "write", draw: jobs.draw },
  { name: "generations", label: "generations", draw: generations.draw },
  { name: "keys", label: "keys", draw: keys.draw },
  { name: "settings", label: "settings", draw: settings.draw },
  { name: "health", label: "health", draw: health.draw },
];
