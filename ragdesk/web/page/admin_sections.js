// The sections of the administrator's page, in the order of the navigation.
//
// A section is {name, label, scope, load}: the part of the address after #, the word of its name in
// admin_words.js (or {en, zh}), the scope that it takes (admin without one), and what imports its
// module when it is opened: so no page carries what nobody looks at. The module's
// `draw(place, desk)` fills a node, and may return a function that is called when the section is
// left. desk: what admin.js gives each section (collection, collections, rest of the address, hear,
// renew, alive). hidden: it is reached from another section.

export const admin_sections = [
  { name: "documents", label: "documents", scope: "write", load: () => import("./admin_documents.js") },
  { name: "chunks", label: "chunks", scope: "write", hidden: true, load: () => import("./admin_chunks.js") },
  { name: "test", label: "test", load: () => import("./admin_trial.js") },
  { name: "jobs", label: "jobs", scope: "write", load: () => import("./admin_jobs.js") },
  { name: "generations", label: "generations", load: () => import("./admin_generations.js") },
  { name: "gaps", label: { en: "Gaps", zh: "知识缺口" }, scope: "edit", load: () => import("./admin_gaps.js") },
  { name: "insight", label: { en: "Insight", zh: "洞察" }, scope: "agent", load: () => import("./admin_insight.js") },
  { name: "keys", label: "keys", load: () => import("./admin_keys.js") },
  { name: "audit", label: "audit", load: () => import("./admin_audit.js") },
  { name: "settings", label: "settings", load: () => import("./admin_settings.js") },
  { name: "health", label: "health", load: () => import("./admin_health.js") },
];
