/**
 * Whether a message can go now: asks after the page is shown, and keeps buttons, hints and forms up to date.
 *
 * It serves every <flex-outbound> with a [data-ready], and every form with a [data-window-box]. Such a form gets
 * `data-window` (open, closing, closed, unknown) and `data-window-until`; when that changes to or from closed, the bubbling
 * event `flex:window-closed` or `flex:window-open` is fired on it. The script of the templates listens to these.
 */

const SOON = [700, 1500, 3000, 5000]; // ms between questions while Twilio is being asked
const CALM = [10000, 15000, 20000, 30000]; // afterwards
const LOST = [5000, 15000, 60000];
const AGAIN = 4000; // ms for which an answer is new enough when a composer opens
const TIMEOUT = 15000;
const HOUR = 3600000;
const TICK = 15000;

const language = () => document.documentElement.lang || undefined;
const page = () => document.getElementById("flex-outbound-page")?.dataset ?? {};

/** How far the server's clock is ahead of this one, in ms. */
let ahead = 0;

/** Change text only where it differs: a live region repeats whatever is set again. */
function setText(element, text) {
  if (element && element.textContent !== text) element.textContent = text;
}

/** A moment in the reader's own time zone, which the server does not know. */
function clock(moment) {
  const date = new Date(moment ?? "");
  if (Number.isNaN(date.getTime())) return "";
  const isToday = date.toDateString() === new Date().toDateString();
  return isToday
    ? date.toLocaleTimeString(language(), { timeStyle: "short" })
    : date.toLocaleString(language(), { dateStyle: "medium", timeStyle: "short" });
}

/** Put the reader's clock in the place of the server's. */
function told(text, moment, asTold) {
  if (!asTold || !moment) return text;
  // The server leaves out the full stop of a sentence that ends in a time which has one.
  const whole = text.endsWith(asTold) ? `${text}.` : text;
  return ended(whole.replace(asTold, clock(moment)));
}

/** One full stop, where a sentence ends in a time that has one of its own. */
function ended(text) {
  return text.replace(/([^.])\.(\u2069?)\.$/u, "$1.$2");
}

// --- the window ---

const forms = () => [...document.querySelectorAll("[data-window-box]")].map((box) => box.closest("form")).filter(Boolean);

/** The pair of addresses that a form would use; a field that is not there has one value only. */
function chosen(form) {
  const rows = [...form.querySelectorAll("[data-windows] > li")];
  const address = form.elements.namedItem("address")?.value;
  const sender = form.elements.namedItem("sender")?.value;
  const fits = (row) => (!address || row.dataset.address === address) && (!sender || row.dataset.sender === sender);
  return rows.find(fits);
}

function stateOf(until) {
  const left = new Date(until ?? "").getTime() - Date.now() - ahead;
  if (Number.isNaN(left)) return "unknown";
  if (left <= 0) return "closed";
  return left <= HOUR ? "closing" : "open";
}

export function showWindow(form) {
  const box = form.querySelector("[data-window-box]");
  const row = chosen(form);
  const list = box.querySelector("[data-windows]");
  const line = box.querySelector("[data-window-text]");
  list.hidden = true;
  line.hidden = false;
  if (!row) return;
  const { until } = row.dataset;
  const state = stateOf(until);
  const before = form.dataset.window;
  form.dataset.window = state;
  form.dataset.windowUntil = until;
  box.dataset.state = state;
  setText(line, ended(box.dataset[state].replace("{until}", clock(until))));
  if (form.flexWindow === state) return;
  const wasClosed = form.flexWindow === "closed";
  form.flexWindow = state;
  if (state === "closed") fire(form, "flex:window-closed", before);
  else if (wasClosed) fire(form, "flex:window-open", before);
}

function fire(form, name, before) {
  form.dispatchEvent(new CustomEvent(name, { bubbles: true, detail: { until: form.dataset.windowUntil, before } }));
}

/** ms until a form's window closes, or begins to. */
function untilNext(form) {
  const left = new Date(form.dataset.windowUntil ?? "").getTime() - Date.now() - ahead;
  const next = left > HOUR ? left - HOUR : left;
  return next > 0 ? next + 50 : TICK;
}

let timer;

/** Show all windows, and again when the next one changes. */
function showWindows() {
  clearTimeout(timer);
  const all = forms();
  if (!all.length) return;
  for (const form of all) showWindow(form);
  timer = setTimeout(showWindows, Math.min(TICK, ...all.map(untilNext)));
}

/** Take over what the server says of windows: new rows for a composer, news for the row of an answer. */
function takeWindows(element, channel) {
  const form = element.querySelector(`form[data-open][data-channel="${CSS.escape(channel.channel)}"]`);
  const list = form?.querySelector("[data-windows]");
  if (list) list.replaceChildren(...channel.windows.map(rowOf));
  for (const row of document.querySelectorAll("form[data-answer] [data-windows] > li")) {
    const news = channel.windows.find((one) => one.address === row.dataset.address && String(one.sender) === row.dataset.sender);
    if (news?.until) row.dataset.until = news.until;
  }
}

function rowOf({ address, sender, state, until, text }) {
  const row = document.createElement("li");
  Object.assign(row.dataset, { address, sender, state, until: until ?? "" });
  row.textContent = text;
  return row;
}

// --- the agent ---

/**
 * A line with one more channel. It says what helps all of its channels: of two remedies the longer one begins with the
 * other. The buttons and the composers have their own.
 */
function withChannel(channel, { labels = [], remedy = channel.remedy } = {}) {
  return { labels: [...labels, channel.label], remedy: channel.remedy.length < remedy.length ? channel.remedy : remedy };
}

/** Asks for one contact, while its page is looked at. */
class Watch {
  static all = new Map();

  constructor(element) {
    this.element = element;
    this.line = element.querySelector("[data-ready]");
    this.asked = 0;
    this.step = 0;
    this.misses = 0;
    Watch.all.set(element, this);
    this.ask();
  }

  plan(ms) {
    clearTimeout(this.timer);
    if (!this.element.isConnected) return Watch.all.delete(this.element);
    if (!document.hidden) this.timer = setTimeout(() => this.ask(), ms);
  }

  /** Ask now, unless that was done a moment ago. */
  hasten() {
    this.step = 0;
    this.plan(Math.max(0, this.asked + AGAIN - Date.now()));
  }

  async ask() {
    if (this.isAsking) return;
    this.isAsking = true;
    this.asked = Date.now();
    const answer = await this.fetched();
    this.isAsking = false;
    if (answer === null) return this.plan(LOST[Math.min(this.misses++, LOST.length - 1)]);
    if (answer === false) return Watch.all.delete(this.element); // signed out, or the contact is gone
    this.misses = 0;
    if (answer.data) this.take(answer.data);
    const soon = this.isOpen ? SOON : [];
    this.plan(soon[this.step] ?? CALM[Math.min(this.step - soon.length, CALM.length - 1)]);
    this.step += 1;
  }

  /** {data}, without data where nothing has changed; null where no answer came, false where none will. */
  async fetched() {
    const headers = { Accept: "application/json", ...(this.etag && { "If-None-Match": this.etag }) };
    if (page().language) headers["Accept-Language"] = page().language;
    try {
      const response = await fetch(this.line.dataset.url, {
        headers,
        credentials: "same-origin",
        cache: "no-store",
        signal: AbortSignal.timeout(TIMEOUT),
      });
      const moment = Date.parse(response.headers.get("Date") ?? "");
      // The header has whole seconds: only a clock that is wrong is corrected.
      if (moment) ahead = Math.abs(moment - Date.now()) > 5000 ? moment - Date.now() : 0;
      if (response.status === 304) return {};
      if (response.status === 429 || response.status >= 500) return null;
      if (!response.ok || !(response.headers.get("Content-Type") ?? "").includes("json")) return false;
      this.etag = response.headers.get("ETag");
      return { data: await response.json() };
    } catch {
      return null;
    }
  }

  take({ channels }) {
    this.isOpen = false;
    const lines = new Map();
    let usual = "";
    for (const channel of channels) {
      takeWindows(this.element, channel);
      const { presence } = channel;
      const button = this.button(channel.channel);
      if (!presence || !button) continue;
      const text = told(presence.text, presence.since, presence.since_text);
      const isUnready = !channel.enabled && ["offline", "full"].includes(presence.state);
      if (!presence.is_certain) this.isOpen = true;
      this.mark(button, isUnready ? [text, channel.remedy].join(" ") : "");
      if (isUnready) lines.set(text, withChannel(channel, lines.get(text)));
      else usual = presence.is_certain ? usual || text : text;
    }
    this.say(lines, usual);
    showWindows();
  }

  /** Say it once where it is the same for all channels. */
  say(lines, usual) {
    const buttons = this.element.querySelectorAll("form[data-open] button[name=channel]:not([data-unready])");
    const all = [...lines].map(([text, { labels, remedy }]) => {
      const words = [text, remedy].filter(Boolean).join(" ");
      return buttons.length || lines.size > 1 ? `${labels.join(", ")}: ${words}` : words;
    });
    this.line.toggleAttribute("data-unready", lines.size > 0);
    setText(this.line.querySelector("[data-ready-text]"), all.join(" ") || usual);
  }

  button(channel) {
    return this.element.querySelector(`form[data-open][data-channel="${CSS.escape(channel)}"] button[type=submit][name=channel]`);
  }

  /** Let a button say why it cannot be used. It keeps the focus, and its form what was typed. */
  mark(button, why) {
    const isMarked = button.hasAttribute("data-unready");
    if (why) {
      if (!isMarked) button.dataset.title = button.title;
      button.title = why;
    } else if (isMarked) {
      button.title = button.dataset.title ?? "";
      delete button.dataset.title;
    }
    button.toggleAttribute("data-unready", Boolean(why));
    // The open composer covers the line below the buttons.
    const hint = button.form?.querySelector("[data-ready-hint]");
    setText(hint, why);
    if (hint) hint.hidden = !why;
    for (const send of button.form?.querySelectorAll(".flex-outbound__primary:not([data-replies-insert])") ?? []) {
      if (why) send.setAttribute("aria-disabled", "true");
      else send.removeAttribute("aria-disabled");
    }
    if (why) button.setAttribute("aria-disabled", "true");
    else if (isMarked && !button.hasAttribute("data-busy")) button.removeAttribute("aria-disabled");
    if (why) button.setAttribute("aria-describedby", this.line.id);
    else if (isMarked) button.removeAttribute("aria-describedby");
  }
}

function watch() {
  for (const line of document.querySelectorAll("flex-outbound [data-ready][data-url]")) {
    const element = line.closest("flex-outbound");
    line.id ||= `flex-ready-${Math.random().toString(36).slice(2)}`;
    if (!Watch.all.has(element)) new Watch(element);
  }
}

/** A channel that cannot be used sends nothing: it says why once more, and asks whether that is still so. */
function submitted(event) {
  const form = event.target.closest?.("form[data-open]");
  const element = form?.closest("flex-outbound");
  // What opens only when the customer answers needs no room in Flex yet.
  if (event.submitter?.name === "opens_on_answer") return;
  const button = element && form.querySelector("button[name=channel][data-unready]");
  if (!button) return;
  event.preventDefault();
  event.stopPropagation();
  const watched = Watch.all.get(element);
  const region = element.querySelector("[role=status]");
  if (region) {
    region.hidden = false;
    setText(region, button.title);
    element.dataset.state = "idle";
  }
  watched?.hasten();
}

// On the way down, before <flex-outbound> itself.
document.addEventListener("submit", submitted, { capture: true });
document.addEventListener("change", ({ target }) => {
  if (target.matches?.("select[name=address], select[name=sender]") && target.form?.querySelector("[data-window-box]")) showWindow(target.form);
});
document.addEventListener(
  "toggle",
  ({ target }) => {
    if (!target.open || !target.matches?.(".flex-outbound__composer")) return;
    Watch.all.get(target.closest("flex-outbound"))?.hasten();
    showWindows();
  },
  { capture: true },
);
document.addEventListener("reset", () => setTimeout(showWindows)); // the fields have their first values after the event
// An interaction that moves changes the agent's room.
document.addEventListener("flex-outbound:update", () => Watch.all.forEach((one) => one.hasten()));
// What the customer writes opens the window.
document.addEventListener("flex-outbound:read", () => Watch.all.forEach((one) => one.hasten()));
document.addEventListener("visibilitychange", () => {
  if (document.hidden) return;
  for (const one of Watch.all.values()) one.hasten();
  watch();
  showWindows();
});
window.addEventListener("pageshow", () => {
  watch();
  showWindows();
});
// Pages replace parts of themselves: answer forms, or the whole content with htmx or Turbo.
new MutationObserver((changes) => {
  if (!changes.some((one) => one.addedNodes.length)) return;
  watch();
  if (forms().some((form) => !form.flexWindow)) showWindows();
}).observe(document.documentElement, { childList: true, subtree: true });
watch();
showWindows();
