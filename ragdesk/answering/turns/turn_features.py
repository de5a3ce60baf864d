"""What a turn's words tell of its kind: courtesies around it, words, characters, and cues. Pure.

Cues are patterns of whole kinds ("connect me with", 冒烟), each a yes or a no; what each is worth,
alone and together with others, is fitted. A smoke detector and a smoking charger share a word: what
tells them apart is whether something happens, so hazards are also combined with how they are said.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from indexes.text.folding import normalise_text
from indexes.text.scripts import HAN
from ragdesk.answering.turns.harmless_phrases import remove_harmless_phrases

_LONGEST = 400  # characters that are read: what is longer is no turn of these kinds
_HAN_CHARACTER = re.compile(f"[{HAN}]")
_PIECE = re.compile(rf"[a-z]+(?:'[a-z]+)?|\d+|[{HAN}]|[!?]+|[^\sa-z0-9{HAN},.;:!?'\"()\[\]-]")

_GREETING_WORDS = (
    r"(?:hi+|hello+|he+y+|hiya|hallo|howdy|greetings|dear|good (?:morning|afternoon"
    r"|evening|day)"
    r"|morning|evening)(?: (?:there|all|team|everyone|everybody|again|dear|support|bot"
    r"|guys|folks|sir"
    r"|madam|ladies|gentlemen|and|you))*"
    r"|(?:[你您]们?好|大家好|各位好|嗨+|哈[喽啰罗]|(?:早上|上午|中午|下午|晚上)好|早安"
    r"|[亲喂早](?=[\s,.!?~]|在|你好|$)"
    r"|在(?:吗|么|不在)|有人(?:在吗|吗|没)|hello|hi)[呀啊哦~]*"
    r"|(?:不好意思|打扰(?:一?下)?了?|麻烦问?一?下|(?:我?想)?(?:请问|问|咨询|请教)一?下"
    r"|请问|我有个问题)"
)
_THANKS_WORDS = (
    r"(?:(?:ok(?:ay)?|great|perfect|cool|alright|got it|right|super|nice)[ ,.!]*)?"
    r"(?:(?:many )?thanks|thank (?:you|u)|thx|tysm|ty|cheers)"
    r"(?: (?:so|very) much| a (?:lot|million|bunch)| again| in advance| for (?:the|your) "
    r"(?:\w+ )?(?:answer|reply|help|info|information))*"
    r"|(?:(?:好的?|(?<!嗯)嗯++|ok|收到|明白了?|知道了|行)[,.! ~]*)?(?:[非十]常|万分)?(?:谢谢"
    r"|多谢|感谢|谢啦|谢了|thx|3q)"
    r"[你您]?(?:的(?:帮助|回复|解答))?[了啦哈呀]?"
)
_ACKNOWLEDGEMENT = r"(?:ok(?:ay)?|great|perfect|cool|alright|好的|好|嗯+|收到|明白了?|知道了|行)"
_MARK = r"[\s,.!~:;、-]"
_LEADS: Final = tuple(
    (name, re.compile(rf"^(?:{words}){after}"))
    for name, words, after in (
        ("thanks", _THANKS_WORDS, rf"(?![a-z]){_MARK}*"),
        ("greeting", _GREETING_WORDS, r"(?![a-z])[\s,.!?~:;、-]*"),
        ("ok", _ACKNOWLEDGEMENT, r"(?:[\s,.!~]+|$)"),
    )
)
# Marks are entered where they begin, so that a long run of them is read once.
_TAIL: Final = re.compile(rf"(?:(?<!{_MARK}){_MARK}++)?(?:{_THANKS_WORDS})[\s,.!~]*+$")

_HAZARD = re.compile(
    r"smok|\bfire\b|flame|\bburn|spark|\bexplo|blew up|\bblow|\bshock|electrocut"
    r"|\bgas\b|fume|leak"
    r"|bleed|blood|\bcut\b|injur|\bhurt|wound|unconscious|faint|breath|swallow|chok"
    r"|poison|\bdrank\b"
    r"|\bate\b|overdos|\bacid\b|chemical|toxic|ambulance|emergency|accident|trapped"
    r"|stuck|heart attack"
    r"|stroke|dizz|suicid|kill myself|\bknife\b|attack|threat|melt|alarm|swell|swollen|allerg"
    r"|carbon monoxide|hiss|fell off|collaps"
    r"|烟|火|烧|焦|糊|爆|炸|触电|漏电|电到|被电|煤气|燃气|天然气|泄漏|血|割|切到|夹|烫"
    r"|受伤|伤|晕|昏|呼吸"
    r"|吞|误[食喝服]|中毒|窒息|卡住|困|救护车|120|119|救命|自杀|不想活|胸口|过敏|鼓包"
    r"|摔|事故|有毒|持刀|拿刀"
)
# More words of danger: no turn without one of these or those above is taken for an accident.
_DANGER = re.compile(
    r"brake|\bgun\b|bomb|intruder|hit me|unsafe|\bchest\b|seizure|\bdie\b|\bend it\b"
    r"|\brash\b|itch|\bbang\b"
    r"|crackl|smell|tingl|\blive\b.{0,12}(?:wire|power|current)|\b(?:is|are) live\b"
    r"|fuse|\bfell\b|slipp|headache"
    r"|feel sick|cough|\beyes?\b|\bskin\b|doctor|pills|\bhelp\b|water.{0,20}(?:socket"
    r"|outlet|electr)|hurts|licked"
    r"|\bate\b|bloat|hot\b|evacuat|scald|socket|caught|live anymore|exposed|boiling"
    r"|lying on|forklift|locked in"
    r"|\bco detector|followed|respond"
    r"|短路|电人|带电|麻|酸|化学|漏液|膨胀|撞|砸|压|骨折|扭|抽搐|中风|噎|[吃喝]了|刹车"
    r"|[枪刀]|威胁|跟踪|轻生|想死|活"
    r"|自残|红肿|皮肤|眼|脸|疹|警|坏人|闯|打架|被打|抢|疏散|倒|断|救|紧急|出事|心脏|疼"
    r"|痛|恶心|想吐|头|插座|电箱|毒|溅|卡喉|手卡|喘|打人|被|命|鼓|刺鼻|瓦斯|漏|手破"
    r"|划破|意识|胸|吸入|掐|勒|关在|电梯|起泡|氯|出大事|打我"
)
# What harm looks like when nobody calls it fire, shock or poison.
_HARM = re.compile(
    r"smou?lder|singe|charred|scorch|\bcaught (?:light|fire)|\barc(?:ed|ing)\b|\bflash(?:ed)?\b"
    r"|\bbang\b|\bpop(?:ped|s)?\b"
    r"|\bburst|shatter|\bshards?\b|splinter|cracking open|bulg|puffed|blown up|swol+e|bloat"
    r"|\bzap|\bjolt|\bnumb|tingl|\blive (?:cable|wire)|\bbelt off\b|\bshok"
    r"|\bcrush|squash|\bslic(?:ed|ing)\b|\bstabbed|pierced|\bbruis|\bblister|\bhives\b|\brash\b"
    r"|strangl|\bround \w+ \w*'?s? ?neck|\bchewed\b|\blicked\b|\bbit (?:into|on)\b|\ba sip\b"
    r"|\b(?:has|have|had|'s|ve) (?:eaten|drunk)\b|\b(?:ate|drank|swal+ow)"
    r"|\bin (?:his|her|the baby's|their|my) (?:mouth|nose|ear|throat|eyes?)\b"
    r"|\bup (?:his|her|my) nose\b"
    r"|vomit|\b(?:threw|throwing|throw) up\b|nause|woozy|drows|\bdizz|\bfaint|passed out"
    r"|having a fit|foaming|unconscious|throat is (?:closing|tight)|\bill\b"
    r"|(?:doesn't|does not|isn't|not|won't) (?:move|moving|answer|answering|respond|responding"
    r"|breathe|breathing|wake)\b|can't (?:let go|move|breathe|get (?:up|out)|swallow)"
    r"|\bfell\b|fallen|slipped|threw me|gave way|tipped over|came (?:off|down) |\bsnapped\b"
    r"|collaps|flew off|\blanded on my"
    r"|\bbroke(?:n)? (?:my|his|her) |(?:arm|leg|wrist|ankle|tooth|finger|foot|nose) (?:is )?broke"
    r"|caustic|mercury|inhal|breathed in|\bppm\b|double the dose|wrong dose|end my life"
    r"|under water|(?:water|rain).{0,40}(?:socket|plug|lamp|light|strip|station|switch|board|fuse)"
    r"|is (?:dripping|running) (?:on|out|in)|(?:got|went|goes|go|gone|put|stuck|pulled)\b.{0,12}"
    r"(?:into|in) (?:the|my|his|her) (?:\w+ )?(?:saw|press|roller|lathe|slicer|palm|finger|eyes?"
    r"|hand|socket)\b"
    r"|阴燃|闷烧|冒[气烟火]|点着|熏黑|打火|拉弧|一闪|[砰嘭啪]|巨响|[爆碎裂炸]|化了|熔|变形|胀|翘起来"
    r"|发[黑红紫青白黄]|没知觉|麻|电[了到我他她一]|带电|触电|怪味|糊|焦|[刺呛辣]|臭|吐|泻|难受|头[晕疼重]"
    r"|昏|抽[风搐]|叫不[醒应]|一动不动|没气|[吞咽噎]|[吃喝舔嚼咬](?:了|下|破|着)|当水喝|含着|塞[进鼻]"
    r"|[嘴眼鼻耳]睛?里|[缠勒绞卷夹压轧砸撞扎捅割划削]|口子|泡|肿|疹|疙瘩|红点|风团|痒|烂|脱皮|皮都"
    r"|[摔滑跌]|掉下来|滚下|塌|散架|断了|翻了|甩|飞出|[淹滴]|漏水|进[水雨]|泡在水|插[座排线].{0,3}上"
    r"|水银|有汞|吸[进入了]|ppm|[药吃给]错|双倍|锁[车冷在]|出不[来去]|反锁|没意识|受伤|出事|抓着"
)
_VICTIM = re.compile(
    r"\b(?:my|our|the|a|his|her|your) (?:\w+ )?(?:son|daughter|kids?|child|children|baby|toddler"
    r"|boy|girl|wife|husband|mother|mum|mom|father|dad|grand\w+|nephew|niece|sister|brother"
    r"|colleague|coworker|co-worker|worker|apprentice|guest|customer|patient|visitor|neighbou?r"
    r"|dog|cat|puppy|kitten|rabbit|hamster|parrot|bird|horse|pet|lady|man|woman|friend"
    r"|twins|year old)\b|\b(?:someone|somebody|he|she|we all)\b"
    r"|孩子|小孩|娃|宝宝|婴儿|儿子|女儿|闺女|老婆|老公|妈|爸|爷爷|奶奶|老人|老伴|弟|妹|外甥|侄|同事|员工"
    r"|工人|学徒|客人|顾客|病人|有人|阿姨|师傅|狗|猫|兔|仓鼠|鹦鹉|宠物|[他她]"
)
_BODY = re.compile(
    r"\b(?:my|his|her|the|our|your|their|'s) (?:\w+ )?(?:hands?|fingers?|thumbs?|arms?|legs?|foot"
    r"|feet|toes?|knees?|ankles?|wrists?|head|face|eyes?|eyelids?|lips?|mouth|tongue|throat|neck"
    r"|back|chest|belly|stomach|skin|scalp|shoulders?|palm|nose|ears?|tooth|teeth|hair|sleeve)\b"
    r"|手|指|胳膊|臂|腿|脚|趾|膝|踝|腕|头(?!像)|脸|眼|嘴|唇|舌|喉|嗓|脖|背(?!景)|胸|肚|皮|肩|牙(?!膏|刷)"
    r"|鼻|耳(?!机)|身上|浑身|全身"
)
_INCIDENT = re.compile(
    r"\b(?:is|are|am|was|'s|it's|theres?|there's|just|got|started|keeps?|came?|coming"
    r"|going|my|someone"
    r"|somebody|he|she|his|her|i|we)\b.{0,60}"
    r"|[了着]|正?在[^哪]|到|闻到|有股|有人|快|被|救命"
)
_HOW_TO = re.compile(
    r"\bhow (?:do|does|can|could|should|to|would|is|are|often|many|long|much|high|hot"
    r"|fast|quickly)\b"
    r"|\bwhere (?:do|can|is the|are the|should)\b|\bwhat (?:is|are|does|do|happens|if"
    r"|kind|size|counts)\b"
    r"|\bwhich\b|\bwhat's the\b|怎么|如何|怎样|哪[里儿个些种]|在哪|什么是|是什么"
    r"|多[少久长大高远]|几"
)
_RULE_QUESTION = re.compile(
    r"^(?:can|could|may|must|should|does|do|is|are|will) (?:i|we|you|the|a|an|it|this"
    r"|there|they|employees)\b"
    r"|\b(?:allowed|possible|required|included|supported|available|policy|procedure"
    r"|process|rules?|form"
    r"|deadline|settings?|steps?|meaning|difference)\b"
    r"|吗$|吗\?|可以|能不能|是否|要不要|需要|流程|规定|政策|标准|期限|设置|步骤|区别|制度|要求"
)
_CONDITIONAL = re.compile(
    r"\bif\b|\bin case\b|\bwhen\b|\bprevent\b|如果|万一|发生.{0,8}时|遇到|防止|避免|时怎么"
)
_MINE = re.compile(r"\bmy\b|\bmine\b|\bme\b|我的?|咱")
_ACCOUNT_THING = re.compile(
    r"\b(?:order|parcel|package|delivery|shipment|refund|return|payment|invoice|account"
    r"|balance|points"
    r"|subscription|plan|contract|ticket|case|claim|application|request|booking"
    r"|reservation|appointment"
    r"|repair|leave|vacation|salary|card|voucher|tracking|rma|money|stuff|technician"
    r"|driver|transfer)\b"
    r"|订单|快递|包裹|物流|退款|退货|货|付款|发票|账[户号]|余额|积分|会员|套餐|合同"
    r"|工单|申请|预约|维修|年假|请假"
    r"|报销|工资|密码|优惠券|礼品卡|师傅|单号|order"
)
_STATUS = re.compile(
    r"\bwhere(?:'?s| is| are)\b|\bstatus\b|\btrack\b|\b(?:has|have|did|was|is) (?:my|you|the)\b"
    r"|\b(?:hasn't|haven't|not|never|still)\b.{0,20}\b(?:arrived|come|received|here"
    r"|shipped)\b|\byet\b"
    r"|\bhow (?:much|many)\b.{0,30}\b(?:do i have|have i|are left|is left|i have"
    r"|left)\b|\bupdate on\b|\blook up\b"
    r"|到哪|到了[吗没]|发货了|发了[吗没]|还没|没收到|处理了?[吗没]"
    r"|[批好到开修发]了[吗没]|还[剩有]多?|还剩|什么状态|进度|查[一]?下"
    r"|帮我查|催"
)
# Something that is to be done with what is somebody's own.
_ORDER = re.compile(
    r"^(?:(?:please|pls|can you|could you|i want to|i'd like to|i need to|i would like to) )*"
    r"(?:cancel|change|update|correct|move|reschedule|remove|take|add|put|stop|hold|freeze|block"
    r"|unblock|unlock|activate|reactivate|deactivate|close|delete|reset|renew|extend|upgrade"
    r"|downgrade|switch|swap|resend|send|forward|redirect|refund|give me|return|check|confirm"
    r"|look|find|show|tell me|see)\b.{0,40}\b(?:my|our|mine|me|order|booking|user|number|no)\b"
    r"|帮我?|给我|替我|把.{0,20}(?:改|取消|删|去掉|换|退|加|转|留|停|解|关|升|降)|我要[取退改换]|催"
)
_NUMBER = re.compile(r"\b[a-z]{0,3}-?\d{3,}\b|\d{4,}")
_PERSON_CALL = re.compile(
    r"\b(?:talk|speak|speaking|chat|connect|transfer|put me|escalate|hand (?:me"
    r"|this) over|get me|give me|call me"
    r"|contact me|reach|need|want|let me)\b.{0,40}\b(?:humans?|persons?|people|agents?"
    r"|representatives?|rep"
    r"|someone|somebody|sb|manager|supervisor|boss|colleague|employee|advis[oe]r"
    r"|specialist|expert|operator"
    r"|customer (?:service|support)|support|team|back|staff)\b"
    r"|^(?:live |real |actual )?(?:human|person|agent|operator"
    r"|representative)s?(?: please| pls)?[!.]*$"
    r"|转人?工|转接|人工(?:客服|服务)?[!.]*$|真人|活人|不要机器人|找.{0,8}(?:客服|经理"
    r"|主管|领导|负责人|同事|人)"
    r"|叫.{0,6}(?:人|经理)|换(?:个|真)?人|给我.{0,3}电话|联系我|客服呢"
)
_ANGER = re.compile(
    r"\bcrap|bullshit|nonsense|rip.?off|thie(?:f|ves)|stole|\blied\b|lying to|fraud"
    r"|incompetent|\bhate\b"
    r"|f[u*]+ck|screw you|pissed|nightmare|disaster|insult|unfair|regret|never (?:buy"
    r"|order|again|come)"
    r"|compensation|apolog|(?:bad|poor) (?:service|quality|experience)|(?:one"
    r"|zero) stars?|kidding"
    r"|no (?:answer|reply|response)|nobody|no one|had enough|enough is|been waiting"
    r"|losing my patience"
    r"|烂|恶心|无耻|黑心|奸商|糟糕|崩溃|忍[无不]|火大|赔[我钱]|服了|废话|[蠢笨]死|蠢"
    r"|弱智|白痴|脑残|混蛋|妈的|tmd|呸"
    r"|没人|不理|耍[我人]|敷衍|推诿|推卸|甩锅|踢皮球|不公平|后悔|拉黑|起诉|告你|维权"
    r"|[还退]我钱|凭啥|极差|真差|太慢"
    r"|为什么(?:不回|不理|总是|老是|没人)|怎么还没人|什么(?:态度|玩意|质量|服务)|浪费"
    r"|不专业|不负责|又坏|又错|又发错"
    r"|怎么(?:可以|能)这样|👎|😠|💢|🖕"
    r"|ridiculous|unacceptable|terrible|horrible|awful|disgust|useless|worst|pathetic"
    r"|outrag|furious|angry|annoy"
    r"|frustrat|disappoint|dissatisf|unhappy|not happy|not satisfied|fed up|sick of"
    r"|sick and tired|scam|crook"
    r"|liar|shame|disgrace|rude|sucks?\b|wtf|hell\b|damn|joke\b|stupid|idiot|garbage"
    r"|rubbish|junk|never again"
    r"|lawyer|sue\b|complain|unprofessional|waste of|cheated|unbelievable|incredible"
    r"|times already|third time"
    r"|nobody (?:answers|cares|helps|replies)|no one (?:answers|cares|helps|replies)|how dare"
    r"|投诉|举报|垃圾|太差|差劲|差评|失望|不满|生气|气死|气人|烦死|受够|受不了|骗|坑"
    r"|离谱|过分|无语|恶劣|态度|凭什么|废物"
    r"|没用|什么破|什么玩意|搞什么|什么鬼|傻逼|智障|有病|滚|黑店|律师|曝光|消协|欺"
    r"|没人[管理接]|第[三四五]次|说了.{0,2}遍|😡|🤬|😤"
)
_SELF = re.compile(
    r"\b(?:are|do|did|can|will|would|who|what|how old|where) (?:are )?you\b"
    r"|\byour (?:name|favou?rite|age)\b"
    r"|\byou (?:are|look)\b|你(?:是|叫|多大|几岁|喜欢|会|有|住|怎么看)|谁(?:开发"
    r"|创造)了?你|陪我|夸|给我(?:讲|唱)"
)
_TASK = re.compile(
    r"^(?:please )?(?:tell|sing|write|play|translate|calculate|solve|recommend|book"
    r"|order me|call|set|remind|turn"
    r"|flip|roll|pick|pretend|act|ignore|give me some)\b|\bjoke|weather|\brain\b"
    r"|what time is it|horoscope"
    r"|^(?:帮我)?(?:讲|唱|写|放|播放|翻译|推荐|扮演|假装|忽略|学|猜|掷|抛|算)|天气"
    r"|几点了|星期几|笑话|唱首|运势|新闻"
)
# What the world at large is asked about: no company's documents tell it.
_WORLD = re.compile(
    r"\b(?:(?:animal|bird|planet|pyramid|dinosaur|volcano)s?\b|(?:girl|boy)friend"
    r"|(?:stock|share) (?:price|market)|acne\b|alexa\b|aliens?\b|bake\b|bitcoin|blood pressure"
    r"|bot\b|calories|capital of|champions|chatgpt|code\b|coin\b|concert|cook(?:s|ing)?\b"
    r"|crush\b|crypto|derivative|dice\b|divided by|divorce|dow jones|election|equation|essay"
    r"|ethereum|fall asleep|football|forecast|ghosts?\b|god\b|gold medal|gpt|haiku|hangover"
    r"|headache|homework|horoscope|html\b|human\b"
    r"|in (?:french|german|spanish|italian|japanese|chinese)\b|inherit|instructions\b|java\b"
    r"|javascript|jokes?\b|landlord|league\b|limerick|lose weight|lyrics|meaning of life"
    r"|minus\b|movie|nasdaq|olympic|parking ticket|percent of|photosynthesis|plus\b|poem"
    r"|population of|pregnant|president|prime minister|python|rain(?:s|ing|y)?\b|rap\b|recipe"
    r"|regex|riddle|robot|script\b|shares\b|siri\b|snow|soccer|song|sore throat|speeding|sql\b"
    r"|square(?:d| root)|star sign|story\b|sum of|sun(?:set|rise)|sunny|super bowl"
    r"|system prompt|tenant|the match|times \d|to the power of|translate|trip to|trump"
    r"|umbrella|vote\b|weather|which party|who (?:won|scored|will win)\b|world cup"
    r"|write (?:me )?an? )"
    r"|\d ?[x*+/^÷×=-] ?\d|天气|下雨|下雪|多少度|气温|日落|日出|星座|运势"
    r"|[羊牛子蟹狮女秤蝎射羯瓶鱼]座|笑话|段子|谜|诗|歌|唱|故事|作文|作业|论文|读后感|菜谱|做法"
    r"|食谱|红烧|怎么[煮炖烧炒蒸烤]|做什么菜|[球杯]赛|世界杯|欧冠|奥运|比分|谁[会能]?赢|谁拿"
    r"|进球|金牌|选举|大选|总统|首相|总理|投谁|特朗普|比特币|以太坊|股价|股市|股票|基金|还会涨"
    r"|黄金|油价|汇率|首都|平方|立方|次方|除以|乘|[加减]\d|等于|导数|方程|百分之|python|java"
    r"|sql|正则|html|代码|脚本|爬虫|写[个首篇段条封一]|翻译|[英法德日]语|减肥|宿醉|离婚|房东"
    r"|怀孕|[女男]朋友|表白|恋|人生|外星|有鬼|上帝|提示词|指令|机器人|真人|人工智能|世界末日"
    r"|地球|月亮|太阳|宇宙|行星|电影|好玩|好吃|吃什么|吃啥|硬币|骰子|旅游|闹钟|怎么烤"
    r"|进了.{0,2}球|教皇|国王|皇帝|西游记|红楼梦|圆面积|光合作用|骨头|能活多久|哪个党|星期几"
    r"|起个?名|交朋友|你对.{1,6}看|谁发现|谁发明|谁建|动物|恐龙|火山|金字塔|嗓子疼|头疼|睡不着"
    r"|青春痘|卡路里|遗嘱|遗产|租客|罚单|超速|签证|绿卡|演唱会|程序员|\bjs\b"
)
_CUES: Final = (
    ("hazard", _HAZARD),
    ("harm", _HARM),
    ("victim", _VICTIM),
    ("body", _BODY),
    ("howto", _HOW_TO),
    ("rule", _RULE_QUESTION),
    ("conditional", _CONDITIONAL),
    ("mine", _MINE),
    ("account", _ACCOUNT_THING),
    ("status", _STATUS),
    ("number", _NUMBER),
    ("order", _ORDER),
    ("person", _PERSON_CALL),
    ("anger", _ANGER),
    ("self", _SELF),
    ("task", _TASK),
    ("world", _WORLD),
)
# Cues whose meeting says more than each alone.
_PAIRS: Final = (
    ("hazard", "incident"),
    ("hazard", "howto"),
    ("hazard", "rule"),
    ("hazard", "conditional"),
    ("hazard", "victim"),
    ("hazard", "body"),
    ("harm", "incident"),
    ("harm", "howto"),
    ("harm", "rule"),
    ("harm", "conditional"),
    ("harm", "victim"),
    ("harm", "body"),
    ("harm", "hazard"),
    ("account", "status"),
    ("account", "mine"),
    ("account", "howto"),
    ("account", "number"),
    ("account", "order"),
    ("order", "mine"),
    ("order", "number"),
    ("order", "howto"),
    ("world", "howto"),
    ("world", "rule"),
    ("world", "task"),
    ("status", "mine"),
    ("status", "howto"),
    ("person", "howto"),
    ("anger", "howto"),
    ("anger", "rule"),
    ("person", "mine"),
    ("anger", "mine"),
)


# Of short courtesies in English, as somebody may mistype them.
_CALLS: Final = frozenset(
    {"hello", "hi", "hey", "thanks", "thank", "goodbye", "goodnight", "bye"}
    | {"morning", "afternoon", "evening"}
)
_BESIDE_CALLS: Final = frozenset(
    {"good", "night", "day", "there", "all", "everyone", "team", "you", "so", "very", "much", "a"}
    | {"lot", "again", "for", "now", "dear"}
)
_NO_SLIPS: Final = frozenset({"hell", "than", "tank", "tanks"})
_REPEATED: Final = re.compile(r"([a-z])\1{2,}")
_MOST_MENDED: Final = 4  # words of a turn
_LEAST_LETTERS: Final = 3  # of a word that is mended


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnText:
    """A turn's text, normalised, and without the courtesies before and behind it.

    courtesies: their names, in order, such as ``greeting`` or ``thanks``.
    """

    plain: str
    core: str
    courtesies: tuple[str, ...]


def strip_courtesies(text: str) -> TurnText:
    """Take greetings and thanks off the ends of a turn.

    >>> strip_courtesies("Hi there, how long is the warranty? Thanks!").core
    'how long is the warranty?'
    >>> strip_courtesies("你好，在吗？").core, strip_courtesies("你好，在吗？").courtesies
    ('', ('greeting', 'greeting'))
    """
    plain = _mend_courtesies(normalise_text(text[:_LONGEST]).strip())
    core, courtesies = plain, []
    while lead := next(((name, m) for name, p in _LEADS if (m := p.match(core)) and m.end()), None):
        courtesies.append(lead[0])
        core = core[lead[1].end() :]
    if tail := _TAIL.search(core):
        courtesies.append("thanks")
        core = core[: tail.start()] + "?" * core[: tail.end()].rstrip("!. ").endswith("?")
    return TurnText(plain=plain, core=core.strip(" ,.!~"), courtesies=tuple(courtesies))


def _mend_courtesies(plain: str) -> str:
    """Mend a turn that is nothing but courtesies with a letter too many, too few or swapped.

    >>> _mend_courtesies("tahnks!"), _mend_courtesies("good afternon"), _mend_courtesies("mourning")
    ('thanks', 'good afternoon', 'morning')
    >>> _mend_courtesies("mourning leave"), _mend_courtesies("tea")
    ('mourning leave', 'tea')
    """
    bare = plain.strip(" .,!~")
    words = _REPEATED.sub(r"\1\1", bare).split()
    if not words or len(words) > _MOST_MENDED or not plain.isascii():
        return plain
    mended = [_mend_word(word) for word in words]
    known = [word for word in mended if word is not None]
    is_call = len(known) == len(mended) and not _CALLS.isdisjoint(known)
    return " ".join(known) if is_call and known != bare.split() else plain


def _mend_word(word: str) -> str | None:
    """Return the word of courtesy that a word is, or was to be; None where there is none."""
    known = _CALLS | _BESIDE_CALLS
    if word in known:
        return word
    if len(word) < _LEAST_LETTERS or word in _NO_SLIPS or word.removesuffix("s") in known:
        return None
    neighbours = (w for w in sorted(known) if w[0] == word[0] and _is_one_slip(word, w))
    return next(neighbours, None)


def _is_one_slip(word: str, other: str) -> bool:
    """Tell whether words differ by one letter that is missing, or by two that are swapped."""
    if len(word) == len(other):
        at = next((i for i, (a, b) in enumerate(zip(word, other, strict=True)) if a != b), 0)
        return word[:at] + word[at : at + 2][::-1] + word[at + 2 :] == other
    short, long = sorted((word, other), key=len)
    return any(long[:at] + long[at + 1 :] == short for at in range(len(long)))


def names_hazard(text: str) -> bool:
    """Tell whether a text holds a word of an accident, whatever it says of it.

    >>> names_hazard("The plug sparks."), names_hazard("The plug is white.")
    (True, False)
    """
    plain = remove_harmless_phrases(normalise_text(text))
    return any(words.search(plain) for words in (_HAZARD, _DANGER, _HARM))


def find_cues(text: str) -> frozenset[str]:
    """Return the names of a turn's cues and courtesies.

    >>> sorted(find_cues("Hello, this is ridiculous"))
    ['anger', 'greeting']
    """
    turn = strip_courtesies(text)
    cues = (name for name, cue in _CUES if cue.search(turn.core or turn.plain))
    return frozenset((*turn.courtesies, *cues))


def extract_turn_features(text: str) -> dict[str, float]:
    """Return the features of a turn by name: n-grams of what is left of it, courtesies and cues.

    n-grams together have length one; the others are 1 each.
    """
    turn = strip_courtesies(text)
    features = {f"courtesy {name}": 1.0 for name in turn.courtesies}
    if turn.courtesies and not turn.core:
        features["courtesy alone"] = 1.0
        features[f"courtesy alone {turn.courtesies[-1]}"] = 1.0
    core = turn.core or turn.plain
    grams = set(iter_grams(split_pieces(core)))
    for gram in grams:
        features[gram] = len(grams) ** -0.5
    present = {name for name, cue in _CUES if cue.search(core)}
    if _INCIDENT.search(core):
        present.add("incident")
    features |= {f"cue {name}": 1.0 for name in present - {"incident"}}
    for first, second in _PAIRS:
        if {first, second} <= present:
            features[f"cue {first}+{second}"] = 1.0
    features |= dict.fromkeys(_iter_shapes(core), 1.0)
    return features


def split_pieces(plain: str) -> list[str]:
    """Split a normalised text into words, single Han characters, numbers, marks and emojis.

    >>> split_pieces("where's 退款 no 12?")
    ["where's", '退', '款', 'no', '12', '?']
    """
    return _PIECE.findall(plain)


def iter_grams(pieces: list[str]) -> Iterator[str]:
    """Yield one to three neighbouring pieces: words, Han characters, numbers, marks, emojis."""
    whole = ["^", *("0" if piece.isdecimal() else piece for piece in pieces), "$"]
    for size in (1, 2, 3):
        for at in range(len(whole) - size + 1):
            gram = whole[at : at + size]
            if size == 1 and gram[0] in {"^", "$"}:
                continue
            if size == 3 and not any(map(_HAN_CHARACTER.match, gram)):  # noqa: PLR2004
                continue
            yield " ".join(gram)


def _iter_shapes(core: str) -> Iterator[str]:
    """Yield what a turn looks like: how long it is, and the marks that end it."""
    width = sum(2 if _HAN_CHARACTER.match(c) else 1 for c in core)
    yield f"shape width {min(5, width // 12)}"
    if core.endswith("?"):
        yield "shape asks"
    if "!!" in core:
        yield "shape shouts"
