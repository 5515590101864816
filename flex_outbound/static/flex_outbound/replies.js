/**
 * Saved replies in the forms of messages: a list below the text, opened by its button or by typing `/` and a short code.
 *
 * It is the combobox pattern of ARIA: the focus stays in the field, arrows choose, Enter inserts, Esc closes; in the
 * text, Tab inserts as well. The list comes from the server as markup when it is needed first, and is kept for a minute.
 * Keys are taken on the way down, so that Enter does not send while the list is open. Other scripts hear an `input`.
 */

const FRESH = 60000; // ms for which a list is not asked for again
const TIMEOUT = 15000;
const TYPED = /(?:^|[\s(])\/([\p{L}\p{N}_-]{0,32})$/u;
const PLACEHOLDER = /\{\{[ \t]*([\p{L}\p{N}_.-]{1,64})[ \t]*\}\}/gu;

const lists = new Map();
const pickers = new WeakMap();
const touched = new WeakSet();
let ids = 0;
let current = null;

/** The texts are in the page, so that Django translates them. */
function words(key) {
  const list = document.getElementById("flex-outbound-words");
  return list?.content.querySelector(`[data-word="${key}"]`)?.textContent ?? key;
}

/** Return the panel of an address as an element of its own; throws an Error whose message is for people. */
async function load(url) {
  const known = lists.get(url);
  if (known && Date.now() - known.at < FRESH) return known.panel.cloneNode(true);
  let response;
  const { language } = document.getElementById("flex-outbound-page")?.dataset ?? {};
  try {
    response = await fetch(url, {
      headers: { Accept: "text/html", ...(language && { "Accept-Language": language }) },
      credentials: "same-origin",
      cache: "no-store",
      signal: AbortSignal.timeout(TIMEOUT),
    });
  } catch {
    throw new Error(words("no_connection"));
  }
  const parsed = new DOMParser().parseFromString(await response.text(), "text/html");
  const panel = parsed.querySelector("[data-replies-panel]");
  if (!panel) throw new Error(words(response.ok ? "signed_out" : response.status === 429 ? "too_busy" : "gone"));
  lists.set(url, { panel, at: Date.now() });
  return panel.cloneNode(true);
}

class Picker {
  constructor(button) {
    this.button = button;
    this.form = button.form;
    this.area = this.form.elements.namedItem("body");
    this.place = button.parentElement.querySelector("[data-replies-place]");
    this.start = null; // where the slash stands; null while one searches
    this.active = null;
  }

  get isOpen() {
    return current === this;
  }

  get search() {
    return this.panel?.querySelector("[data-replies-search] input") ?? null;
  }

  /** The field that has the focus while one chooses. */
  get field() {
    return this.start === null ? this.search : this.area;
  }

  get options() {
    return [...(this.panel?.querySelectorAll("[role=option]") ?? [])];
  }

  get shown() {
    return this.options.filter((one) => !one.hidden);
  }

  get isAsking() {
    return this.panel?.querySelector("[data-replies-ask]").hidden === false;
  }

  async open(start) {
    if (current && current !== this) current.close();
    current = this;
    this.start = start;
    this.pending = null;
    const shown = document.createElement("p");
    shown.className = "flex-outbound__hint";
    shown.textContent = words("loading");
    this.panel = null;
    this.place.replaceChildren(shown);
    this.place.hidden = false;
    this.button.setAttribute("aria-expanded", "true");
    let panel;
    try {
      panel = await load(this.button.dataset.replies);
    } catch (error) {
      if (!this.isOpen) return;
      shown.setAttribute("role", "alert");
      shown.textContent = error.message;
      return;
    }
    if (!this.isOpen || this.panel) return;
    this.show(document.importNode(panel, true));
  }

  show(panel) {
    this.panel = panel;
    this.identify();
    this.place.replaceChildren(panel);
    panel.querySelector("[data-replies-search]").hidden = this.start !== null;
    if (this.start === null) this.search.focus();
    this.join();
    const { pending } = this;
    this.filter();
    if (pending && this.isOpen) this.pick(this.active);
    else if (pending === "Enter") this.enter();
  }

  /** A page has several lists, and an id is of one. */
  identify() {
    ids += 1;
    const list = this.panel.querySelector("[role=listbox]");
    list.id = `flex-replies-${ids}`;
    this.options.forEach((one, number) => (one.id = `${list.id}-${number}`));
    this.search.id = `${list.id}-search`;
    this.search.setAttribute("aria-controls", list.id);
    this.panel.querySelector("[data-replies-search] label").htmlFor = this.search.id;
  }

  /** A text area may not be a combobox; what it controls, and what is active in it, it may say. */
  join() {
    if (this.start === null) return;
    this.area.setAttribute("aria-autocomplete", "list");
    this.area.setAttribute("aria-controls", this.panel.querySelector("[role=listbox]").id);
  }

  part() {
    for (const name of ["aria-autocomplete", "aria-controls", "aria-activedescendant"]) this.area.removeAttribute(name);
  }

  close({ focus = false } = {}) {
    if (this.isOpen) current = null;
    this.place.replaceChildren();
    this.place.hidden = true;
    this.panel = this.active = null;
    this.pending = null;
    this.button.setAttribute("aria-expanded", "false");
    this.part();
    if (focus) this.area.focus();
  }

  // --- choosing ---

  get query() {
    if (this.start === null) return this.search.value.trim().toLowerCase();
    return this.area.value.slice(this.start + 1, this.area.selectionStart).normalize("NFC").toLowerCase();
  }

  /** Show what fits, the best first: the code itself, codes that begin like it, then words of title and text. */
  filter() {
    const { query } = this;
    const rank = (one) => {
      const code = one.dataset.code.toLowerCase();
      if (query && code === query) return 0;
      if (query && code.startsWith(query)) return 1;
      const text = this.start === null ? one.textContent : one.querySelector(".flex-replies__title").textContent;
      const all = `${text} ${code}`.toLowerCase();
      return query.split(/\s+/).every((word) => all.includes(word)) ? 2 : 3;
    };
    this.order ??= new Map();
    const ranked = this.options.map((one) => {
      if (!this.order.has(one)) this.order.set(one, this.order.size);
      return [rank(one), this.order.get(one), one];
    });
    ranked.sort(([a, b], [c, d]) => a - c || b - d);
    this.panel.querySelector("[role=listbox]").replaceChildren(...ranked.map(([, , one]) => one));
    for (const [place, , one] of ranked) one.hidden = place === 3;
    const found = this.shown;
    if (this.start !== null && !found.length && query) return this.close();
    this.panel.querySelector("[data-replies-none]").hidden = found.length > 0;
    this.activate(found[0] ?? null);
    this.say(this.panel.dataset.found.replace("{number}", found.length.toLocaleString(document.documentElement.lang || undefined)));
  }

  /** Do what Enter does without a list: it was pressed while the list was on its way, and nothing in it fits. */
  enter() {
    const pressed = new KeyboardEvent("keydown", { key: "Enter", bubbles: true, cancelable: true });
    if (!this.area.dispatchEvent(pressed)) return;
    this.area.setRangeText("\n", this.area.selectionStart, this.area.selectionEnd, "end");
    this.area.dispatchEvent(new Event("input", { bubbles: true }));
  }

  say(text) {
    const region = this.panel.querySelector("[data-replies-said]");
    if (region.textContent !== text) region.textContent = text;
  }

  activate(option) {
    this.active?.setAttribute("aria-selected", "false");
    this.active = option;
    option?.setAttribute("aria-selected", "true");
    option?.scrollIntoView({ block: "nearest" });
    if (option) this.field.setAttribute("aria-activedescendant", option.id);
    else this.field.removeAttribute("aria-activedescendant");
  }

  move(step) {
    const found = this.shown;
    if (!found.length) return;
    const place = found.indexOf(this.active);
    this.activate(found.at((place + step + found.length) % found.length));
  }

  /** Take a key; tells whether it was meant for the list. */
  key(event) {
    if (event.key === "Escape") {
      this.dismissed = this.start;
      this.close({ focus: true });
      return true;
    }
    if (event.ctrlKey || event.metaKey || event.altKey) return false;
    if (this.isAsking) return this.keyOfAsked(event);
    const isText = this.start !== null;
    if (event.target !== this.area && event.target !== this.search) return false;
    if (event.target === this.area && !isText) return false;
    const picks = event.key === "Enter" ? !event.shiftKey || !isText : event.key === "Tab" && isText && !event.shiftKey;
    if (picks && !this.panel && this.place.querySelector("[role=alert]")) return false;
    if (picks) {
      if (this.active) this.pick(this.active);
      else this.pending = this.panel ? null : event.key; // still on its way
      return Boolean(this.pending) || event.key === "Enter" || isText;
    }
    if (!["ArrowDown", "ArrowUp"].includes(event.key)) return false;
    this.move(event.key === "ArrowDown" ? 1 : -1);
    return true;
  }

  pick(option) {
    if (!option) return this.close({ focus: true });
    const missing = option.dataset.missing.split(" ").filter(Boolean);
    if (missing.length) this.ask(option, missing);
    else this.insert(option.dataset.body, option.dataset.subject);
  }

  // --- what is missing ---

  ask(option, missing) {
    this.asked = option;
    const fields = this.panel.querySelector("[data-replies-fields]");
    const blank = this.panel.querySelector("template[data-replies-field]");
    fields.replaceChildren(
      ...missing.map((name, number) => {
        const field = document.importNode(blank.content, true).firstElementChild;
        const input = field.querySelector("input");
        input.id = `${this.search.id}-${number}`;
        input.dataset.placeholder = name;
        field.querySelector("label").htmlFor = input.id;
        field.querySelector("label").textContent = this.panel.dataset.need.replace("{name}", name);
        return field;
      }),
    );
    for (const part of this.panel.querySelectorAll("[role=listbox], [data-replies-search], [data-replies-none]")) {
      part.hidden = true;
    }
    this.panel.querySelector("[data-replies-ask]").hidden = false;
    this.part();
    fields.querySelector("input").focus();
  }

  keyOfAsked(event) {
    if (event.key !== "Enter" || !event.target.matches("[data-placeholder]")) return false;
    this.finish();
    return true;
  }

  finish() {
    const inputs = [...this.panel.querySelectorAll("[data-placeholder]")];
    const empty = inputs.find((one) => !one.value.trim());
    for (const one of inputs) one.setAttribute("aria-invalid", String(!one.value.trim()));
    if (empty) return empty.focus();
    const values = new Map(inputs.map((one) => [one.dataset.placeholder, one.value.trim()]));
    const filled = (text) => text.replace(PLACEHOLDER, (whole, name) => values.get(name.toLowerCase()) ?? whole);
    this.insert(filled(this.asked.dataset.body), filled(this.asked.dataset.subject));
  }

  // --- inserting ---

  insert(text, subject) {
    const { area, start } = this;
    const isNew = start === null && !touched.has(area);
    const from = start ?? (isNew ? area.value.length : area.selectionStart);
    const to = start === null ? (isNew ? from : area.selectionEnd) : from + 1 + this.typedLength;
    const before = isNew && area.value.trim() ? "\n" : "";
    this.close();
    area.focus();
    area.setSelectionRange(from, to);
    this.isInserting = true;
    const wanted = area.value.slice(0, from) + before + text + area.value.slice(to);
    // So that Ctrl+Z takes it back.
    if (!document.execCommand("insertText", false, before + text) || area.value !== wanted) {
      area.value = wanted;
      area.setSelectionRange(from + before.length + text.length, from + before.length + text.length);
      area.dispatchEvent(new Event("input", { bubbles: true }));
    }
    this.isInserting = false;
    const line = this.form.elements.namedItem("subject");
    if (!line || !subject || line.value.trim()) return;
    line.value = subject;
    line.dispatchEvent(new Event("input", { bubbles: true }));
  }

  /** A slash and a code were typed, or are no longer. */
  typed() {
    if (this.isInserting) return;
    const { area } = this;
    const isCaret = area.selectionStart === area.selectionEnd;
    const found = isCaret ? area.value.slice(0, area.selectionStart).match(TYPED) : null;
    if (!found) {
      this.dismissed = null;
      if (this.isOpen && this.start !== null) this.close();
      return;
    }
    const start = area.selectionStart - found[1].length - 1;
    this.typedLength = found[1].length;
    if (this.isOpen && this.start === start) {
      if (this.panel && !this.isAsking) this.filter();
    } else if (this.dismissed !== start) this.open(start);
  }
}

function pickerOf(form) {
  const button = form?.querySelector?.("[data-replies]");
  if (!button) return null;
  if (!pickers.has(form)) pickers.set(form, new Picker(button));
  return pickers.get(form);
}

function clicked(event) {
  const opener = event.target.closest?.("[data-replies]");
  if (opener) {
    event.preventDefault();
    const picker = pickerOf(opener.form);
    if (picker.isOpen) picker.close({ focus: true });
    else picker.open(null);
    return;
  }
  // One list at a time.
  if (event.target.closest?.("[data-template-open]")) current?.close();
  if (!current?.place.contains(event.target)) return;
  const option = event.target.closest("[role=option]");
  const button = event.target.closest("button");
  // What is clicked on is taken away by that, and a composer would take it for a click beside it.
  if (option || button) event.stopPropagation();
  if (option) current.pick(option);
  else if (button?.matches("[data-replies-insert]")) current.finish();
  else if (button) current.close({ focus: true });
}

document.addEventListener("click", clicked, { capture: true });
document.addEventListener(
  "keydown",
  (event) => {
    if (!current || event.isComposing || !current.form.contains(event.target) || !current.key(event)) return;
    event.preventDefault();
    event.stopPropagation();
  },
  { capture: true },
);
document.addEventListener("input", (event) => {
  if (current?.panel && event.target === current.search) return current.filter();
  if (event.target.matches?.("[data-placeholder]")) event.target.removeAttribute("aria-invalid");
  if (event.target.matches?.("textarea[name=body]")) pickerOf(event.target.form)?.typed();
});
document.addEventListener("mousedown", (event) => {
  // The focus stays in the field.
  if (event.target.closest?.("[data-replies-panel] [role=option]")) event.preventDefault();
});
document.addEventListener("focusin", (event) => {
  if (event.target.matches?.("textarea[name=body]")) touched.add(event.target);
  if (current && !current.form.contains(event.target)) current.close();
});
// A composer that closes takes its list along. A toggle does not bubble.
document.addEventListener(
  "toggle",
  (event) => {
    if (current && !event.target.open && event.target.contains(current.area)) current.close();
  },
  { capture: true },
);
