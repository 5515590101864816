/**
 * <flex-unread> and <flex-inbox>, and the dots of lists: what is unread, live.
 *
 * One poll per page brings all of it, and the tabs of one browser poll together: each tells the others what it heard.
 * The polls become rare while nobody looks or nobody does anything. Another script that marks a conversation as read
 * dispatches `flex-outbound:read` on the document; then the page is brought up to date at once.
 */

const PACE = { first: 1000, busy: 5000, idle: 30000, hidden: 60000, growth: 1.4, away: 60000, lost: 120000 }; // ms
const TIMEOUT = 15000;
const MOST_SHOWN = 99;

/** What the elements of a page share: addresses, the CSRF token and the name of its header, the language. */
const page = () => document.getElementById("flex-outbound-page")?.dataset ?? {};

/** The texts are in the page, so that Django translates them. */
function words(key, values = {}) {
  const list = document.getElementById("flex-outbound-words");
  const text = list?.content.querySelector(`[data-word="${key}"]`)?.textContent ?? key;
  return text.replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);
}

/** Change text only where it differs: a live region repeats whatever is set again. */
function setText(element, text) {
  if (element && element.textContent !== text) element.textContent = text;
}

function headers(more) {
  const { language } = page();
  return { Accept: "application/json", ...(language && { "Accept-Language": language }), ...more };
}

/** Ask for JSON. Resolves to {status, data, etag, wait}; status is 0 where no answer came. */
async function ask(url, options = {}) {
  try {
    const response = await fetch(url, {
      credentials: "same-origin",
      cache: "no-store",
      redirect: "error", // to the sign-in page
      signal: AbortSignal.timeout(TIMEOUT),
      ...options,
    });
    const isJson = (response.headers.get("Content-Type") ?? "").includes("json");
    return {
      status: response.status,
      data: isJson && response.ok ? await response.json() : null,
      etag: response.headers.get("ETag"),
      wait: Number(response.headers.get("Retry-After")) || 0,
    };
  } catch {
    return { status: 0 };
  }
}

/** A moment in the reader's own time zone, which the server cannot know. */
function inWords(moment) {
  const date = new Date(moment);
  const language = document.documentElement.lang || undefined;
  const isToday = date.toDateString() === new Date().toDateString();
  const style = isToday ? { timeStyle: "short" } : { dateStyle: "medium", timeStyle: "short" };
  return isToday ? date.toLocaleTimeString(language, style) : date.toLocaleString(language, style);
}

function setTime(element, moment) {
  if (Number.isNaN(new Date(moment ?? "").getTime())) return;
  element.dateTime = new Date(moment).toISOString();
  setText(element, inWords(moment));
}

const nameOf = (conversation) => conversation.contacts[0]?.name || conversation.customer_name;

/** The poll of a page. Whoever listens to `flex-outbound:unread` on the document gets what it brings. */
class Poll {
  news = null; // the last answer
  etag = null;
  known = null; // unread messages by conversation, to tell what is new
  misses = 0;
  quiet = 0; // polls since somebody last did something

  start(owner) {
    if (this.started || !page().unreadUrl) return;
    this.started = true;
    this.listen(owner);
    this.arm(PACE.first);
  }

  listen(owner) {
    document.addEventListener("visibilitychange", () => this.looked());
    document.addEventListener("flex-outbound:read", () => this.poll());
    window.addEventListener("pageshow", (event) => event.persisted && this.looked());
    for (const name of ["pointerdown", "keydown"]) {
      document.addEventListener(name, () => this.acted(), { passive: true, capture: true });
    }
    if (!("BroadcastChannel" in window) || !owner) return;
    this.channel = new BroadcastChannel(`flex-outbound-inbox-${page().unreadUrl}-${owner}`);
    this.channel.addEventListener("message", ({ data }) => this.overheard(data));
  }

  /** ms until the next poll: soon while somebody is at work here, ever later while nobody is. */
  get delay() {
    const most = document.hidden ? PACE.hidden : PACE.idle;
    const isAway = document.hidden || Date.now() - this.lastAct > PACE.away;
    if (!isAway) return PACE.busy;
    this.quiet += 1;
    return Math.min(PACE.busy * PACE.growth ** this.quiet, most);
  }

  lastAct = Date.now();

  acted() {
    this.lastAct = Date.now();
    this.quiet = 0;
    if (this.due - Date.now() > PACE.busy) this.arm(PACE.busy);
  }

  looked() {
    if (document.hidden) return;
    this.acted();
    if (!this.stopped && this.heardAt && Date.now() - this.heardAt > PACE.busy) this.poll();
  }

  arm(ms) {
    clearTimeout(this.timer);
    this.due = Date.now() + ms;
    if (!this.stopped) this.timer = setTimeout(() => this.poll(), ms);
  }

  async poll() {
    if (this.stopped || !this.started) return;
    if (this.polling) {
      this.again = true;
      return;
    }
    clearTimeout(this.timer);
    this.polling = true;
    const answer = await ask(page().unreadUrl, { headers: headers(this.etag && { "If-None-Match": this.etag }) });
    this.polling = false;
    this.understand(answer);
    if (this.again) {
      this.again = false;
      this.poll();
    }
  }

  understand({ status, data, etag, wait }) {
    if (data || status === 304) {
      this.misses = 0;
      this.channel?.postMessage({ etag: etag ?? this.etag, data });
      if (data) this.take(data, etag, { isOwn: true });
      this.heardAt = Date.now();
      return this.arm(this.delay);
    }
    // Signed out, or no longer there: only a new page helps.
    if (status && status < 500 && status !== 429) return this.stop();
    this.misses += 1;
    this.arm(Math.max(wait * 1000, Math.min(PACE.busy * 2 ** this.misses, PACE.lost)));
  }

  stop() {
    this.stopped = true;
    clearTimeout(this.timer);
  }

  /** Another tab has polled: this one need not. */
  overheard({ etag, data }) {
    if (this.stopped || (!data && etag !== this.etag)) return;
    if (data) this.take(data, etag, { isOwn: false });
    this.heardAt = Date.now();
    // Later than the tab that has polled, which so stays the one that does.
    this.arm(this.delay + PACE.first * (0.5 + Math.random()));
  }

  take(data, etag, { isOwn }) {
    const known = this.known;
    Object.assign(this, { news: data, etag, known: new Map(data.results.map((one) => [one.conversation_sid, one.unread])) });
    showLines(data);
    document.dispatchEvent(new CustomEvent("flex-outbound:unread", { detail: data }));
    if (isOwn && known) notify(data.results.filter((one) => one.unread > (known.get(one.conversation_sid) ?? 0)));
  }
}

const poll = new Poll();

/** The dots of a list: by the links of the buttons, which name the contact. */
function showLines({ results }) {
  const bySid = new Map(results.map((one) => [one.conversation_sid, one]));
  const byContact = new Map();
  for (const one of [...results].reverse()) {
    for (const { contact_type, contact_id } of one.contacts) byContact.set(`${contact_type} ${contact_id}`, one);
  }
  for (const element of document.querySelectorAll(".flex-outbound--compact")) {
    const line = element.querySelector("[data-unread-line]");
    const found = byContact.get(contactOf(element)) ?? bySid.get(line?.dataset.unreadLine);
    if (found) showLine(element, line, found);
    else line?.remove();
  }
}

function contactOf(element) {
  const link = element.querySelector("a[data-channel][href]");
  if (!link) return null;
  const url = new URL(link.href); // …/compose/<contact type>/<channel>/?id=<contact id>
  return `${url.pathname.split("/").at(-3)} ${url.searchParams.get("id")}`;
}

function showLine(element, known, { conversation_sid, last_text }) {
  const line = known ?? document.getElementById("flex-outbound-unread")?.content.firstElementChild.cloneNode(true);
  if (!line) return;
  line.dataset.unreadLine = conversation_sid;
  setText(line.querySelector("[data-unread-text]"), last_text || words("new_message"));
  if (!known) element.append(line);
}

/** Tell the agent, who has allowed it and looks elsewhere. Where texts are not kept there is none to show. */
function notify(conversations) {
  const isWatched = !document.hidden && document.hasFocus();
  if (isWatched || !("Notification" in window) || Notification.permission !== "granted") return;
  for (const one of conversations) {
    const body = one.last_party === "customer" ? one.last_text : "";
    try {
      const shown = new Notification(words("message_from", { name: nameOf(one) }), { body, tag: one.conversation_sid });
      shown.addEventListener("click", () => {
        shown.close();
        window.focus();
        const target = one.url ?? document.querySelector(".flex-unread__link")?.href;
        if (target) window.location.assign(target);
      });
    } catch {
      return; // browsers of telephones want a service worker for it
    }
  }
}

/** Put the count before the title, which the project may have changed since. */
function showTitle(count) {
  const title = document.title.replace(/^\(\d+\+?\) /, "");
  const text = count ? `(${shortened(count)}) ${title}` : title;
  if (document.title !== text) document.title = text;
}

const shortened = (count) => (count > MOST_SHOWN ? `${MOST_SHOWN}+` : String(count));

/** What both elements share: they follow the poll while they are in the page. */
class FollowingElement extends HTMLElement {
  connectedCallback() {
    this.stops = new AbortController();
    const { signal } = this.stops;
    document.addEventListener("flex-outbound:unread", (event) => this.show(event.detail), { signal });
    if (poll.news) this.show(poll.news);
    poll.start(this.dataset.owner);
  }

  disconnectedCallback() {
    this.stops.abort();
  }
}

/** The badge. `data-count` is what the server counted, then what the poll did. */
export class FlexUnreadElement extends FollowingElement {
  connectedCallback() {
    super.connectedCallback();
    if (!poll.news) showTitle(Number(this.dataset.count));
  }

  show({ unread }) {
    const badge = this.querySelector("[data-unread-count]");
    this.dataset.count = unread;
    badge.hidden = !unread;
    setText(badge, shortened(unread));
    const key = unread === 1 ? "unread_one" : "unread_many";
    setText(this.querySelector("[data-unread-words]"), unread ? words(key, { number: unread }) : "");
    showTitle(unread);
  }
}

/** The list of conversations: its first page is kept up to date, the others only lose their counts. */
export class FlexInboxElement extends FollowingElement {
  connectedCallback() {
    super.connectedCallback();
    const { signal } = this.stops;
    for (const time of this.querySelectorAll("time[data-when]")) setTime(time, time.dateTime);
    this.addEventListener("submit", (event) => this.submitted(event), { signal, capture: true });
    this.offer();
  }

  /** Ask for permission to notify only when the agent presses the button. */
  offer() {
    const button = this.querySelector("[data-notify]");
    if (!("Notification" in window) || !window.isSecureContext) return;
    button.hidden = Notification.permission !== "default";
    button.addEventListener("click", async () => {
      const given = await Notification.requestPermission();
      button.hidden = given !== "default";
      if (given !== "default") this.say(given === "granted" ? "notifying" : "not_notifying");
    }, { signal: this.stops.signal });
  }

  /** Say one of the inbox's own texts; "" for nothing. */
  say(key) {
    const said = this.querySelector("template[data-words]").content.querySelector(`[data-word="${key}"]`);
    setText(this.querySelector("[data-said]"), said?.textContent ?? "");
  }

  async show(news) {
    showTitle(news.unread);
    if (this.dataset.page !== "1") return this.recount(news);
    const url = new URL(this.dataset.url, document.baseURI);
    url.searchParams.set("page_size", this.dataset.size);
    if (this.hasAttribute("data-unread-only")) url.searchParams.set("unread", "true");
    this.asked = poll.etag;
    const { data } = await ask(url, { headers: headers() });
    if (data && this.asked === poll.etag) this.list(data.results);
  }

  recount({ results }) {
    const unread = new Map(results.map((one) => [one.conversation_sid, one]));
    for (const row of this.rows.children) {
      const one = unread.get(row.dataset.row);
      if (one) fill(row, one);
      else setCount(row, 0);
    }
  }

  get rows() {
    return this.querySelector("[data-rows]");
  }

  /** Show these conversations; a row that stays is changed and not replaced, so that it keeps the focus. */
  list(conversations) {
    const focused = this.rows.contains(document.activeElement) ? document.activeElement : null;
    const known = new Map([...this.rows.children].map((row) => [row.dataset.row, row]));
    const wanted = conversations.map((one) => fill(known.get(one.conversation_sid) ?? this.blank(), one));
    for (const row of known.values()) if (!wanted.includes(row)) row.remove();
    wanted.forEach((row, at) => {
      if (this.rows.children[at] !== row) this.rows.insertBefore(row, this.rows.children[at] ?? null);
    });
    this.querySelector("[data-empty]").hidden = wanted.length > 0;
    // A row that moves loses the focus.
    if (focused?.isConnected && document.activeElement !== focused) focused.focus({ preventScroll: true });
  }

  blank() {
    return this.querySelector("template[data-blank]").content.firstElementChild.cloneNode(true);
  }

  async submitted(event) {
    const form = event.target.closest("form[data-read]");
    if (!form) return;
    event.preventDefault();
    event.stopPropagation();
    const token = form.elements.namedItem("csrfmiddlewaretoken")?.value || page().token;
    const inbound = Number(form.elements.namedItem("inbound").value);
    const { status } = await ask(form.dataset.url, {
      method: "POST",
      headers: headers({ "Content-Type": "application/json", [page().header || "X-CSRFToken"]: token }),
      body: JSON.stringify({ inbound }),
    });
    if (status !== 200) return this.say("not_marked");
    this.say("");
    if (form.contains(document.activeElement)) form.closest("[data-row]").querySelector("[data-who]").focus();
    document.dispatchEvent(new CustomEvent("flex-outbound:read"));
  }
}

function setCount(row, unread) {
  row.toggleAttribute("data-unread", unread > 0);
  row.querySelector("[data-count]").hidden = !unread;
  setText(row.querySelector("[data-number]"), String(unread));
  row.querySelector("[data-read]").hidden = !unread;
}

function fill(row, one) {
  row.dataset.row = one.conversation_sid;
  for (const part of row.querySelectorAll("[data-who] bdi, [data-who-again]")) setText(part, nameOf(one));
  const link = row.querySelector("[data-who]");
  if (one.url) link.href = one.url;
  else link.removeAttribute("href");
  for (const icon of row.querySelectorAll("[data-only]")) if (icon.dataset.only !== one.channel) icon.remove();
  setTime(row.querySelector("[data-when]"), one.last_at);
  setText(row.querySelector("[data-text]"), one.last_text);
  row.querySelector("[data-own]").hidden = one.last_party !== "agent";
  row.querySelector("[data-no-text]").hidden = Boolean(one.last_text) || !one.last_party;
  row.querySelector("[data-none]").hidden = Boolean(one.last_party);
  row.querySelector("[data-inactive]").hidden = one.state !== "inactive";
  row.querySelector("[data-asked]").hidden = !one.asked_by;
  setText(row.querySelector("[data-asked-by]"), one.asked_by ?? "");
  const form = row.querySelector("[data-read]");
  form.dataset.url = one.read_url;
  form.elements.namedItem("inbound").value = one.inbound;
  setCount(row, one.unread);
  return row;
}

if (!customElements.get("flex-unread")) {
  customElements.define("flex-unread", FlexUnreadElement);
  customElements.define("flex-inbox", FlexInboxElement);
  if (document.querySelector(".flex-outbound--compact")) poll.start("");
  // Times of pages that no element follows: in the reader's time zone, as everywhere else.
  for (const time of document.querySelectorAll("time[data-moment]")) setTime(time, time.dateTime);
}
