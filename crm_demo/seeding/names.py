"""Invented people and companies, in many scripts: given names, family names."""

NAMES: dict[str, tuple[str, str]] = {
    "US": (
        "Olivia Liam Emma Noah Ava Mason Sophia Lucas Mia Ethan Harper Logan Evelyn Jayden Nora Caleb Ruby Owen",
        "Johnson Carter Mitchell Ramirez Brooks Hayes Coleman Fisher Bennett Sullivan Reyes Foster Porter Dawson",
    ),
    "CA": ("Chloé Jacob Maëlle Nathan Zoé William Hannah Benjamin", "Tremblay MacDonald Gagnon Singh Roy Fraser"),
    "GB": (
        "Amelia Oliver Isla George Poppy Arthur Freya Harry Elsie Alfie Niamh Rhys",
        "Smith-Jones Hughes O'Connor Walker Patel Thompson Clarke Evans Begum Mackenzie Turner Wood",
    ),
    "AU": ("Charlotte Jack Matilda Cooper Willow Archer Sienna Darcy", "Nguyen Kelly Hamilton Doyle Marsh Bailey"),
    "IE": ("Aoife Cian Saoirse Oisín Róisín Tadhg Caoimhe", "Ó Briain|Murphy|Byrne|Ní Dhomhnaill|Walsh|Kavanagh"),
    "DE": (
        "Jürgen Anja Björn Käthe Lukas Mareike Sören Ute Jörg",
        "Müller Schäfer Weiß Groß Köhler Vogel Krüger Böhm Lindner von\xa0Stein",
    ),
    "FR": (
        "Élodie Jérôme Inès François Océane Théo Anaïs Gaël",
        "Lefèvre Dupré Moreau Béranger d'Aubigné Garnier Chevallier Noël",
    ),
    "ES": ("Lucía Íñigo Martín Begoña Álvaro Nuria Iñaki", "García Núñez Ibáñez Muñoz Peña Ortuño Sáez"),
    "BR": ("João Conceição Thiago Luíza Antônio Beatriz", "Gonçalves Araújo Magalhães Souza Brandão Leitão"),
    "IN": ("आरव दीया विहान अनन्या कबीर मीरा Rohan Priya", "शर्मा पटेल गुप्ता सिंह Iyer Reddy"),
    "JP": ("美咲 大翔 陽菜 蓮 さくら 健太", "佐藤 鈴木 高橋 田中 渡辺 小林"),
    "SE": ("Åsa Björn Märta Göran Linnéa Östen", "Sjöström Åkesson Nyström Hägg Öberg Lindqvist"),
}
"""By country. Family names that contain spaces are separated by ``|``."""

FAR_FROM_HOME: tuple[str, ...] = (
    "Ελένη Παπαδοπούλου",
    "Νίκος Γεωργίου",
    "Оксана Шевченко",
    "Дмитрий Соколов",
    "Թամար Հակոբյան",
    "ნინო ბერიძე",
    "יעל כהן",
    "דוד לוי",
    "ليلى حسن",
    "عمر الخطيب",
    "فاطمه رضایی",
    "김서연",
    "박지훈",
    "王芳",
    "李伟",
    "ธนพล ศรีสุข",
    "Nguyễn Thị Hồng",
    "Łukasz Wiśniewski",
    "Şule Yıldız",
    "Đorđe Živković",
    "Guðrún Þórðardóttir",
    "ሰላም ተስፋዬ",
)
"""People in one of the countries above whose names are written in another script or alphabet."""

COMPANIES = (
    "Alder & Finch",
    "Bluewater Logistics",
    "Cobalt Dental",
    "Dunmore Interiors",
    "Elmwood Veterinary",
    "Fairway Motors",
    "Grainhouse",
    "Hollow Oak Books",
    "Ironbridge Tools",
    "Juniper Travel",
    "Kestrel Optics",
    "Larkfield Nurseries",
    "Meridian Legal",
    "Northgate Gym",
    "Orchard Street Bakery",
    "Pinecrest Homes",
    "Quayside Coffee",
    "Redstone Insurance",
    "Silverline Cycles",
    "Thistle & Thyme",
    "Umbra Lighting",
    "Valley Roofing",
    "Westbrook Clinic",
    "Yarrow Textiles",
    "Zephyr Sails",
)

NOTES = (
    "Prefers to be called in the afternoon.",
    "Asked about the spring catalogue.",
    "Renewal is due next quarter.\n\nTalk to accounts first.",
    "Met at the trade fair; wants a demonstration.",
    "Speaks better on the phone than in writing.",
)


def family_names(text: str) -> list[str]:
    """Return the family names of one country's text."""
    return text.split("|") if "|" in text else text.split(" ")
