// What the chat says on a website, in place of what it says to the house, or besides.

export const WIDGET_WORDS = {
  en: {
    hello: "How can we help?",
    promise: "Answers come from our own documents, and show where they stand.",
    leave: "Close the chat",
    noChat: "The chat is not available now.",
    busy: "Too many questions at once. Please wait a moment.",
    lapsed: "Your sign-in has lapsed. Please reload the page.",
    replied: (text) => `Reply: ${text}`,
    looking: "Looking it up…",
    notFound: "We found no answer",
    reason_near_miss: "We found no answer",
    reason_no_passage: "We found no answer",
    reason_out_of_scope: "Not something we can answer here",
  },
  zh: {
    hello: "请问有什么可以帮您？",
    promise: "答案来自我们的官方资料，并标明出处。",
    leave: "关闭窗口",
    noChat: "客服窗口暂时不可用。",
    busy: "提问过于频繁，请稍候再试。",
    lapsed: "登录已过期，请刷新页面。",
    replied: (text) => `回复：${text}`,
    looking: "正在查找…",
    notFound: "没有找到答案",
    reason_near_miss: "没有找到答案",
    reason_no_passage: "没有找到答案",
    reason_out_of_scope: "这里无法解答该问题",
  },
};
