// The names of intents, and what is said of them, in two languages. An operator's own keep their names.

import { language } from "./words.js";

const OUTSIDE = "out_of_scope";
const WORDS = {
  en: {
    about: (n) => `Message ${n} is about`,
    recognised: (name) => `${name} (recognised)`,
    kept: "Saved.",
    lost: "That was not saved.",
    outside: "none of these",
  },
  zh: {
    about: (n) => `第 ${n} 条消息的意图`,
    recognised: (name) => `${name}（自动识别）`,
    kept: "已保存。",
    lost: "未能保存。",
    outside: "都不是",
  },
};
const CHINESE = {
  refund_request: "申请退款",
  refund_status: "退款进度",
  return_policy: "退货规则",
  exchange: "换货",
  shipping_time: "送达时间",
  shipping_cost: "运费",
  track_order: "查询订单",
  change_address: "修改地址",
  cancel_order: "取消订单",
  change_order: "修改订单",
  payment_methods: "付款方式",
  payment_failed: "付款失败",
  wrong_charge: "扣款有误",
  invoice: "发票",
  discount_code: "优惠码",
  price_match: "价格保护",
  warranty: "保修",
  repair: "维修",
  defective_item: "商品有问题",
  missing_item: "缺少商品",
  wrong_item: "发错商品",
  product_information: "商品信息",
  compatibility: "兼容性",
  setup_help: "安装与设置",
  troubleshooting: "故障排查",
  account_login: "账户登录",
  password_reset: "重设密码",
  account_deletion: "注销账户",
  privacy: "隐私",
  subscription_change: "变更订阅",
  subscription_cancel: "取消订阅",
  contact_person: "联系人工",
  opening_hours: "营业时间",
  store_location: "门店地址",
  complaint: "投诉",
  feedback: "反馈",
  safety: "安全",
  bulk_order: "批量采购",
  gift_card: "礼品卡",
  stock_availability: "库存",
  loyalty_points: "积分",
  small_talk: "闲聊",
};

export function tellIntent(name, ...values) {
  const words = WORDS[language()][name];
  return typeof words === "function" ? words(...values) : words;
}

export function nameIntent(name) {
  if (name === null || name === OUTSIDE) return tellIntent("outside");
  return (language() === "zh" && Object.hasOwn(CHINESE, name) && CHINESE[name]) || name.replaceAll("_", " ");
}
