// Every word the page says, in two languages.

import { el } from "./dom.js";

const WORDS = {
  en: {
    skip: "Skip to the question",
    collection: "Collection",
    theme: "Light or dark",
    other: "中文",
    talk: "Questions and answers",
    hello: "What would you like to know?",
    promise: "Answers from your own documents. Every sentence shows where it stands.",
    nothingYet: "There are no documents here yet. Take some in on the terminal:",
    ask: "Ask a question",
    send: "Send",
    stop: "Stop",
    foot: "Open a source to read the words that an answer rests on.",
    sources: "Sources",
    closest: "Closest passages",
    close: "Close",
    all: "Documents",
    more: "Show more",
    page: (n) => `Page ${n}`,
    ocr: "read by OCR",
    source: (n, title) => `Open source ${n}: ${title}`,
    openAt: (title) => `Open ${title} at this place`,
    documents: (n) => `${n} ${n === 1 ? "document" : "documents"}`,
    notes: (n) => `${n} ${n === 1 ? "note" : "notes"} on how it was read`,
    skipped: (n) => `${n} ${n === 1 ? "file was" : "files were"} not taken in`,
    looking: "Looking through the documents…",
    reading: (n) => `Reading ${n} ${n === 1 ? "passage" : "passages"}…`,
    notFound: "Not in the documents",
    unsupported: "Not well supported",
    clarify: "Which one do you mean?",
    handed_over: "Handed over to a person",
    seeClosest: "See what came closest",
    nSources: (n) => `${n} ${n === 1 ? "source" : "sources"}`,
    took: (s) => (s < 1 ? `${Math.max(1, Math.round(s * 1000))} ms` : `${s.toFixed(1)} s`),
    copy: "Copy",
    copied: "Copied",
    degraded: "Answered in the documents' own sentences: the language model is not available.",
    wordsOutdated: "Found by meaning alone: the collection's words are to be written anew.",
    failed: "That did not work.",
    offline: "The server cannot be reached.",
    again: "Try again",
    stopped: "Stopped.",
    earlier: "Show earlier text",
    later: "Show more text",
    original: "Original file",
    gone: "This version of the document is no longer kept. Ask again to see the current one.",
    loading: "Opening…",
    asPage: "Page",
    asText: "Text",
    asWhat: "Show as",
    textOf: (title) => `Text of ${title}`,
    pageArea: "Picture of the page",
    pageOf: (n, all) => `${n} / ${all}`,
    pageBefore: "Page before",
    pageAfter: "Next page",
    enlarge: "Enlarge",
    picture: (n) => `Page ${n} as a picture`,
    pictureMarked: (n, quote) => `Page ${n} as a picture. Marked: ${quote}`,
    noPicture: "This page cannot be shown as a picture. Its text can.",
    picturesInFile: (n) => `${n} ${n === 1 ? "picture" : "pictures"} in the file`,
    pictureOf: (n, title) => `Picture ${n} in ${title}`,
    noSuchPicture: "This picture cannot be shown.",
    noSources: "No source was cited here.",
    backTo: (name) => `‹ ${WORDS.en[name]}`,
    reason_no_passage: "Nothing about it was found",
    reason_near_miss: "Not in the documents",
    reason_out_of_scope: "Not what these documents are about",
    reason_wants_person: "You asked for a person",
    reason_complaint: "A matter for a person",
    reason_safety: "Safety first",
    reason_needs_account: "Needs a look at your account",
    reason_ambiguous: "Which one do you mean?",
    reason_unsupported: "Not well supported",
    heard: (text, n) => `${text} ${n ? WORDS.en.nSources(n) : ""}`,
    table: "Table",
    unfold: "Show the whole question",
    fold: "Fold the question",
    related: "Related questions",
    suggested: "Suggested questions",
    aloud: "Read aloud",
    hush: "Stop reading",
    dictate: "Speak your question",
    keyWrong: "That key is not known here, or it has lapsed. Try another.",
    keyChange: "Key",
    keyTitle: "Your key",
    keyWhy: "This desk asks for a key. It stays in this browser tab.",
    keyUse: "Continue",
    keyLater: "Not now",
  },
  zh: {
    skip: "跳到提问框",
    collection: "资料库",
    theme: "浅色或深色",
    other: "English",
    talk: "问答",
    hello: "想了解什么？",
    promise: "答案来自您自己的文档，每一句都标明出处。",
    nothingYet: "这里还没有文档。请在终端导入：",
    ask: "请输入问题",
    send: "发送",
    stop: "停止",
    foot: "打开来源，可查看答案所依据的原文。",
    sources: "来源",
    closest: "最接近的段落",
    close: "关闭",
    all: "文档",
    more: "显示更多",
    page: (n) => `第 ${n} 页`,
    ocr: "由 OCR 识别",
    source: (n, title) => `打开来源 ${n}：${title}`,
    openAt: (title) => `在此处打开《${title}》`,
    documents: (n) => `${n} 篇文档`,
    notes: (n) => `${n} 条读取说明`,
    skipped: (n) => `${n} 个文件未能导入`,
    looking: "正在查找文档…",
    reading: (n) => `正在阅读 ${n} 个段落…`,
    notFound: "文档中没有答案",
    unsupported: "依据不足",
    clarify: "您指的是哪一个？",
    handed_over: "已转交人工",
    seeClosest: "查看最接近的段落",
    nSources: (n) => `${n} 个来源`,
    took: (s) => (s < 1 ? `${Math.max(1, Math.round(s * 1000))} 毫秒` : `${s.toFixed(1)} 秒`),
    copy: "复制",
    copied: "已复制",
    degraded: "语言模型暂不可用，答案直接引用文档原句。",
    wordsOutdated: "仅按语义检索：该知识库的词索引需要重建。",
    failed: "出错了。",
    offline: "无法连接服务器。",
    again: "重试",
    stopped: "已停止。",
    earlier: "显示前文",
    later: "显示后文",
    original: "原始文件",
    gone: "该版本的文档已不再保留。请重新提问以查看当前版本。",
    loading: "正在打开…",
    asPage: "页面",
    asText: "文字",
    asWhat: "显示方式",
    textOf: (title) => `《${title}》的文字`,
    pageArea: "页面图像",
    pageOf: (n, all) => `${n} / ${all}`,
    pageBefore: "上一页",
    pageAfter: "下一页",
    enlarge: "放大",
    picture: (n) => `第 ${n} 页的图像`,
    pictureMarked: (n, quote) => `第 ${n} 页的图像，已标出：${quote}`,
    noPicture: "无法显示此页的图像，可查看文字。",
    picturesInFile: (n) => `文件中有 ${n} 张图片`,
    pictureOf: (n, title) => `《${title}》中的第 ${n} 张图片`,
    noSuchPicture: "无法显示这张图片。",
    noSources: "此处没有引用来源。",
    backTo: (name) => `‹ ${WORDS.zh[name]}`,
    reason_no_passage: "没有找到相关内容",
    reason_near_miss: "文档中没有答案",
    reason_out_of_scope: "不在这些文档的范围内",
    reason_wants_person: "您希望人工服务",
    reason_complaint: "需要人工处理",
    reason_safety: "安全第一",
    reason_needs_account: "需要查看您的账户",
    reason_ambiguous: "您指的是哪一个？",
    reason_unsupported: "依据不足",
    heard: (text, n) => `${text} ${n ? WORDS.zh.nSources(n) : ""}`,
    table: "表格",
    unfold: "显示完整问题",
    fold: "收起问题",
    related: "相关问题",
    suggested: "推荐问题",
    aloud: "朗读",
    hush: "停止朗读",
    dictate: "语音提问",
    keyWrong: "密钥无效或已过期，请换一个。",
    keyChange: "密钥",
    keyTitle: "访问密钥",
    keyWhy: "此服务需要密钥。密钥只保存在当前浏览器标签页中。",
    keyUse: "继续",
    keyLater: "暂不",
  },
};

let spokenNow = "en";
const values = { text: new WeakMap(), label: new WeakMap() }; // what a node's words were made with

// Put words of ours into a node, so that they change with the language.
export function put(node, name, ...given) {
  node.dataset.say = name;
  values.text.set(node, given);
  node.textContent = say(name, ...given);
  return node;
}

// The same for what a screen reader is told.
export function label(node, name, ...given) {
  node.dataset.sayLabel = name;
  values.label.set(node, given);
  node.setAttribute("aria-label", say(name, ...given));
  return node;
}

export const spoken = (tag, attributes, name, ...given) => put(el(tag, attributes), name, ...given);

export function speak(language) {
  spokenNow = language.toLowerCase().startsWith("zh") ? "zh" : "en";
  document.documentElement.lang = spokenNow === "zh" ? "zh-CN" : "en";
  for (const node of document.querySelectorAll("[data-say]")) put(node, node.dataset.say, ...(values.text.get(node) ?? []));
  for (const node of document.querySelectorAll("[data-say-label]")) {
    label(node, node.dataset.sayLabel, ...(values.label.get(node) ?? []));
  }
  for (const node of document.querySelectorAll("[data-say-hint]")) node.placeholder = say(node.dataset.sayHint);
}

export const language = () => spokenNow;

export function say(name, ...given) {
  const words = WORDS[spokenNow][name];
  return typeof words === "function" ? words(...given) : words;
}
