"""Countries as people write them (vocabulary): what a field with a contact's country may hold."""

import re
from functools import lru_cache
from typing import Final

import phonenumbers

# ISO 3166-1: the code of three letters, and right after it the one of two.
_ALPHA_3: Final = """
ABWAW AFGAF AGOAO AIAAI ALAAX ALBAL ANDAD AREAE ARGAR ARMAM ASMAS ATGAG AUSAU AUTAT AZEAZ BDIBI BELBE BENBJ BESBQ
BFABF BGDBD BGRBG BHRBH BHSBS BIHBA BLMBL BLRBY BLZBZ BMUBM BOLBO BRABR BRBBB BRNBN BTNBT BWABW CAFCF CANCA CCKCC
CHECH CHLCL CHNCN CIVCI CMRCM CODCD COGCG COKCK COLCO COMKM CPVCV CRICR CUBCU CUWCW CXRCX CYMKY CYPCY CZECZ DEUDE
DJIDJ DMADM DNKDK DOMDO DZADZ ECUEC EGYEG ERIER ESHEH ESPES ESTEE ETHET FINFI FJIFJ FLKFK FRAFR FROFO FSMFM GABGA
GBRGB GEOGE GGYGG GHAGH GIBGI GINGN GLPGP GMBGM GNBGW GNQGQ GRCGR GRDGD GRLGL GTMGT GUFGF GUMGU GUYGY HKGHK HNDHN
HRVHR HTIHT HUNHU IDNID IMNIM INDIN IOTIO IRLIE IRNIR IRQIQ ISLIS ISRIL ITAIT JAMJM JEYJE JORJO JPNJP KAZKZ KENKE
KGZKG KHMKH KIRKI KNAKN KORKR KWTKW LAOLA LBNLB LBRLR LBYLY LCALC LIELI LKALK LSOLS LTULT LUXLU LVALV MACMO MAFMF
MARMA MCOMC MDAMD MDGMG MDVMV MEXMX MHLMH MKDMK MLIML MLTMT MMRMM MNEME MNGMN MNPMP MOZMZ MRTMR MSRMS MTQMQ MUSMU
MWIMW MYSMY MYTYT NAMNA NCLNC NERNE NFKNF NGANG NICNI NIUNU NLDNL NORNO NPLNP NRUNR NZLNZ OMNOM PAKPK PANPA PERPE
PHLPH PLWPW PNGPG POLPL PRIPR PRKKP PRTPT PRYPY PSEPS PYFPF QATQA REURE ROURO RUSRU RWARW SAUSA SDNSD SENSN SGPSG
SHNSH SJMSJ SLBSB SLESL SLVSV SMRSM SOMSO SPMPM SRBRS SSDSS STPST SURSR SVKSK SVNSI SWESE SWZSZ SXMSX SYCSC SYRSY
TCATC TCDTD TGOTG THATH TJKTJ TKLTK TKMTM TLSTL TONTO TTOTT TUNTN TURTR TUVTV TWNTW TZATZ UGAUG UKRUA URYUY USAUS
UZBUZ VATVA VCTVC VENVE VGBVG VIRVI VNMVN VUTVU WLFWF WSMWS YEMYE ZAFZA ZMBZM ZWEZW
"""

_NAMES: Final = {row[:3]: row[3:] for row in _ALPHA_3.split()} | {"UK": "GB", "EL": "GR", "KOS": "XK", "XKX": "XK"}
"""Other codes of countries. EL is what the European Union writes for Greece."""

_LOCALE: Final = re.compile(r"[a-z]{2,3}(?:[-_][A-Z][a-z]{3})?[-_]([A-Z]{2}|[a-z]{2})(?:[.@].*)?")
_PART: Final = re.compile(r"([A-Z]{2})[-_]([A-Z0-9]{1,3})")
_CALLING: Final = re.compile(r"\+([0-9]{1,3})")


@lru_cache(maxsize=1024)
def read(text: str) -> str | None:
    """Return the ISO 3166-1 alpha-2 code of a country, None where it cannot be told.

    ``text``: a code of two or three letters (GB, UK, GBR, U.K.), a locale (en-GB, de_AT.UTF-8), a part of a country
    (GB-ENG, ISO 3166-2), or a calling code (+44). What can be read as two countries, as US-CA, is not understood.
    """
    text = text.strip()
    calling, locale, part = (form.fullmatch(text) for form in (_CALLING, _LOCALE, _PART))
    if calling:
        return _code(phonenumbers.region_code_for_country_code(int(calling[1])))
    if locale:
        return _code(locale[1].upper())
    if part:
        whole, other = _code(part[1]), _code(part[2])
        return None if whole and other and whole != other else whole or other
    return _code(text.replace(".", "").upper())


def _code(code: str) -> str | None:
    code = _NAMES.get(code, code)
    return code if code in phonenumbers.SUPPORTED_REGIONS else None
