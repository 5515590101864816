/**
 * Under a text that goes as SMS: how many SMS it takes, what makes it UCS-2, and a button that mends that.
 *
 * It serves every <textarea id="…" data-flex-segments> for which the page includes flex_outbound/_segments.html;
 * `data-flex-segments="off"` hides the line. What sets the text of such a field fires `input` on it, as people do.
 * The rules and tables are those of flex_outbound/segments.py, which says where they come from; a test compares the two.
 */

const GSM_7 = "GSM-7";
const UCS_2 = "UCS-2";
const ROOM = { [GSM_7]: [160, 153], [UCS_2]: [70, 67] };
const LONG = { characters: 320, segments: 3 };
const QUIET = 800; // ms without typing before a screen reader is told

const ONE_UNIT = new Set(
  "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?" +
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà",
);
const TWO_UNITS = new Set("\f^{}\\[~]|€");

const LIKENESS = [
  [
    "",
    "\u0000\u0001\u0002\u0003\u0004\u0005\u0006\u0007\u0008\u000b\u000e\u000f\u0010\u0011\u0012\u0013\u0014\u0015" +
      "\u0016\u0017\u0018\u0019\u001a\u001b\u001c\u001d\u001e\u001f\u007f\u00ad\u200b\u200c\u200d\u200e\u200f\u2060" +
      "\ufeff",
  ],
  [
    " ",
    "\u0009\u0080\u008d\u0090\u009b\u009f\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009" +
      "\u200a\u2028\u2029\u202f\u205f\u3000",
  ],
  ["\"", "\u00ab\u00bb\u02ba\u02ee\u201c\u201d\u201e\u201f\u2033\u2036\u275d\u275e\u301d\u301e"],
  [
    "'",
    "\u0060\u00b4\u02b9\u02bb\u02bc\u02bd\u02c8\u02ca\u02cb\u2018\u2019\u201b\u2032\u2035\u275b\u275c\ufe10\ufe11" +
      "\uff40",
  ],
  ["-", "\u2010\u2011\u2012\u2013\u2014\u2015\u2022\u2043\u2212\u23bc\u23bd\ufe63"],
  ["...", "\u2026"],
  ["1/2", "\u00bd"],
  ["1/4", "\u00bc"],
  ["3/4", "\u00be"],
  ["!", "\u01c3\ufe15\ufe57"],
  ["!!", "\u203c"],
  ["#", "\ufe5f"],
  ["$", "\ufe69"],
  ["%", "\ufe6a"],
  ["&", "\ufe60"],
  ["(", "\u2768\u276a\u27ee\u2985\ufe59"],
  [")", "\u2769\u276b\u27ef\u2986\ufe5a"],
  [
    "*",
    "\u204e\u2217\u229b\u2722\u2723\u2724\u2725\u2731\u2732\u2733\u273a\u273b\u273c\u273d\u2743\u2749\u274a\u274b" +
      "\u29c6\ufe61",
  ],
  ["+", "\u02d6\ufe62"],
  [",", "\u201a\u3001\ufe50\ufe51\uff64"],
  [".", "\u3002\ufe52\uff61"],
  ["/", "\u00f7\u2044\u2215\u29f8"],
  [":", "\u02d0\u02f8\u2982\ua789\ufe13"],
  [";", "\u204f\ufe14\ufe54"],
  ["<", "\u2039\ufe64"],
  ["=", "\ua78a\ufe66"],
  [">", "\u203a\ufe65"],
  ["?", "\ufe16\ufe56"],
  ["@", "\ufe6b"],
  ["\\", "\u29f5\u29f9\ufe68"],
  ["^", "\u02c6"],
  ["_", "\u2017"],
  ["{", "\u2774\ufe5b"],
  ["|", "\u2223\u239c\u239f\u23b8\u23b9\u23d0"],
  ["}", "\u2775\ufe5c"],
  ["~", "\u02dc\u02f7\u223c"],
];

const SMALL_CAPITALS = [
  "ABCDEFGHIJKLMNOPRSTUVWYZ",
  "\u1d00\u0299\u1d04\u1d05\u1d07\ua730\u0262\u029c\u026a\u1d0a\u1d0b\u029f\u1d0d\u0274\u1d0f\u1d18\u0280\ua731" +
    "\u1d1b\u1d1c\u1d20\u1d21\u028f\u1d22",
];
const FULL_WIDTH = 0xff00 - 0x20;

const PLAIN = new Map([
  ...Array.from({ length: 0x7f - 0x21 }, (_, i) => [String.fromCodePoint(FULL_WIDTH + 0x21 + i), String.fromCodePoint(0x21 + i)]),
  ...LIKENESS.flatMap(([likeness, signs]) => Array.from(signs, (sign) => [sign, likeness])),
  ...Array.from(SMALL_CAPITALS[1], (sign, i) => [sign, SMALL_CAPITALS[0][i]]),
]);

const MOST_NAMED = 3;
const LONGEST_NAMED = 16;

const isGsm = (character) => ONE_UNIT.has(character) || TWO_UNITS.has(character);
const within = (character, first, last) => character.codePointAt(0) >= first && character.codePointAt(0) <= last;
const isFlagHalf = (character) => within(character, 0x1f1e6, 0x1f1ff);
const isPicture = (character) => within(character, 0x2190, 0x10ffff) && /[\p{So}\p{Sm}]/u.test(character);

function extendsOne(character) {
  if (character < "\u0300") return false;
  if (character === "\u200c" || character === "\u200d") return true;
  return within(character, 0x1f3fb, 0x1f3ff) || within(character, 0xe0020, 0xe007f) || /\p{M}/u.test(character);
}

/** Split code points into what a reader takes for one character. */
function clustersOf(characters) {
  const clusters = [];
  for (const [place, here] of characters.entries()) {
    const current = clusters.at(-1);
    if (current && belongs(current, characters[place - 1], here)) current.push(here);
    else clusters.push([here]);
  }
  return clusters;
}

function belongs(cluster, before, here) {
  if (/\p{Cc}/u.test(before)) return false;
  if (extendsOne(here)) return true;
  if (before === "\u200d") return isPicture(cluster[0]) && isPicture(here);
  return cluster.length === 1 && isFlagHalf(cluster[0]) && isFlagHalf(here);
}

function segmentsOf(sizes, units, [only, each]) {
  if (units <= only) return sizes.length ? 1 : 0;
  let number = 1;
  let used = 0;
  for (const size of sizes) {
    if (used && used + size > each) [number, used] = [number + 1, 0];
    used += size;
    for (; used > each; used -= each) number += 1;
  }
  return number;
}

/** Return how a text travels as SMS; see `Segments` and `count` in segments.py. */
export function count(text) {
  const characters = Array.from(text);
  const isUcs = !characters.every(isGsm);
  const encoding = isUcs ? UCS_2 : GSM_7;
  const clusters = isUcs ? clustersOf(characters).map((cluster) => cluster.join("")) : characters;
  const sizes = clusters.map((one) => (isUcs ? one.length : TWO_UNITS.has(one) ? 2 : 1));
  const units = sizes.reduce((sum, size) => sum + size, 0);
  const segments = segmentsOf(sizes, units, ROOM[encoding]);
  const forcedBy = isUcs ? [...new Set(clusters.filter((one) => !Array.from(one).every(isGsm)))] : [];
  const [only, each] = ROOM[encoding];
  const isLong = characters.length > LONG.characters || segments >= LONG.segments;
  return { encoding, characters: characters.length, units, segments, forcedBy, room: segments > 1 ? each * segments : only, isLong };
}

/** Return a text with each character in its GSM-7 likeness; what has none stays. */
export function plain(text) {
  return Array.from(text.normalize("NFC"), (character) => PLAIN.get(character) ?? character).join("");
}

/** Return the text in GSM-7 if replacing characters makes it so, else null. */
export function remedy(text) {
  const found = plain(text);
  const isForced = (some) => !Array.from(some).every(isGsm);
  return found !== text && isForced(text) && !isForced(found) ? found : null;
}

/** The texts are in the page, so that Django translates them. */
function words(key, values = {}) {
  const text = document.getElementById("flex-outbound-segments")?.content.querySelector(`[data-word="${key}"]`)?.textContent;
  return (text ?? "").replace(/\{(\w+)\}/g, (_, name) => values[name] ?? "");
}

export const inWords = (found) => (found.segments ? words("count", found) : "");

/** Return which characters make a text UCS-2, those first that have no likeness. */
export function why(found) {
  const isStubborn = (cluster) => !Array.from(plain(cluster)).every(isGsm);
  const named = [...found.forcedBy].sort((one, other) => isStubborn(other) - isStubborn(one)).slice(0, MOST_NAMED);
  if (!named.length) return "";
  const more = found.forcedBy.length > MOST_NAMED ? ", …" : "";
  return words("because", { characters: named.map(nameOf).join(", ") + more, most: ROOM[UCS_2][0] });
}

const codeOf = (character) => `U+${character.codePointAt(0).toString(16).toUpperCase().padStart(4, "0")}`;

function nameOf(cluster) {
  const characters = Array.from(cluster);
  const [first] = characters;
  const isEmoji = within(first, 0x1f000, 0x1faff) || characters.includes("\ufe0f");
  const known = characters.map((one) => words(codeOf(one))).find(Boolean);
  const name = known ?? (isEmoji ? words("emoji") : "");
  const isSeen = !/[\p{C}\p{M}\p{Z}]/u.test(first);
  const character = isSeen ? characters.slice(0, LONGEST_NAMED).join("") : codeOf(first);
  return words(name ? "named" : "unnamed", { character, name });
}

/** Change text only where it differs: a live region repeats whatever is set again. */
function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

const isServed = (area) => area?.matches?.("textarea[data-flex-segments]:not([data-flex-segments=off])");
const lineOf = (area) => area.id && document.querySelector(`[data-segments-for="${CSS.escape(area.id)}"]`);

/** Show what a field's text costs. */
export function show(area) {
  const line = lineOf(area);
  if (!line) return;
  const found = isServed(area) ? count(area.value) : count("");
  const better = isServed(area) ? remedy(area.value) : null;
  const part = (name) => line.querySelector(`[data-segments-${name}]`);
  line.hidden = found.segments === 0;
  line.toggleAttribute("data-long", found.isLong);
  setText(part("count"), inWords(found));
  part("long").hidden = !found.isLong;
  setText(part("why"), why(found));
  part("why").hidden = !found.forcedBy.length;
  part("replace").hidden = better === null;
  if (better !== null) setText(part("replace"), words("replace", count(better)));
  tell(line, part("told"), found);
}

const timers = new WeakMap();

/** Tell a screen reader what is out of the ordinary, and when it is over; only what changed, once the typing pauses. */
function tell(line, region, found) {
  clearTimeout(timers.get(line));
  const isUsual = found.segments <= 1 && found.encoding === GSM_7;
  const state = isUsual ? "" : `${found.encoding} ${found.segments}`;
  if ((line.dataset.told ?? "") === state) return;
  const say = () => {
    line.dataset.told = state;
    setText(region, found.segments ? [words("short", found), why(found)].filter(Boolean).join(". ") : "");
  };
  timers.set(line, setTimeout(say, QUIET));
}

/** Replace the text as typing does, so that Ctrl+Z brings it back and the caret stays where it was. */
function replace(area) {
  const better = remedy(area.value);
  if (better === null) return;
  const caret = plain(area.value.slice(0, area.selectionStart)).length;
  area.focus();
  area.select();
  if (!document.execCommand("insertText", false, better) || area.value !== better) {
    area.value = better;
    area.dispatchEvent(new Event("input", { bubbles: true }));
  }
  area.setSelectionRange(caret, caret);
}

function showAll() {
  for (const area of document.querySelectorAll("textarea[data-flex-segments]")) show(area);
}

// On the document: the fields of a page come and go.
for (const name of ["input", "focusin"]) {
  document.addEventListener(name, ({ target }) => target.matches?.("textarea[data-flex-segments]") && show(target));
}
document.addEventListener("reset", () => setTimeout(showAll)); // the fields are emptied after the event
document.addEventListener("click", ({ target }) => {
  const button = target.closest?.("[data-segments-replace]");
  const area = button && document.getElementById(button.closest("[data-segments-for]").dataset.segmentsFor);
  if (area) replace(area);
});
window.addEventListener("pageshow", showAll);
showAll();
