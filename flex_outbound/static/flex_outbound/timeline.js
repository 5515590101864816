/**
 * <flex-conversation>: keep the messages of a contact up to date, within <flex-timeline>.
 *
 * The server renders every entry; this asks for the newest ones (one request with an ETag, mostly answered 304), for
 * older ones when somebody wants them, and puts them in their place. Nothing is built from data but lines with a date.
 * Conversations that were seen are told to the server; `flex-outbound:read` bubbles then (detail.conversation_sid).
 */

const QUICK = 2000; // ms between questions while something happens
const LAZY = { factor: 1.3, last: 15000, hidden: 60000 }; // afterwards, and while nobody looks
const TIMEOUT = 15000;
const GROUP = 600000; // ms: messages of one author within this time are one group
const NEAR = 80; // px from the end that count as its end

const page = () => document.getElementById("flex-outbound-page")?.dataset ?? {};
const language = () => document.documentElement.lang || undefined;

function words(key) {
  const list = document.getElementById("flex-outbound-words");
  return list?.content.querySelector(`[data-word="${key}"]`)?.textContent ?? key;
}

/** Ask for entries. XMLHttpRequest parses markup without running scripts, and no policy has to allow it. */
function load(url, etag) {
  return new Promise((resolve) => {
    const request = new XMLHttpRequest();
    request.open("GET", url);
    request.responseType = "document";
    // A 304 has no type. As XML it would be an error, which Chromium words in a document with inline styles.
    request.overrideMimeType("text/html");
    request.timeout = TIMEOUT;
    if (page().language) request.setRequestHeader("Accept-Language", page().language);
    if (etag) request.setRequestHeader("If-None-Match", etag);
    request.onload = () => {
      // An answer without a body is no document: browsers would make one, of an error with inline style.
      const entries = request.status === 200 ? request.responseXML?.querySelector("[data-entries]") ?? null : null;
      resolve({ status: request.status, entries, etag: request.getResponseHeader("ETag") });
    };
    request.onerror = request.ontimeout = request.onabort = () => resolve({ status: 0, entries: null });
    request.send();
  });
}

const dayOf = (moment) => new Date(moment).toDateString();

/** Whether somebody has changed a field that holds what is kept. */
function isTyped(field) {
  if (field.matches("select")) return [...field.options].some((one) => one.selected !== one.defaultSelected);
  return field.value !== field.defaultValue;
}

/** A day in the reader's words and time zone. */
function dayInWords(moment) {
  const date = new Date(moment);
  const today = new Date();
  const yesterday = new Date(today.getFullYear(), today.getMonth(), today.getDate() - 1);
  if (dayOf(date) === dayOf(today)) return words("today");
  if (dayOf(date) === dayOf(yesterday)) return words("yesterday");
  return date.toLocaleDateString(language(), { dateStyle: "full" });
}

function dayLine(moment) {
  const line = document.createElement("li");
  const time = document.createElement("time");
  line.className = "flex-timeline__day";
  line.dataset.day = "";
  time.textContent = dayInWords(moment);
  line.append(time);
  return line;
}

export class FlexConversationElement extends HTMLElement {
  connectedCallback() {
    this.stops = new AbortController();
    this.wait = QUICK;
    const { signal } = this.stops;
    this.addEventListener("click", (event) => this.clicked(event), { signal });
    this.addEventListener("pointerdown", () => this.pressed(), { signal });
    this.addEventListener("error", (event) => this.broken(event.target), { signal, capture: true });
    this.scroller.addEventListener("scroll", () => this.scrolled(), { signal, passive: true });
    document.addEventListener("visibilitychange", () => this.woken(), { signal });
    addEventListener("focus", () => this.seen(), { signal });
    document.addEventListener("flex-outbound:update", (event) => this.happened(event), { signal });
    document.addEventListener("flex-outbound:said", () => this.soon(0), { signal });
    this.watcher = new IntersectionObserver((found) => this.looked(found));
    this.arrange();
    if (this.hasAttribute("data-newest")) this.soon(QUICK / 4);
  }

  disconnectedCallback() {
    this.stops.abort();
    this.watcher.disconnect();
    clearTimeout(this.timer);
  }

  get scroller() {
    return this.querySelector("[data-scroll]");
  }

  get rows() {
    return this.querySelector("[data-rows]");
  }

  get entries() {
    return [...this.rows.querySelectorAll(":scope > [data-entry]")];
  }

  /** The end is at 0: the track grows upwards, so that older entries move nothing. */
  get isAtEnd() {
    return Math.abs(this.scroller.scrollTop) < NEAR;
  }

  soon(ms) {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.poll(), ms);
  }

  async poll() {
    if (!this.hasAttribute("data-newest") || this.isAsking) return;
    this.isAsking = true;
    const answer = await load(this.dataset.liveUrl, this.etag);
    if (answer.entries) await this.released;
    this.isAsking = false;
    if (!this.isConnected) return;
    if (answer.status === 200 && answer.entries) {
      // The first answer to a page says what the page says already.
      const isFirst = !this.etag;
      this.etag = answer.etag;
      this.merge(answer.entries);
      this.wait = isFirst ? this.wait : QUICK;
    } else if (answer.status !== 304 && answer.status !== 0 && answer.status < 500 && answer.status !== 429) {
      return; // signed out, or the contact is gone: the next page says so
    }
    this.wait = document.hidden ? LAZY.hidden : Math.min(this.wait * LAZY.factor, LAZY.last);
    this.soon(this.wait);
  }

  /** A button that is replaced while the pointer presses it gets no click: nothing is shown until it is released. */
  pressed() {
    const press = new AbortController();
    this.released = new Promise((resolve) => {
      const release = () => {
        press.abort();
        setTimeout(resolve); // the click comes after this event
      };
      for (const name of ["pointerup", "pointercancel"]) document.addEventListener(name, release, { signal: press.signal });
    });
  }

  woken() {
    if (document.hidden) return;
    this.wait = QUICK;
    this.soon(0);
    this.seen();
  }

  /** A click or its outcome changes what is shown; what the server says of it is asked for at once. */
  happened(event) {
    const { contact_type: type, contact_id: id } = event.detail.interaction ?? {};
    const { contactType, contactId } = this.closest("flex-timeline")?.dataset ?? {};
    if (type !== contactType || String(id) !== contactId || !this.hasAttribute("data-newest")) return;
    this.decide(this.rows.querySelector(`[data-id="${CSS.escape(event.detail.interaction.id)}"]`));
    this.arrange();
    this.wait = QUICK;
    this.soon(300);
  }

  decide(row) {
    if (row && !row.dataset.key) row.dataset.key = row.dataset.id;
  }

  /** Put the newest entries of the server in the place of those that are shown; older ones stay above. */
  merge(fetched) {
    const atEnd = this.isAtEnd;
    const known = new Map(this.entries.map((one) => [one.dataset.key, one]));
    const fresh = [...fetched.querySelectorAll("[data-entry]")];
    const names = new Set(fresh.map((one) => one.dataset.key));
    const overlap = [...known.values()].find((one) => names.has(one.dataset.key)) ?? null;
    if (!overlap) this.replacePages(fetched);
    let place = overlap ?? this.entries[0] ?? null;
    const added = [];
    for (const one of fresh) {
      const old = known.get(one.dataset.key);
      const node = old && this.isSame(old, one) ? old : this.adopt(one);
      if (!old) added.push(node);
      if (node === place) {
        place = this.next(place);
        continue;
      }
      if (old === place) place = this.next(place);
      if (old && old !== node) {
        this.keepOpen(old, node);
        this.warn(old, node);
        old.replaceWith(node);
      }
      this.rows.insertBefore(node, place);
    }
    while (place) {
      const next = this.next(place);
      place.remove();
      place = next;
    }
    this.querySelector("[data-own]").replaceWith(document.importNode(fetched.querySelector("[data-own]"), true));
    const empty = this.closest("flex-timeline")?.querySelector("[data-empty]");
    if (empty && fresh.length) empty.hidden = true;
    this.arrange();
    this.tell(added, atEnd);
  }

  next(entry) {
    let found = entry.nextElementSibling;
    while (found && !found.matches("[data-entry]")) found = found.nextElementSibling;
    return found;
  }

  /** An entry in which somebody types stays as it is until they have finished. */
  isSame(old, fresh) {
    const isTypedIn = [...old.querySelectorAll("[data-typed] [data-value]")].some(isTyped);
    return old.dataset.version === fresh.dataset.version || isTypedIn || old.contains(document.activeElement);
  }

  keepOpen(old, fresh) {
    const before = [...old.querySelectorAll("details")];
    [...fresh.querySelectorAll("details")].forEach((one, number) => {
      one.open ||= before[number]?.open ?? false;
    });
    const text = old.querySelector("[data-text-shown]");
    if (text) fresh.querySelector("[data-text-place]")?.replaceWith(text);
  }

  /** What was lost is announced, unless the buttons follow it and say so. */
  warn(old, fresh) {
    const { id, phase, status } = fresh.dataset;
    if (phase !== "undelivered" || ["", phase].includes(old.dataset.phase ?? "")) return;
    if ([...document.querySelectorAll("flex-outbound")].some((one) => one.current === id)) return;
    const parts = [".flex-timeline__status", ".flex-outbound__error"].map((name) => fresh.querySelector(name)?.textContent);
    this.closest("flex-timeline")?.say?.(parts.join(": "), status, phase);
  }

  adopt(entry) {
    const node = document.importNode(entry, true);
    this.closest("flex-timeline")?.adopt?.(node);
    return node;
  }

  replacePages(fetched) {
    for (const one of this.entries) one.remove();
    this.querySelector("[data-pages]")?.remove();
    const pages = fetched.querySelector("[data-pages]");
    if (pages) this.rows.before(document.importNode(pages, true));
  }

  /** Days, conversations and groups begin where they begin in what is shown, in the reader's time zone. */
  arrange() {
    for (const line of this.rows.querySelectorAll("[data-day]")) line.remove();
    let day;
    let conversation;
    let opened = null;
    let last = null;
    for (const one of this.entries) {
      const { at, who, conversation: sid } = one.dataset;
      const isNewDay = Boolean(at) && dayOf(at) !== day;
      if (isNewDay) {
        one.before(dayLine(at));
        day = dayOf(at);
      }
      const mark = one.querySelector("[data-mark]");
      if (!mark) {
        last = null;
        opened = sid;
        continue;
      }
      const isNew = sid !== conversation || sid === "";
      // The line above says so, where it is the line of what opened it.
      mark.hidden = !isNew || (sid === opened && !mark.querySelector(".flex-message__kin"));
      opened = null;
      one.toggleAttribute("data-follows", !isNew && !isNewDay && last?.who === who && Date.parse(at) - last.at < GROUP);
      conversation = sid;
      last = { who, at: Date.parse(at) };
    }
    this.watch();
  }

  /** Watch for the customer's newest message to come into sight: then it is read. */
  watch() {
    const newest = this.entries.findLast((one) => one.dataset.direction === "in") ?? null;
    if (newest === this.watched) return;
    this.watcher.disconnect();
    this.isInView = false;
    this.watched = newest;
    if (newest) this.watcher.observe(newest);
  }

  /** What came while somebody reads above is announced by a button; else it is simply there. */
  tell(added, wasAtEnd) {
    const said = added.filter((one) => one.matches("[data-direction=in]"));
    if (wasAtEnd) this.toEnd();
    else if (said.length) this.querySelector("[data-jump]").hidden = false;
    const line = this.querySelector("[data-announce]");
    const newest = said.at(-1);
    if (newest && this.etag && this.hasLoaded) line.textContent = newest.querySelector(".flex-message__author")?.textContent.concat(": ", newest.querySelector(".flex-message__text")?.textContent ?? "").slice(0, 300) ?? "";
    this.hasLoaded = true;
    this.seen();
  }

  toEnd() {
    this.scroller.scrollTop = 0;
    this.querySelector("[data-jump]").hidden = true;
  }

  scrolled() {
    if (!this.isAtEnd) return;
    this.querySelector("[data-jump]").hidden = true;
    this.seen();
  }

  looked(found) {
    this.isInView = found.at(-1).isIntersecting;
    this.seen();
  }

  /** Tell the server which of the user's own conversations were seen, while the page is in front. */
  async seen() {
    if (document.hidden || !this.isInView || !this.hasAttribute("data-newest")) return;
    for (const one of this.querySelectorAll("[data-own] > data")) {
      const { sid, readUrl } = one.dataset;
      const inbound = Number(one.value);
      this.marked ??= new Map();
      if (inbound <= (this.marked.get(sid) ?? 0)) continue;
      this.marked.set(sid, inbound);
      const headers = { "Content-Type": "application/json", Accept: "application/json", [page().header || "X-CSRFToken"]: page().token };
      try {
        const body = JSON.stringify({ inbound });
        const answer = await fetch(readUrl, { method: "POST", headers, body, credentials: "same-origin", signal: AbortSignal.timeout(TIMEOUT) });
        if (!answer.ok) continue;
        this.dispatchEvent(new CustomEvent("flex-outbound:read", { bubbles: true, composed: true, detail: { conversation_sid: sid, inbound } }));
      } catch {
        this.marked.delete(sid); // the next look tries again
      }
    }
  }

  clicked(event) {
    const older = event.target.closest("a[data-older]");
    const text = event.target.closest("a[data-show-text]");
    const isPlain = !(event.ctrlKey || event.metaKey || event.shiftKey || event.altKey);
    if (event.target.closest("[data-jump]")) this.toEnd();
    if (older && isPlain) {
      event.preventDefault();
      this.loadOlder(older);
    } else if (text && isPlain) {
      event.preventDefault();
      this.showText(text);
    }
  }

  async loadOlder(link) {
    if (link.hasAttribute("aria-busy")) return;
    const label = link.textContent;
    link.setAttribute("aria-busy", "true");
    link.textContent = words("loading");
    const url = new URL(this.dataset.liveUrl, document.baseURI);
    url.searchParams.set("before", link.dataset.older);
    const { entries } = await load(url.href);
    link.removeAttribute("aria-busy");
    link.textContent = label;
    if (!entries) return link.removeAttribute("data-older"); // the link itself leads there
    const known = new Set(this.entries.map((one) => one.dataset.key));
    const first = this.rows.firstElementChild;
    const fresh = [...entries.querySelectorAll("[data-entry]")].filter((one) => !known.has(one.dataset.key));
    const { scroller } = this;
    const height = scroller.scrollHeight;
    const top = scroller.scrollTop;
    for (const one of fresh) this.rows.insertBefore(this.adopt(one), first);
    const next = entries.querySelector("[data-older]");
    if (next) link.dataset.older = next.dataset.older;
    else link.remove();
    this.arrange();
    // A track that grows upwards keeps its place; where a browser counts from the top, it is moved along.
    if (top > 0) scroller.scrollTop = top + scroller.scrollHeight - height;
    else scroller.scrollTop = top;
    this.rows.querySelector("[data-entry]")?.setAttribute("tabindex", "-1");
  }

  /** The text of a message that is kept at Twilio only. */
  async showText(link) {
    const place = link.closest("[data-text-place]");
    link.setAttribute("aria-busy", "true");
    try {
      const answer = await fetch(link.href, { headers: { Accept: "application/json" }, credentials: "same-origin", cache: "no-store", signal: AbortSignal.timeout(TIMEOUT) });
      const said = await answer.json();
      if (!answer.ok) throw new Error(said.detail ?? "");
      const text = document.createElement("div");
      Object.assign(text, { className: "flex-message__text", dir: "auto", textContent: said.text ?? said.body ?? "" });
      text.dataset.textShown = "";
      place.replaceWith(text);
    } catch (error) {
      link.removeAttribute("aria-busy");
      link.textContent = error.message && error.name === "Error" ? error.message : words("no_text");
    }
  }

  /** A file that only says that it is a picture is a file. */
  broken(image) {
    if (!image.matches?.(".flex-message__picture img")) return;
    const link = image.parentElement;
    link.className = "flex-message__file";
    link.textContent = image.alt;
  }
}

if (!customElements.get("flex-conversation")) customElements.define("flex-conversation", FlexConversationElement);
