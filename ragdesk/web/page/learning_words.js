// What the inbox says of corrections and FAQ entries, in two languages.

import { language } from "./words.js";

const WORDS = {
  en: {
    correct: "Say what is right",
    entry: "Make an FAQ entry",
    ofMessage: (what, n) => `${what}: message ${n}`,
    question: "Question",
    right: "What is right",
    answer: "Answer",
    why: "For every customer who asks this, once an editor approved it. Leave out what concerns this one alone.",
    send: "Send to the editors",
    cancel: "Cancel",
    waits: "Sent to the editors: it answers once one of them approved it.",
    personal: (kinds) => ` It may hold personal data: ${kinds}.`,
    phone: "phone number",
    "e-mail": "e-mail address",
    id: "ID number",
    card: "bank card",
    address: "address",
    comma: ", ",
    drafts: "Open the drafts",
    unseen: "Documents were looked through for it that you may not see. An editor who sees them can send it.",
    lost: "That was not sent.",
  },
  zh: {
    correct: "给出正确答案",
    entry: "存为常见问题",
    ofMessage: (what, n) => `${what}：第 ${n} 条消息`,
    question: "问题",
    right: "正确答案",
    answer: "答案",
    why: "编辑批准后，将用于回答所有提出此问题的客户。请删去仅与这位客户有关的内容。",
    send: "提交给编辑",
    cancel: "取消",
    waits: "已提交给编辑，批准后即用于回答。",
    personal: (kinds) => `可能含有个人信息：${kinds}。`,
    phone: "电话号码",
    "e-mail": "邮箱地址",
    id: "证件号码",
    card: "银行卡号",
    address: "地址",
    comma: "、",
    drafts: "打开草稿",
    unseen: "此答案查找过您无权查看的文档，请由有权查看的编辑提交。",
    lost: "未能提交。",
  },
};

export function tellLearning(name, ...values) {
  const words = WORDS[language()][name];
  return typeof words === "function" ? words(...values) : words;
}
