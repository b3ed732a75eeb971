"""Words that games draw from, in English and Chinese."""

# Things of which no two are alike, by language, in the same order.
ITEMS = {
    "en": (
        "apple", "pear", "banana", "lemon", "cherry", "melon", "onion", "carrot", "bread", "cheese", "hammer", "saw",
        "drill", "nail", "rope", "ladder", "bucket", "broom", "lamp", "candle", "mirror", "clock", "carpet", "pillow",
        "blanket", "chair", "table", "sofa", "shelf", "drawer", "guitar", "piano", "drum", "violin", "flute", "camera",
        "radio", "phone", "printer", "keyboard", "pencil", "notebook", "stamp", "envelope", "scissors", "needle",
        "button", "scarf", "glove", "boot", "helmet", "jacket", "belt", "ring", "necklace", "kite", "ball", "puzzle",
        "robot", "doll", "bicycle", "scooter", "tent", "compass", "telescope", "rose", "tulip", "cactus", "fern",
        "pebble",
    ),
    "zh": (
        "苹果", "梨", "香蕉", "柠檬", "樱桃", "甜瓜", "洋葱", "胡萝卜", "面包", "奶酪", "锤子", "锯子",
        "电钻", "钉子", "绳子", "梯子", "水桶", "扫帚", "台灯", "蜡烛", "镜子", "时钟", "地毯", "枕头",
        "毯子", "椅子", "桌子", "沙发", "书架", "抽屉", "吉他", "钢琴", "鼓", "小提琴", "长笛", "相机",
        "收音机", "手机", "打印机", "键盘", "铅笔", "笔记本", "邮票", "信封", "剪刀", "针",
        "纽扣", "围巾", "手套", "靴子", "头盔", "夹克", "腰带", "戒指", "项链", "风筝", "皮球", "拼图",
        "机器人", "玩偶", "自行车", "滑板车", "帐篷", "指南针", "望远镜", "玫瑰", "郁金香", "仙人掌", "蕨",
        "鹅卵石",
    ),
}  # fmt: skip

# English words of three to eight letters.
WORDS = tuple(
    """able acorn acre act add adopt agree air alarm album alert alive alone alter angle ankle apple apron arch area
    arena argue arm art ash ask atlas aunt autumn awake award bacon badge bake balance ball band bank bar bark barn
    barrel base basin basket bat bath beach bead beam bean bear beard beat bed bee beetle bell belt bench bend berry
    best bird biscuit bite blade blame blank blend bless blind block bloom board boat body bold bolt bone book boot
    border bottle bowl box branch brass brave bread break breath brick bridge bright bring broad brook brother brush
    bucket build bulb bundle burn bus bush butter button cabin cable cake call calm camel camera camp canal candle
    cane cannon canoe cap card care cargo carpet carrot carry cart castle cat catch cause cave cellar cement chain
    chair chalk chance change chart chase cheap check cheese cherry chess chest chew chief child choose circle city
    clan class claw clay clean clear clerk clever cliff climb clock close cloth cloud clover coach coal coast coat
    coin cold collar comb cone cook copper coral cord corn corner cost cotton couch count course cousin cover crab
    craft crane crate cream creek crest crew crop cross crowd crown crumb cry cube cup curve cushion dance dare dark
    dawn day deal dear debt deck deep deer delay dent desert desk dial diamond dish dive dock doctor dog door dot
    dozen draft dragon draw dream dress drift drill drink drive drop drum dry duck dull dust eager eagle ear earn
    earth east easy eat echo edge effort egg elbow elder elm ember empty end energy engine enjoy enter entry equal
    era error estate even event ever exact expert extra eye fabric face fact fade fair faith fall family famous fan
    farm fast fault fear feast feather feed felt fence fern ferry few field fig fill film final find fine finger fire
    firm first fish flag flame flat flavor flax fleet flesh flint float flock flood floor flour flow flower flute fly
    foam fog fold folk food foot forest fork form fort fossil found fox frame fresh friend frog frost fruit fuel full
    fun fur gain game garden garlic gate gather gem gentle ghost giant gift ginger glad glass glide globe glove glow
    glue goal goat gold good goose grain grand grant grape graph grass gravel gray great green grid grin grip ground
    group grow guard guess guest guide guitar gulf habit hail hair half hall hammer hand handle happy harbor hard
    harp harvest hat hatch hawk hay hazel head heal heap hear heart heat heavy hedge heel help hen herb herd hero
    hide high hill hint hold hollow home honey hood hook hope horn horse host hour house human humble hunt hurry hut
    ice idea image inch ink inn iron island item ivory ivy jacket jar jaw jelly jewel join joke journey joy judge
    juice jump jungle keep kettle key kick kind king kite knee knife knot label lace ladder lake lamb lamp land lane
    lantern large last late laugh lawn layer lead leaf lean learn least leather leg lemon lend lens letter level lid
    life lift light lime line linen lion lip list live loaf local lock log long loop loud love low loyal lunch lung
    magic maid mail main make maple marble march mark market mask mast match meadow meal mean meat melon melt member
    merry metal middle mile milk mill mind mine mint mirror mist mix model moon moss moth mother motor mountain mouse
    mouth move mud mule music nail name narrow nation near neat neck need nest net new night noble noise north nose
    note novel number nurse oak oar oat ocean offer oil old olive onion open orange orbit orchard order oven owl own
    oxen pack page paint pair palace pale palm pan paper parcel park part party pass past path pause peace peach pear
    pearl pebble pen pencil people pepper piano pick pie pigeon pile pillow pilot pine pipe pirate pit place plain
    plan plane plant plate play plum pocket poem point polar pole pond pony pool port post pot potato pound powder
    praise press price pride prince print prize proof proud pump pupil pure purple push quail queen quick quiet quilt
    rabbit race radio raft rail rain raise ramp ranch range rare rat raven reach read ready real reason rest rhyme
    rice rich ride ring ripe rise river road roast robe rock rod roll roof room root rope rose round route row royal
    rub rule run rush rust saddle safe sail salad salt sample sand satin sauce save scale scarf scene school scout
    screen sea seal search season seat second seed seek sense serve set shade shadow shape share sharp sheep sheet
    shelf shell shine ship shirt shoe shop shore short shout show shower shy side sign silk silver simple sing sister
    size skate skill skin skirt sky slate sleep slice slide slope slow small smart smile smoke smooth snail snake snow
    soap soft soil son song sort soul soup south space spade spark speak spear speed spell spend spice spider spin
    spoon sport spot spring square stable stage stair stamp stand star start state steam steel stem step stick still
    stone stool store storm story stove straw stream street string strong sugar summer sun swan sweet swim table tail
    tale talk tall tame tank tape target taste tea team tent term test thank thick thin thread throne thumb thunder
    ticket tide tiger tile timber time tin tiny toad toast tone tool tooth top torch total towel tower town toy track
    trade trail train tray treat tree trend tribe trick trip trout true trumpet trunk trust truth tube tulip tune
    turkey turn turtle twig twin uncle under unit upper use vague valley value vase velvet verse village vine violet
    visit voice vote voyage wagon wait wake walk wall walnut war warm wash watch water wave wax weak wealth weather
    weave week well west whale wheat wheel whip white wide wild willow wind window wine wing winter wire wise wish
    wolf wonder wood wool word work world worm wrist write yard yarn year yellow young zebra zero zone""".split()  # noqa: SIM905 (a list of a thousand quoted words is no easier to read)
)
