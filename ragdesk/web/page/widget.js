// The widget's script on a website's page: a button, and a frame in which the chat lives.
// What the page and the frame say to each other is a closed list, and each looks at who speaks.

(() => {
  "use strict";
  const LOOK = "%LOOK%"; // what the operator chose: put in by the server
  const tag = document.currentScript ?? document.querySelector('script[data-key^="rdp_"]');
  if (!tag || Object.hasOwn(window, "ragdesk")) return; // the tag stands in the page twice
  const given = tag.dataset;
  if (!/^rdp_[\w-]{8,200}$/.test(given.key ?? "")) return console.error("ragdesk: data-key is no publishable key (rdp_…).");

  const expose = (api) => Object.defineProperty(window, "ragdesk", { value: Object.freeze(api), enumerable: true });
  // A browser too old for the chat shows no button rather than a broken one.
  if (!CSS.supports("color", "light-dark(#000, #fff)") || !("adoptedStyleSheets" in Document.prototype)) {
    return expose({ open() {}, close() {}, identify() {} });
  }

  const WORDS = {
    en: { title: "Chat", open: "Open the chat", close: "Close the chat", wait: "Opening…", failed: "The chat cannot be opened now. Please try again later.", unread: (n) => `${n} new ${n === 1 ? "reply" : "replies"}` },
    zh: { title: "在线客服", open: "打开在线客服", close: "关闭在线客服", wait: "正在打开…", failed: "暂时无法打开客服窗口，请稍后再试。", unread: (n) => `${n} 条新回复` },
  };
  const LIVE = "ragdesk.live"; // in the tab's storage: a person may answer, so the next page listens, too
  const HELLO_WAIT = 6_000; // milliseconds after which a frame that loaded and said nothing is none of ours
  const LOAD_WAIT = 30_000;
  const desk = new URL(".", tag.src);
  const PAPER = { accent: "#fbfaf8", accentDark: "#171715" }; // what the chat is drawn on, by day and by night
  const LEAST_CONTRAST = 4.5;
  const one = (name, allowed) => (allowed.includes(given[name]) ? given[name] : "");
  const side = one("position", ["left", "right"]) || "right";
  const theme = one("theme", ["light", "dark"]);
  const languages = [given.language, document.documentElement.lang, navigator.language].map((name) => (name ?? "").slice(0, 2).toLowerCase());
  const language = languages.find((name) => name in WORDS) ?? "en";
  const words = WORDS[language];
  const small = matchMedia("(max-width: 480px), (max-height: 420px)");

  const STYLE = `
    :host { --paper: light-dark(#fbfaf8, #171715); --ink: light-dark(#1e1d1a, #ecebe6); --line: light-dark(#e4e1d9, #35342f); }
    @media print { :host { display: none !important; } }
    * { box-sizing: border-box; font: 15px/1.5 -apple-system, BlinkMacSystemFont, "Segoe UI", Inter, Roboto, "Noto Sans", "PingFang SC", "Microsoft YaHei", "Noto Sans CJK SC", "Helvetica Neue", Arial, sans-serif; }
    [hidden] { display: none !important; }
    .launch { position: fixed; z-index: 2147483000; ${side}: var(--ragdesk-side, 20px); bottom: var(--ragdesk-bottom, 20px); width: 56px; height: 56px; display: grid; place-items: center; margin: 0; padding: 0; border: 0; border-radius: 50%; cursor: pointer; background: var(--accent); color: var(--on-accent); box-shadow: 0 2px 6px rgb(0 0 0 / .18), 0 8px 24px rgb(0 0 0 / .16); transition: transform .15s ease-out; }
    .launch:hover { transform: scale(1.05); }
    .launch:focus-visible, .wait button:focus-visible { outline: 3px solid var(--accent); outline-offset: 3px; }
    .launch svg { width: 28px; height: 28px; fill: currentColor; stroke: none; grid-area: 1 / 1; }
    .launch svg path:last-child { fill: none; stroke: var(--accent); stroke-width: 1.8; stroke-linecap: round; }
    .launch svg.shut path:last-child { stroke: currentColor; stroke-width: 2; }
    .launch[aria-expanded="true"] svg.talk, .launch[aria-expanded="false"] svg.shut { display: none; }
    .count { position: absolute; top: -4px; right: -4px; min-width: 22px; height: 22px; padding: 0 6px; border: 2px solid var(--paper); border-radius: 11px; background: #b3261e; color: #fff; font-size: 12px; font-weight: 650; line-height: 18px; text-align: center; }
    dialog { position: fixed; z-index: 2147483000; inset: auto; ${side}: var(--ragdesk-side, 20px); bottom: calc(var(--ragdesk-bottom, 20px) + 72px); width: min(400px, 100vw - 40px); height: min(680px, 100vh - var(--ragdesk-bottom, 20px) - 92px); max-width: none; max-height: none; margin: 0; padding: 0; overflow: hidden; border: 1px solid var(--line); border-radius: 16px; background: var(--paper); color: var(--ink); box-shadow: 0 4px 12px rgb(0 0 0 / .1), 0 16px 48px rgb(0 0 0 / .2); outline: 0; }
    dialog[open] { animation: rise .18s ease-out; }
    dialog::backdrop { background: rgb(0 0 0 / .4); }
    @keyframes rise { from { opacity: 0; transform: translateY(12px); } }
    iframe { display: block; width: 100%; height: 100%; border: 0; color-scheme: inherit; }
    .wait { position: absolute; inset: 0; display: flex; flex-direction: column; align-items: center; justify-content: center; gap: 16px; padding: 24px; text-align: center; background: var(--paper); }
    .wait p { margin: 0; }
    .wait button { min-height: 36px; padding: 6px 18px; border: 1px solid var(--line); border-radius: 18px; background: none; color: inherit; cursor: pointer; }
    .unseen { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
    @media (max-width: 480px), (max-height: 420px) { dialog { inset: 0; width: 100%; height: 100dvh; border: 0; border-radius: 0; } }
    @media (prefers-reduced-motion: reduce) { *, dialog[open] { animation: none; transition: none; } }`;

  let frame = null;
  let ready = false; // the frame answered
  let unread = 0;
  let timer = 0;
  let giver = null; // gives the visitor's token: what the page called `identify` with
  let handed = 0; // of the hand-over under way: an older one is dropped

  const el = (name, attributes, ...children) => {
    const node = name.includes(":") ? document.createElementNS("http://www.w3.org/2000/svg", name.slice(4)) : document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
    node.append(...children);
    return node;
  };
  const icon = (kind, ...paths) => el("svg:svg", { class: kind, viewBox: "0 0 24 24", "aria-hidden": "true" }, ...paths.map((d) => el("svg:path", { d })));

  const note = el("p", { role: "status" });
  const leave = el("button", { type: "button" }, words.close);
  const wait = el("div", { class: "wait" }, note, leave);
  const panel = el("dialog", { id: "panel", "aria-label": LOOK.name === "ragdesk" ? words.title : `${LOOK.name}: ${words.title}` }, wait);
  const count = el("span", { class: "count", "aria-hidden": "true", hidden: "" });
  const launch = el(
    "button",
    { type: "button", class: "launch", "aria-haspopup": "dialog", "aria-controls": "panel" },
    icon("talk", "M5 4h14a2 2 0 0 1 2 2v9a2 2 0 0 1-2 2h-7l-4.6 3.6A.9.9 0 0 1 6 19.9V17H5a2 2 0 0 1-2-2V6c0-1.1.9-2 2-2Z", "M7 8.6h10M7 12.2h6"),
    icon("shut", "M0 0", "m6 9.5 6 6 6-6"),
    count,
  );
  const heard = el("p", { class: "unseen", role: "status" });
  const host = el("ragdesk-widget", { lang: language === "zh" ? "zh-CN" : "en" });

  function luminance(value) {
    const [red, green, blue] = [1, 3, 5].map((at) => Number.parseInt(value.slice(at, at + 2), 16) / 255).map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  }

  const over = (value) => (luminance(value) > 0.18 ? "#0c211d" : "#ffffff"); // black or white words, whichever can be read

  // A colour of the tag, where it is one and words in it can be read on its paper, as the frame asks, too.
  function colour(name) {
    const value = given[name];
    if (value === undefined) return "";
    const [darker, lighter] = /^#[\da-f]{6}$/i.test(value) ? [luminance(value), luminance(PAPER[name])].sort((a, b) => a - b) : [1, 0];
    if ((lighter + 0.05) / (darker + 0.05) >= LEAST_CONTRAST) return value;
    console.warn(`ragdesk: data-${name === "accent" ? "accent" : "accent-dark"} is left out: it is no colour such as #0f6b5c, or cannot be read on ${PAPER[name]}.`);
    return "";
  }

  const accents = { accent: colour("accent"), accentDark: colour("accentDark") };

  function paint() {
    const [day, own] = accents.accent || accents.accentDark
      ? [accents.accent || accents.accentDark, accents.accentDark || accents.accent]
      : [LOOK.accent || LOOK.accentDark || "#0f6b5c", LOOK.accentDark || LOOK.accent || "#63c5b1"];
    host.style.setProperty("all", "initial", "important"); // no rule of the page reaches it
    host.style.setProperty("color-scheme", theme || "light dark", "important");
    host.style.setProperty("--accent", `light-dark(${day}, ${own})`);
    host.style.setProperty("--on-accent", `light-dark(${over(day)}, ${over(own)})`);
  }

  // The tab's storage, where the page may use it.
  function remember(live) {
    try {
      if (live) sessionStorage.setItem(LIVE, "1");
      else sessionStorage.removeItem(LIVE);
    } catch {
      return; // denied: a reply that comes on the next page is seen when the chat is opened
    }
  }

  function isLive() {
    try {
      return sessionStorage.getItem(LIVE) === "1";
    } catch {
      return false;
    }
  }

  const say = (act, more = {}) => ready && frame.contentWindow.postMessage({ ragdesk: 1, act, ...more }, desk.origin);

  function load() {
    if (frame) return;
    note.textContent = words.wait;
    wait.hidden = false;
    frame = el("iframe", {
      title: panel.getAttribute("aria-label"),
      allow: "clipboard-write",
      referrerpolicy: "no-referrer",
      sandbox: "allow-scripts allow-same-origin allow-forms allow-popups allow-popups-to-escape-sandbox allow-downloads",
      src: new URL(`widget?key=${encodeURIComponent(given.key)}`, desk).href,
    });
    const mine = frame;
    frame.addEventListener("load", () => mine === frame && greet());
    timer = setTimeout(fail, LOAD_WAIT);
    panel.append(frame);
  }

  async function greet() {
    const look = { language: one("language", ["en", "zh"]) || language, theme, ...accents, collection: given.collection ?? "" };
    const mine = frame;
    const token = await askToken();
    if (mine !== frame) return;
    clearTimeout(timer);
    timer = setTimeout(fail, HELLO_WAIT);
    frame.contentWindow.postMessage({ ragdesk: 1, act: "hello", ...look, token: token ?? null }, desk.origin);
  }

  function fail() {
    clearTimeout(timer);
    note.textContent = words.failed;
    wait.hidden = false;
    frame?.remove();
    frame = null;
    ready = false;
    if (panel.open) leave.focus();
  }

  // The token as the page gives it now; undefined where it cannot.
  async function askToken() {
    try {
      const token = await giver?.();
      return typeof token === "string" ? token : null;
    } catch (error) {
      console.error("ragdesk: identify gave no token.", error);
      return undefined;
    }
  }

  async function handOver() {
    handed += 1;
    const mine = handed;
    const token = await askToken();
    if (mine === handed && token !== undefined) say("identify", { token });
  }

  const HEARD = {
    ready: () => {
      clearTimeout(timer);
      ready = true;
      wait.hidden = true;
      if (panel.open) enter();
    },
    close: () => close(),
    token: () => handOver(),
    live: ({ on }) => remember(on === true),
    unread: ({ count: fresh }) => {
      unread = Number.isInteger(fresh) && fresh >= 0 ? Math.min(fresh, 99) : 0;
      draw();
      heard.textContent = unread ? words.unread(unread) : "";
    },
  };

  addEventListener("message", ({ source, origin, data }) => {
    if (!frame || source !== frame.contentWindow || origin !== desk.origin) return;
    if (typeof data !== "object" || data === null || data.ragdesk !== 1 || !Object.hasOwn(HEARD, data.act)) return;
    HEARD[data.act](data);
  });

  function enter() {
    frame.focus();
    say("open");
  }

  function draw() {
    launch.setAttribute("aria-expanded", String(panel.open));
    launch.setAttribute("aria-label", [panel.open ? words.close : words.open, ...(unread ? [words.unread(unread)] : [])].join(", "));
    count.hidden = !unread;
    count.textContent = String(unread);
  }

  function open() {
    if (!host.isConnected) return;
    if (!panel.open) reveal();
    load();
    if (ready) enter();
    else leave.focus();
    draw();
  }

  // Full screen, it is modal: the page behind it is out of reach, of the keyboard, too.
  const reveal = () => (small.matches ? panel.showModal() : panel.show());

  function close() {
    if (!panel.open) return;
    panel.close();
    say("hide");
    draw();
    launch.focus();
  }

  small.addEventListener("change", () => {
    if (!panel.open) return;
    panel.close();
    reveal();
    if (ready) frame.focus();
  });
  launch.addEventListener("click", () => (panel.open ? close() : open()));
  leave.addEventListener("click", close);
  panel.addEventListener("cancel", (event) => {
    event.preventDefault();
    close();
  });

  const shadow = host.attachShadow({ mode: "open" });
  const sheet = new CSSStyleSheet(); // a page's content policy refuses style elements, not these
  sheet.replaceSync(STYLE);
  shadow.adoptedStyleSheets = [sheet];
  shadow.addEventListener("keydown", (event) => event.key === "Escape" && close());
  shadow.append(panel, launch, heard);
  paint();
  draw();

  const identify = (who) => {
    giver = typeof who === "function" ? who : () => who;
    if (ready) handOver();
  };
  expose({ open, close, identify });

  const mount = () => {
    document.body.append(host);
    if (isLive()) load();
    dispatchEvent(new Event("ragdesk:ready"));
  };
  if (document.body) mount();
  else addEventListener("DOMContentLoaded", mount, { once: true });
})();
