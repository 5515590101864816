/**
 * Keeps what is typed into the composers and answers of a page, and says which colleagues write to the same customer.
 *
 * Every form with `[data-writing]` in it is a place of drafts. It is saved a second after the last key, and when the page
 * is left; one request per contact tells what is kept, what other windows changed, and who is there. Nothing is kept in
 * the browser. It talks to the other scripts through fields and `input` events alone.
 */

const QUIET = 1000; // ms without a key before a text is saved
const LONGEST = 5000; // ms after which it is saved while somebody types on
const POLL = { busy: 4000, factor: 1.4, last: 15000, idle: 60000, out: 5000 }; // ms between questions
const IDLE = 120000; // ms after which nobody is thought to sit there
const AGAIN = [2000, 4000, 8000, 15000, 30000]; // ms before a save that got no answer is repeated
const FIRST = 300;
const TIMEOUT = 15000;
const FIELDS = ["address", "sender", "body", "subject", "to", "cc", "bcc", "content_sid"];
const WORDS = ["body", "subject", "to", "cc", "bcc", "content_sid"];
const VARIABLE = "content_variables.";

const page = () => document.getElementById("flex-outbound-page")?.dataset ?? {};
const spotOf = (form) => form?.querySelector?.("[data-writing][data-url]") ?? null;
const field = (form, name) => form.elements.namedItem(name);
const isAnswer = (form) => form.hasAttribute("data-answer");

function valuesOf(form) {
  const found = {};
  for (const name of FIELDS) {
    const value = field(form, name)?.value;
    if (value) found[name] = value;
  }
  for (const { name, value } of found.content_sid ? form.querySelectorAll("[data-template-variable]") : []) found[name] = value;
  return found;
}

/** Whether anything was typed. The subject of an answer is there from the beginning. */
function isTyped(form) {
  const names = isAnswer(form) ? ["body", "content_sid"] : WORDS;
  return names.some((name) => (field(form, name)?.value ?? "").trim() !== "");
}

/** What was typed, as text that can be compared: addresses and senders are chosen by themselves as well. */
function typedIn(values) {
  const variables = Object.keys(values).filter((name) => name.startsWith(VARIABLE) && values[name]);
  return JSON.stringify([...WORDS, ...variables.sort()].map((name) => (values[name] ?? "").replaceAll("\r\n", "\n")));
}

function timeOf(version) {
  const date = new Date(version ?? "");
  if (Number.isNaN(date.getTime())) return "";
  const language = document.documentElement.lang || undefined;
  const isToday = date.toDateString() === new Date().toDateString();
  return isToday ? date.toLocaleTimeString(language, { timeStyle: "short" }) : date.toLocaleString(language, { dateStyle: "medium", timeStyle: "short" });
}

/** Ask the server. Resolves to {kind, data, etag, wait}; a page for signing in is `out`, no answer is `lost`. */
async function ask(url, { method = "GET", body, etag, keepalive = false } = {}) {
  const headers = { Accept: "application/json" };
  if (page().language) headers["Accept-Language"] = page().language;
  if (etag) headers["If-None-Match"] = etag;
  if (body) headers["Content-Type"] = "application/json";
  if (method !== "GET") headers[page().header || "X-CSRFToken"] = page().token;
  const signal = keepalive ? undefined : AbortSignal.timeout(TIMEOUT);
  try {
    const response = await fetch(url, {
      ...{ method, headers, keepalive, signal, credentials: "same-origin", cache: "no-store", redirect: "manual" },
      body: body && JSON.stringify(body),
    });
    const isJson = (response.headers.get("Content-Type") ?? "").includes("json");
    return understand(response, isJson ? await response.json() : null);
  } catch {
    return { kind: "lost" };
  }
}

function understand(response, data) {
  const { status } = response;
  if (status === 304) return { kind: "same" };
  if (status === 204) return { kind: "done" };
  const isSignIn = response.type === "opaqueredirect" || (response.ok && !data);
  if (isSignIn || status === 401 || data?.code === "not_authenticated") return { kind: "out" };
  if (response.ok) return { kind: "done", data, etag: response.headers.get("ETag") };
  if (data?.code === "other_user") return { kind: "other" };
  if (status === 409 && data?.code === "draft_changed") return { kind: "changed", draft: data.draft };
  if (status === 403 && /csrf/i.test(data?.detail ?? "")) return { kind: "stale" };
  if (status === 429) return { kind: "busy", wait: (Number(response.headers.get("Retry-After")) || 5) * 1000 };
  return { kind: status >= 500 ? "lost" : "refused" };
}

/** The text of one form. `version` and `saved`: what the server has; `offered`: a draft that waits for its composer. */
class Text {
  static all = new WeakMap();

  constructor(form, spot) {
    const { place, url, user } = spot.dataset;
    Object.assign(this, { form, spot, place, user, desk: Desk.at(url, user), version: "", saved: typedIn({}), tries: 0 });
    // What a browser restores by itself may be another user's.
    for (const area of form.querySelectorAll("textarea, input[type=text]")) area.autocomplete = "off";
    if (isTyped(form)) this.changed();
  }

  static of(form) {
    const spot = spotOf(form);
    if (!spot) return null;
    let text = Text.all.get(form);
    if (text?.spot !== spot) Text.all.set(form, (text = new Text(form, spot)));
    return text;
  }

  get url() {
    return `${this.desk.url}${this.place}/`;
  }

  get typed() {
    return typedIn(valuesOf(this.form));
  }

  get isDirty() {
    if (this.isChoosing) return false; // what the draft has is not all in the form
    return isTyped(this.form) ? this.typed !== this.saved : this.version !== "" && !this.sent;
  }

  /** Whether leaving the page would lose it. */
  get isAtRisk() {
    const { typed, desk } = this;
    if (!isTyped(this.form) || typed === this.saved || typed === this.sent?.typed) return false;
    return Boolean(this.isUnkept || this.tries || desk.isOut || this.conflict);
  }

  // --- saving ---

  changed() {
    if (this.desk.isOther) return;
    this.isChoosing = false;
    if (this.sent?.typed === this.typed) this.sent = null; // it was given back
    this.desk.touched();
    if (this.conflict) return;
    this.since ??= Date.now();
    this.plan(Math.max(0, Math.min(QUIET, this.since + LONGEST - Date.now())));
  }

  plan(ms) {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.save(), ms);
  }

  stop() {
    clearTimeout(this.timer);
    this.timer = null;
    this.since = null;
  }

  async save({ keepalive = false } = {}) {
    this.stop();
    if (this.isSaving && !keepalive) return (this.isAgain = true);
    if (!this.form.isConnected || this.desk.isOut || this.desk.isOther || this.conflict || !this.isDirty) return;
    if (this.isUnkept && keepalive) return;
    if (!isTyped(this.form)) return this.discard();
    const values = valuesOf(this.form);
    const body = { ...values, version: this.version, user: this.user };
    this.isSaving = true;
    this.desk.wrote();
    if (keepalive && !("keepalive" in Request.prototype)) this.beacon(body);
    const answer = await ask(this.url, { method: "POST", body, keepalive });
    this.desk.wrote();
    this.isSaving = false;
    await this.took(answer, typedIn(values));
    if (this.isAgain) {
      this.isAgain = false;
      this.plan(0);
    }
  }

  beacon(body) {
    const data = new FormData();
    for (const [name, value] of Object.entries(body)) data.set(name, value);
    data.set("csrfmiddlewaretoken", page().token ?? "");
    navigator.sendBeacon(this.url, data);
  }

  async took(answer, typed) {
    const { kind, data, draft } = answer;
    if (kind === "done") return this.keep(data, typed);
    if (kind === "changed") return this.disputed(draft, typed);
    if (kind === "out") return this.desk.out();
    if (kind === "other") return this.desk.other();
    if (kind === "stale" && !this.isStale) {
      this.isStale = true;
      await this.desk.renew();
      return this.plan(0);
    }
    this.tries += 1;
    if (this.tries > 1 || kind === "refused") this.say("unsaved");
    if (kind !== "refused") this.plan(answer.wait ?? AGAIN[Math.min(this.tries, AGAIN.length) - 1]);
  }

  keep(data, typed) {
    Object.assign(this, { tries: 0, isStale: false, isUnkept: data && !data.is_kept });
    this.setVersion(data.version);
    this.saved = this.isUnkept ? typedIn({}) : typed;
    if (this.isUnkept) {
      return this.say("unkept");
    }
    if (["unsaved", "unkept", "signed_out"].includes(this.line)) this.say("");
    if (this.moved) this.desk.drop(this.moved);
    this.moved = null;
    if (this.sent?.typed === typed) this.cleared();
    else if (this.sent?.confirmed) this.sent = null;
  }

  /** Another window has changed the draft; or what this one sent has deleted it, and the next text is typed already. */
  disputed(draft, typed) {
    if (!draft && this.sent) {
      this.setVersion("");
      return this.plan(0);
    }
    if (draft && typedIn(draft.values) === typed) {
      this.setVersion(draft.version);
      this.saved = typed;
      return;
    }
    this.conflict = draft ?? { values: {}, version: "" };
    this.say(draft ? "changed" : "gone", draft?.version);
  }

  setVersion(version) {
    this.version = version ?? "";
    const carried = field(this.form, "draft");
    if (carried) carried.value = this.version;
  }

  async discard() {
    const { version } = this;
    this.stop();
    this.setVersion("");
    this.saved = typedIn({});
    this.say("");
    this.desk.wrote();
    const query = version ? `?version=${encodeURIComponent(version)}` : "";
    const answer = await ask(this.url + query, { method: "DELETE" });
    this.desk.wrote();
    if (answer.kind === "out") this.desk.out();
  }

  // --- sending ---

  submitted() {
    this.stop();
    if (isTyped(this.form)) this.sent = { typed: this.typed, at: Date.now() };
    this.desk.soon(1500);
  }

  /** The server has taken what was sent, and deleted its draft. What is typed by now is the next text. */
  cleared() {
    const isNext = isTyped(this.form) && this.typed !== this.sent?.typed;
    if (isTyped(this.form) && !isNext) return; // not taken yet, or given back
    if (this.sent) this.sent.confirmed = true;
    this.conflict = null;
    this.stop();
    if (!isNext) {
      this.setVersion("");
      this.saved = typedIn({});
    }
    this.say("");
    if (isNext) this.changed();
  }

  // --- what the server has ---

  /** Compare with what the server keeps at this place; `draft`: null for nothing. */
  met(draft) {
    if (this.isSaving || this.conflict) return;
    if (this.sent && draft && typedIn(draft.values) === this.sent.typed && !isTyped(this.form)) {
      // A save was overtaken by the message itself.
      this.setVersion(draft.version);
      return this.discard();
    }
    if (!draft) return this.missed();
    if (draft.version === this.version) return;
    if (!isTyped(this.form)) return this.offer(draft);
    if (typedIn(draft.values) === this.typed) {
      this.setVersion(draft.version);
      this.saved = this.typed;
    } else if (this.version && this.typed === this.saved) this.fill(draft, "updated");
    else this.disputed(draft, this.typed);
  }

  missed() {
    this.offered = null;
    this.form.removeAttribute("data-kept");
    if (!this.version || this.isUnkept) return;
    if (this.sent || !isTyped(this.form)) return this.setVersion("");
    this.conflict = { values: {}, version: "" };
    this.say("gone");
  }

  /** Fill an answer in at once. A composer that is closed waits: a press on its button must not send an old text. */
  offer(draft, line = "kept") {
    const composer = this.form.querySelector("details.flex-outbound__composer");
    if (composer && !composer.open) {
      this.offered = { draft, line };
      this.form.setAttribute("data-kept", "");
    } else this.fill(draft, line);
  }

  opened() {
    if (!this.offered || isTyped(this.form)) return;
    const { draft, line } = this.offered;
    this.fill(draft, line);
  }

  fill(draft, line) {
    this.offered = null;
    this.form.removeAttribute("data-kept");
    this.isFilling = true;
    for (const name of FIELDS) {
      const input = field(this.form, name);
      const value = draft.values[name] ?? "";
      if (!input || ["file", "hidden"].includes(input.type)) continue;
      if (input.matches?.("select")) {
        if ([...input.options].some((one) => one.value === value)) input.value = value;
      } else if (WORDS.includes(name) && (value || name !== "subject" || !isAnswer(this.form))) {
        input.value = value;
        input.dispatchEvent(new Event("input", { bubbles: true }));
        const more = value && input.closest("details.flex-outbound__more");
        if (more) more.open = true;
      }
    }
    this.isFilling = false;
    this.sent = null;
    this.isChoosing = this.choose(draft);
    if (draft.place === this.place) this.setVersion(draft.version);
    else this.moved = draft; // an answer whose conversation has ended is this composer's from now on
    if (!this.isChoosing) this.filled();
    this.say(line, draft.version);
  }

  /** Let the template of a draft be chosen again; tells whether it has one that is not there yet. */
  choose({ values }) {
    const sid = values.content_sid;
    if (!sid) {
      if (field(this.form, "content_sid")) this.form.dispatchEvent(new Event("flex-outbound:emptied", { bubbles: true }));
      return false;
    }
    const done = (isThere) => {
      if (!this.isChoosing || !isThere) return;
      this.isChoosing = false;
      this.filled();
    };
    // After this one, because the user may answer at once.
    setTimeout(() => this.form.dispatchEvent(new CustomEvent("flex-outbound:choose", { bubbles: true, detail: { sid, values, done } })));
    return true;
  }

  filled() {
    if (this.moved) this.save();
    else this.saved = this.typed;
  }

  // --- words ---

  /** Say one thing about the text; it stands until the next one is said. */
  say(line, version = "") {
    this.line = line;
    this.put("text", line, (words) => words.replace("{time}", timeOf(version)));
  }

  /** Show a line in one of the places of the form: `text`, `warning`, `colleagues`. */
  put(slot, line, wording = (words) => words) {
    const old = this.spot.querySelector(`[data-slot="${slot}"]`);
    const part = line ? partOf(line) : null;
    if (part) {
      const said = part.querySelector("[data-say]");
      said.textContent = wording(said.dataset.say);
      if (old?.dataset.line === line && old.querySelector("[data-say]").textContent === said.textContent) return;
      part.dataset.slot = slot;
      if (part.matches(".flex-writing__line--warn")) part.role = "alert";
      else part.ariaLive = "polite"; // not a status: the first one in an element is where the element speaks
      if (old) old.replaceWith(part);
      else this.spot.append(part);
    } else old?.remove();
  }

  act(what) {
    const { form, conflict } = this;
    if (what === "anyway") {
      this.put("warning", "");
      this.desk.accepted = this.desk.others;
      form.requestSubmit(this.submitter?.isConnected ? this.submitter : undefined);
    } else if (what === "wait") {
      this.put("warning", "");
      field(form, "body")?.focus();
    } else if (what === "mine") {
      this.conflict = null;
      this.setVersion(conflict?.version);
      this.saved = typedIn({});
      this.say("");
      this.save();
    } else if (what === "theirs") {
      this.conflict = null;
      this.fill(conflict, "updated");
    } else if (what === "discard") {
      this.conflict = null;
      this.moved = null;
      this.empty();
      this.discard();
      field(form, "body")?.focus();
    }
  }

  empty() {
    this.isFilling = true;
    this.isChoosing = false;
    if (field(this.form, "content_sid")) this.form.dispatchEvent(new Event("flex-outbound:emptied", { bubbles: true }));
    for (const name of WORDS) {
      const input = field(this.form, name);
      if (!input || input.type === "hidden") continue;
      input.value = input.defaultValue && isAnswer(this.form) && name === "subject" ? input.defaultValue : "";
      input.dispatchEvent(new Event("input", { bubbles: true }));
    }
    this.isFilling = false;
  }
}

function partOf(line) {
  const parts = document.querySelector("template[data-writing-parts]");
  return parts?.content.querySelector(`[data-line="${line}"]`)?.cloneNode(true) ?? null;
}

/** One contact's drafts and colleagues: the one request that all its forms share. */
class Desk {
  static all = new Map();

  static at(url, user) {
    const known = Desk.all.get(url);
    if (!known) Desk.all.set(url, new Desk(url, user));
    else if (!known.isOut) known.anew();
    return Desk.all.get(url);
  }

  /** Another form has come: ask again for all that is kept. */
  anew() {
    this.etag = undefined;
    this.soon(FIRST);
  }

  constructor(url, user) {
    Object.assign(this, { url, user, wait: POLL.busy, writes: 0, typedAt: Date.now(), writing: "", written: "" });
    this.soon(FIRST);
  }

  get forms() {
    return [...document.querySelectorAll("[data-writing]")].filter((spot) => spot.dataset.url === this.url).map((spot) => spot.closest("form"));
  }

  get texts() {
    return this.forms.map((form) => Text.of(form)).filter(Boolean);
  }

  touched() {
    this.typedAt = Date.now();
    if (this.wait > POLL.busy && !this.isOut) this.soon((this.wait = POLL.busy));
  }

  /** What was asked before something was saved tells nothing of it. */
  wrote() {
    this.writes += 1;
  }

  soon(ms) {
    clearTimeout(this.timer);
    if (!document.hidden || this.isOut) this.timer = setTimeout(() => this.poll(), ms);
  }

  async poll() {
    if (this.isAsking || this.isOther) return;
    if (!this.forms.length) return Desk.all.delete(this.url);
    this.isAsking = true;
    const { writes } = this;
    const answer = await ask(this.url, { etag: this.etag });
    this.isAsking = false;
    if (answer.kind === "out") return this.out();
    if (answer.kind === "done" && answer.data) this.took(answer, writes === this.writes);
    if (answer.kind === "refused") return;
    const isBusy = this.writing || this.texts.some((text) => isTyped(text.form)) || document.querySelector(".flex-outbound__composer[open]");
    const isIdle = Date.now() - this.typedAt > IDLE;
    this.wait = isIdle ? POLL.idle : isBusy ? POLL.busy : Math.min(this.wait * POLL.factor, POLL.last);
    this.soon(answer.wait ?? this.wait);
  }

  took({ data, etag }, isFresh) {
    if (data.user !== this.user) return this.other();
    const wasOut = this.isOut;
    this.isOut = false;
    if (data.token) this.token(data.token);
    Object.assign(this, { writing: data.writing, written: data.written });
    if (!this.others) this.accepted = "";
    this.showColleagues();
    if (wasOut) this.back();
    if (!isFresh) return;
    this.etag = etag;
    const kept = new Map(data.drafts.map((one) => [one.place, one]));
    for (const text of this.texts) text.met(kept.get(text.place) ?? null);
    for (const draft of data.drafts) if (!draft.is_open) this.offerElsewhere(draft, kept);
  }

  /** The conversation of an answer has ended: its text goes into the composer of its channel, if that is free. */
  offerElsewhere(draft, kept) {
    const text = this.texts.find((one) => one.place === draft.channel);
    if (!text || text.version || kept.has(draft.channel) || isTyped(text.form) || text.moved) return;
    if (this.texts.some((one) => one.place === draft.place)) return;
    text.offer(draft, "ended");
  }

  async drop(draft) {
    this.wrote();
    await ask(`${this.url}${draft.place}/?version=${encodeURIComponent(draft.version)}`, { method: "DELETE" });
    this.wrote();
  }

  showColleagues() {
    const line = document.querySelector(`[data-presence][data-url="${CSS.escape(this.url)}"]`);
    if (line && line.textContent !== this.writing) line.textContent = this.writing;
    if (line) line.hidden = !this.writing;
    for (const { spot, put } of this.texts.map((text) => ({ spot: text.spot, put: (name) => text.put("colleagues", name, () => this.writing) }))) {
      put(this.writing && !spot.querySelector("[data-slot=warning]") ? "writing" : "");
      // Said once, where the buttons are.
      if (line) spot.querySelector("[data-slot=colleagues]")?.removeAttribute("aria-live");
    }
  }

  // --- who is signed in ---

  out() {
    this.isOut = true;
    this.etag = undefined;
    for (const text of this.texts) if (isTyped(text.form)) text.say("signed_out");
    this.soon(POLL.out);
  }

  /** Signed in again as the same user. */
  back() {
    for (const text of this.texts) {
      if (text.line === "signed_out") text.say("");
      text.tries = 0;
      if (isTyped(text.form)) text.plan(0);
    }
  }

  /** Somebody else has signed in: what was typed is not theirs. */
  other() {
    this.isOther = true;
    clearTimeout(this.timer);
    for (const text of this.texts) {
      text.stop();
      text.empty();
      text.conflict = null;
      text.offered = null;
      text.setVersion("");
      for (const slot of ["warning", "colleagues"]) text.put(slot, "");
      text.say("other_user");
    }
    for (const bubbles of document.querySelectorAll("[data-pending]")) {
      bubbles.replaceChildren();
      bubbles.hidden = true;
    }
    for (const block of document.querySelectorAll("[data-unsent]")) {
      block.hidden = true;
      block.querySelector("[data-unsent-text]")?.replaceChildren();
    }
    const line = document.querySelector(`[data-presence][data-url="${CSS.escape(this.url)}"]`);
    const words = partOf("other_user")?.querySelector("[data-say]").dataset.say;
    if (line && words) Object.assign(line, { textContent: words, hidden: false });
  }

  async renew() {
    this.etag = undefined;
    const answer = await ask(this.url);
    if (answer.kind === "out") this.out();
    else if (answer.data) this.took(answer, false);
  }

  /** After signing in again, the page's tokens are those of the session before. */
  token(token) {
    const template = document.getElementById("flex-outbound-page");
    if (template) template.dataset.token = token;
    const fields = document.querySelectorAll(".flex-outbound input[name=csrfmiddlewaretoken], flex-timeline input[name=csrfmiddlewaretoken]");
    for (const one of fields) one.value = token;
  }

  /** Whom to ask about before something is sent; "" for nobody. */
  get others() {
    return this.written || this.writing;
  }
}

const textOf = (target) => Text.of(target?.closest?.("form"));
const texts = () => [...document.querySelectorAll("[data-writing]")].map((spot) => Text.of(spot.closest("form"))).filter(Boolean);

document.addEventListener("input", (event) => {
  const text = textOf(event.target);
  if (text && !text.isFilling) text.changed();
});

document.addEventListener("change", (event) => {
  const text = event.target.matches?.("select") ? textOf(event.target) : null;
  if (text && isTyped(text.form)) text.changed();
});

// Before the elements themselves take the form.
document.addEventListener(
  "submit",
  (event) => {
    const text = Text.of(event.target);
    if (!text) return;
    const { desk } = text;
    const isToAsk = desk.others && isTyped(text.form) && desk.others !== desk.accepted;
    if (isToAsk || desk.isOther) {
      event.preventDefault();
      event.stopImmediatePropagation();
      if (desk.isOther) return;
      text.submitter = event.submitter;
      const composer = text.form.querySelector("details.flex-outbound__composer");
      if (composer) composer.open = true;
      text.put("colleagues", "");
      text.put("warning", "warning", () => desk.others);
      text.spot.querySelector('[data-do="wait"]')?.focus();
      return;
    }
    text.put("warning", "");
    text.submitted();
  },
  { capture: true },
);

document.addEventListener("click", (event) => {
  const button = event.target.closest?.("[data-writing] [data-do]");
  if (button) textOf(button)?.act(button.dataset.do);
});

document.addEventListener("toggle", (event) => event.target.open && textOf(event.target)?.opened(), { capture: true });

for (const name of ["flex-outbound:update", "flex-outbound:said"]) {
  document.addEventListener(name, () => {
    for (const text of texts()) if (text.sent && !text.sent.confirmed) text.cleared();
  });
}

document.addEventListener("flex-outbound:error", (event) => {
  if (["lost", "busy"].includes(event.detail?.code)) return;
  for (const text of texts()) if (event.target.contains(text.form) && isTyped(text.form)) text.sent = null;
});

document.addEventListener("visibilitychange", () => {
  if (document.hidden) for (const text of texts()) text.save({ keepalive: true });
  else for (const desk of Desk.all.values()) desk.soon(0);
});

addEventListener("pagehide", () => {
  for (const text of texts()) text.save({ keepalive: true });
});

addEventListener("pageshow", (event) => {
  if (event.persisted) for (const desk of Desk.all.values()) desk.soon(0);
});

addEventListener("beforeunload", (event) => {
  if (texts().some((text) => text.isAtRisk)) event.preventDefault();
});

// Forms come and go: those of a conversation that has just begun are found here.
let looking;
const look = () => (looking ??= setTimeout(() => ((looking = undefined), texts()), FIRST));
new MutationObserver(look).observe(document.documentElement, { childList: true, subtree: true });
texts();
