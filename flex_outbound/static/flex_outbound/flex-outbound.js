/**
 * <flex-outbound> and <flex-timeline>: make the plain forms of flex_outbound live.
 *
 * No dependencies, no inline script or style, no HTML built from data. State is in attributes (`data-state`), changes
 * are bubbling events: `flex-outbound:update` (detail.interaction) and `flex-outbound:error` (detail.code, .message).
 * Every request to open has a key. It is repeated with the same key until it is answered, so nothing is opened twice.
 */

const FAST = [150, 250, 400, 600, 1000, 1500, 2500, 4000, 5000]; // ms between polls while Flex opens the task
const SLOW = { soon: 2000, first: 5000, factor: 1.5, last: 30000, total: 240000 }; // afterwards; total: when to stop
const WAITING = 60000; // ms between polls while the customer's answer is waited for, which may take days
const RESEND = [1000, 2000, 4000, 8000, 15000]; // ms between repeats of one request while the connection is broken
const TIMEOUT = 15000;
const SAME_CLICK = 1000; // ms in which a second click on a button is part of the first
const UNSETTLED = new Set(["queued", "sending", "unconfirmed"]);
const VARIABLE = "content_variables."; // what the name of a field for a template's variable begins with
const MESSAGE_OPEN = new Set(["waiting", "sending", "unconfirmed"]);

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** What all elements of a page share: the URL of the API, the CSRF token, the name of its header, and the language. */
const page = () => document.getElementById("flex-outbound-page")?.dataset ?? {};

/** Return a copy of a template's content, ready to use; null if the page does not have it. */
function copyOf(template) {
  const copy = template?.content.firstElementChild.cloneNode(true) ?? null;
  if (copy) prepare(copy);
  return copy;
}

/** The texts are in the page, so that Django translates them. */
function words(key) {
  const list = document.getElementById("flex-outbound-words");
  return list?.content.querySelector(`[data-word="${key}"]`)?.textContent ?? key;
}

/** A new idempotency key. `crypto.randomUUID` is missing on plain http, which intranets still use. */
function newKey() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Ask the API. Resolves to {kind, interaction, problem, etag, wait}; never rejects: no answer is `kind: "lost"`. */
async function ask(url, { body, token, etag } = {}) {
  const headers = { Accept: "application/json" };
  const { language } = page();
  // The page may have its language from its address, which the API does not share.
  if (language) headers["Accept-Language"] = language;
  if (etag) headers["If-None-Match"] = etag;
  if (body) Object.assign(headers, { "Content-Type": "application/json", [page().header || "X-CSRFToken"]: token });
  try {
    const response = await fetch(url, {
      method: body ? "POST" : "GET",
      headers,
      body: body && JSON.stringify(body),
      credentials: "same-origin",
      cache: "no-store",
      signal: AbortSignal.timeout(TIMEOUT),
    });
    const isJson = (response.headers.get("Content-Type") ?? "").includes("json");
    return understand(response, isJson ? await response.json() : null);
  } catch {
    return { kind: "lost" };
  }
}

function understand(response, problem) {
  const { status } = response;
  if (status === 304) return { kind: "same" };
  if (response.ok && problem?.id) return { kind: "interaction", interaction: problem, etag: response.headers.get("ETag") };
  // A success that is not ours is the sign-in page at the end of a redirect.
  if (response.ok || status === 401 || problem?.code === "not_authenticated") return { kind: "signed_out" };
  // A new page brings a new token, but no other origin; and what is not ours was refused by something in between.
  if (status === 403 && (!problem || /(origin|referer) checking/i.test(problem.detail ?? ""))) return { kind: "blocked" };
  if (status === 403 && /csrf/i.test(problem.detail ?? "")) return { kind: "stale" };
  if (status === 429) return { kind: "busy", wait: Number(response.headers.get("Retry-After")) || 5 };
  if (status === 400 && problem) return { kind: "invalid", problem };
  if (status < 500) return { kind: status === 404 ? "gone" : "refused", problem };
  return { kind: "lost" };
}

/** Change text only where it differs: a live region repeats whatever is set again. */
function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

const read = (interaction, path) => path.split(".").reduce((value, name) => value?.[name], interaction);

function isWebAddress(text) {
  try {
    return ["http:", "https:"].includes(new URL(text, document.baseURI).protocol);
  } catch {
    return false;
  }
}

/** Write an interaction into markup, by the attributes `data-text`, `data-show`, `data-link`, `data-time` and `data-act`. */
function fill(root, interaction) {
  const review = interaction.status === "review";
  const all = { ...interaction };
  all.retry_label = words(review ? "send_again" : "retry");
  all.cancel_label = words({ review: "discard", waiting: "end_wait" }[interaction.status] ?? "cancel");
  const lost = interaction.message?.error_message ?? "";
  all.message_error = lost === interaction.error_message ? "" : lost; // the interaction says so itself
  all.which = [words(interaction.channel), interaction.address, inWords(interaction.created_at)].join(", ");
  const retried = interaction.retried_as && `flex-${interaction.retried_as}`;
  all.retried_link = retried && document.getElementById(retried) ? `#${retried}` : null;
  all.duplicates_closed = interaction.duplicates > 0 && !interaction.duplicates_open;
  for (const part of root.querySelectorAll("[data-text]")) setText(part, String(read(all, part.dataset.text) ?? ""));
  for (const part of root.querySelectorAll("[data-link]")) {
    const url = read(all, part.dataset.link);
    if (url && isWebAddress(url)) part.href = url;
  }
  for (const part of root.querySelectorAll("[data-show]")) part.hidden = !read(all, part.dataset.show);
  for (const part of root.querySelectorAll("[data-value]")) setValue(part, read(all, part.dataset.value) ?? "");
  for (const part of root.querySelectorAll("[data-act]")) setTarget(part, read(all, part.dataset.act) ?? "");
  for (const part of root.querySelectorAll("[data-time]")) setTime(part, read(all, part.dataset.time));
}

/** Whether somebody has changed a field that holds what is kept. */
function isTyped(field) {
  if (field.matches("select")) return [...field.options].some((one) => one.selected !== one.defaultSelected);
  return field.value !== field.defaultValue;
}

/** Show what is kept, unless somebody is typing something else. */
function setValue(field, value) {
  if (isTyped(field) && field.value.trim() !== value) return;
  if (field.matches("select")) {
    for (const one of field.options) one.defaultSelected = one.selected = one.value === value;
  } else {
    field.defaultValue = field.value = value;
  }
}

/** Point a form at another interaction; its key and task SID belonged to the previous one. */
function setTarget(form, url) {
  if (form.dataset.url !== url) {
    for (const name of ["idempotency_key", "task_sid"]) {
      const field = form.elements.namedItem(name);
      if (field) field.value = "";
    }
    showErrors(form, {});
  }
  form.dataset.url = url;
}

/** The addresses in a field, as the server reads it: of `Ann <ann@…>` the address. */
function addressesIn(text) {
  const found = (text ?? "").match(/(?:"[^"\n]*"|[^,;<"\n])*<[^<>\n]*>|[^\s,;]+/g) ?? [];
  return found.map((one) => (one.match(/<([^<>]*)>\s*$/)?.[1] ?? one).trim()).filter(Boolean);
}

/** Whether anything was typed into a composer. */
function isFilledIn(form) {
  const typed = ["body", "subject", "to", "cc", "bcc", "content_sid"].map((name) => form.elements.namedItem(name)?.value ?? "");
  return typed.some((text) => text.trim() !== "");
}

/** Show the errors of a form beside its fields. */
function showErrors(form, problem) {
  for (const line of form.querySelectorAll("[data-error]")) {
    const name = line.dataset.error;
    const text = [problem[name] ?? []].flat().join(" ");
    setText(line, text);
    line.hidden = !text;
    form.elements.namedItem(name)?.setAttribute("aria-invalid", String(Boolean(text)));
    for (let details = text && line.closest("details"); details; details = details.parentElement.closest("details")) {
      details.open = true;
    }
  }
}

/** A moment in the reader's own time zone, which the server cannot know; "" for none. */
function inWords(moment, { isBrief = false, isClock = false } = {}) {
  const date = new Date(moment ?? "");
  if (Number.isNaN(date.getTime())) return "";
  const language = document.documentElement.lang || undefined;
  const isToday = date.toDateString() === new Date().toDateString();
  if (isClock || (isBrief && isToday)) return date.toLocaleTimeString(language, { timeStyle: "short" });
  return date.toLocaleString(language, { dateStyle: "medium", timeStyle: "short" });
}

function setTime(element, moment) {
  const text = inWords(moment, { isBrief: element.hasAttribute("data-since"), isClock: element.hasAttribute("data-clock") });
  if (!text) return;
  element.dateTime = new Date(moment).toISOString();
  setText(element, text);
}

function prepare(root) {
  for (const part of root.querySelectorAll("[data-live]")) {
    part.hidden = part.hasAttribute("data-copy") && !navigator.clipboard;
  }
}

/** Polls one interaction until no more changes are expected. There is one follower per interaction and page. */
export class Follower {
  static all = new Map();

  static follow(interaction, element, { gentle = false } = {}) {
    let follower = Follower.all.get(interaction.id);
    if (follower && gentle) return;
    if (!follower) Follower.all.set(interaction.id, (follower = new Follower()));
    Object.assign(follower, { element, gentle, step: 0, spent: 0, misses: 0 });
    follower.interaction = { ...follower.interaction, ...interaction };
    follower.plan();
  }

  /** ms until the next poll; null if no more changes are expected. */
  delay() {
    const { status, phase, is_final, message, named_task_sid, conversation_sid, is_closing } = this.interaction;
    const messageOpen = MESSAGE_OPEN.has(message?.status);
    if (is_final && !messageOpen && !is_closing) return null;
    const opening = UNSETTLED.has(status) || named_task_sid || (status === "created" && !conversation_sid);
    if (!this.gentle && (opening || messageOpen || is_closing) && this.step < 60) return FAST[Math.min(this.step++, FAST.length - 1)];
    if (this.spent >= SLOW.total && !UNSETTLED.has(status)) return status === "waiting" ? WAITING : null;
    const soon = opening || phase === "offered";
    this.slow = this.spent ? Math.min(this.slow * SLOW.factor, SLOW.last) : soon ? SLOW.soon : SLOW.first;
    this.spent += this.slow;
    return this.slow;
  }

  plan(ms = this.delay()) {
    this.due = Date.now() + ms;
    if (ms === null || !this.element.isConnected) this.stop();
    else this.arm();
  }

  /** Do not poll while the page is hidden. When it is shown again, poll at once if a poll was due. */
  arm() {
    clearTimeout(this.timer);
    if (!document.hidden) this.timer = setTimeout(() => this.poll(), Math.max(0, this.due - Date.now()));
  }

  stop() {
    clearTimeout(this.timer);
    Follower.all.delete(this.interaction.id);
  }

  async poll() {
    const answer = await ask(this.interaction.status_url, { etag: this.etag });
    if (Follower.all.get(this.interaction.id) !== this) return;
    if (answer.kind === "lost" || answer.kind === "busy") return this.miss(answer);
    if (answer.kind !== "interaction" && answer.kind !== "same") return this.tell(answer.kind, answer.problem?.detail);
    const hasNews = answer.kind === "interaction" || this.misses > 0;
    if (answer.interaction) this.take(answer);
    this.misses = 0;
    if (hasNews) emit(this.element, "update", { interaction: this.interaction });
    this.plan();
  }

  take({ interaction, etag }) {
    const { status, phase } = this.interaction;
    if (interaction.status !== status || interaction.phase !== phase) Object.assign(this, { step: Math.min(this.step, 3), spent: 0 });
    Object.assign(this, { interaction, etag });
  }

  miss(answer) {
    this.misses += 1;
    if (this.misses > 12) return this.tell("paused");
    if (answer.kind === "lost") this.tell("lost", words("reconnecting"));
    this.plan(answer.wait ? answer.wait * 1000 : Math.min(1000 * 2 ** (this.misses - 1), SLOW.last));
  }

  /** Report an error. All errors but a lost connection end the polling. */
  tell(code, message) {
    if (code !== "lost") this.stop();
    emit(this.element, "error", { code, message: message ?? words(code), interaction: this.interaction });
  }
}

document.addEventListener("visibilitychange", () => {
  for (const follower of Follower.all.values()) follower.arm();
});

function emit(element, name, detail) {
  element.dispatchEvent(new CustomEvent(`flex-outbound:${name}`, { bubbles: true, composed: true, detail }));
}

/** The second click of a double click would meet whatever the composer has covered, or select it. */
function ignoreSecondClick() {
  const signal = AbortSignal.timeout(SAME_CLICK);
  for (const name of ["mousedown", "click"]) {
    document.addEventListener(name, (event) => event.detail > 1 && keep(event), { signal, capture: true });
  }
}

/** Answer an event here and nowhere else. */
function keep(event) {
  event.preventDefault();
  event.stopPropagation();
}

/** The address of an interaction, from that of a decision about it: …/<id>/retry/. */
const statusOf = (url) => url.replace(/[a-z]+\/$/, "");

/** What both elements share: the status line, copying, and the forms for an agent's decisions. */
class FlexElement extends HTMLElement {
  connectedCallback() {
    this.stops = new AbortController();
    const { signal } = this.stops;
    this.adopt(this);
    // On the way down: what takes over all forms and links of a page (htmx, Turbo) would send the click a second time.
    this.addEventListener("submit", (event) => this.submitted(event), { signal, capture: true });
    this.addEventListener("click", (event) => this.copy(event), { signal });
    document.addEventListener("flex-outbound:update", (event) => this.updated(event.detail.interaction, event), { signal });
    this.addEventListener("flex-outbound:error", (event) => this.troubled(event.detail), { signal });
  }

  /** Make markup of the server's live: times in the reader's own zone, and what needs a script. */
  adopt(root) {
    prepare(root);
    for (const time of root.querySelectorAll("time[datetime]:not([data-date])")) if (time.dateTime) setTime(time, time.dateTime);
  }

  disconnectedCallback() {
    this.stops.abort();
  }

  say(text, state, phase = state) {
    const region = this.querySelector("[role=status]");
    region.hidden = !text;
    setText(region, text);
    if (state) Object.assign(this.dataset, { state, phase });
  }

  troubled({ message, code }) {
    this.say(message, ["lost", "busy"].includes(code) ? code : "error");
  }

  submitted(event) {
    const form = event.target.closest("form[data-act]");
    if (!form?.dataset.url) return;
    keep(event);
    this.act(form);
  }

  async act(form) {
    if (form.hasAttribute("aria-busy")) return;
    form.setAttribute("aria-busy", "true");
    const key = form.elements.namedItem("idempotency_key");
    if (key && !key.value) key.value = newKey();
    const { csrfmiddlewaretoken: token = page().token, next, ...body } = Object.fromEntries(new FormData(form));
    const { url } = form.dataset;
    const answer = await ask(url, { body, token });
    form.removeAttribute("aria-busy");
    const problem = answer.kind === "invalid" ? answer.problem : {};
    showErrors(form, problem);
    const wrong = form.querySelector('[aria-invalid="true"]');
    if (wrong) return wrong.focus();
    const isDone = answer.kind === "interaction";
    if (isDone) {
      if (key) key.value = "";
      this.accepted(answer.interaction);
    }
    // What was sent again is another interaction, and this one says so; a conflict tells that this one has changed.
    if (!isDone || answer.interaction.status_url !== statusOf(url)) await this.refresh(statusOf(url));
    if (!isDone) this.fail(answer);
  }

  /** Show an interaction as it is now, wherever the page shows it. */
  async refresh(url) {
    const answer = await ask(url);
    if (answer.kind === "interaction") emit(this, "update", { interaction: answer.interaction });
  }

  accepted(interaction) {
    emit(this, "update", { interaction });
    Follower.follow(interaction, this);
  }

  fail(answer, before = "") {
    const { problem, kind } = answer;
    const first = kind === "invalid" ? Object.values(problem).flat()[0] : problem?.detail;
    const fallback = { lost: "unreachable", busy: "too_busy", invalid: "refused" }[kind] ?? kind;
    emit(this, "error", { code: problem?.code ?? kind, message: [before, first ?? words(fallback)].join(" ").trim() });
  }

  async copy(event) {
    const button = event.target.closest("[data-copy]");
    if (!button) return;
    try {
      await navigator.clipboard.writeText(button.parentElement.querySelector("code").textContent);
    } catch {
      return; // the reader did not allow it; the SID can still be selected
    }
    button.dataset.done = words("copied");
    this.announce(words("copied"));
    await pause(1500);
    delete button.dataset.done;
    this.announce("");
  }

  /** Tell a screen reader what the page shows in passing, beside the state of the interaction. */
  announce(text) {
    let region = this.querySelector("[data-announcer]");
    if (!region) {
      region = document.createElement("span");
      Object.assign(region, { className: "flex-outbound__hidden", ariaLive: "polite" });
      region.dataset.announcer = "";
      this.append(region);
    }
    setText(region, text);
  }
}

/**
 * The buttons of one contact and the progress of its newest interaction. The state of a channel is on its button:
 * `data-key`, the key of the request that is not answered yet; `data-interaction`, the interaction that is being opened;
 * `data-busy`, another click is ignored.
 *
 * In a list they are compact: links to the compose page, which become buttons here. The progress is copied from a
 * template of the page when one of them is about to be used.
 */
export class FlexOutboundElement extends FlexElement {
  connectedCallback() {
    super.connectedCallback();
    const { signal } = this.stops;
    // A copy from the page cache of such a library: nobody waits for the answer any more.
    if (!this.wasConnected) for (const button of this.querySelectorAll("[data-busy]")) this.busy(button, false);
    this.wasConnected = true;
    this.addEventListener("keydown", (event) => this.typed(event), { signal });
    this.addEventListener("input", (event) => this.counted(event.target), { signal });
    this.addEventListener("toggle", (event) => this.toggled(event.target), { signal, capture: true });
    this.putAside([...this.querySelectorAll("button[type=submit][form]")].filter((button) => !button.form));
    if (this.isCompact) return this.becomeButtons(signal);
    document.addEventListener("click", (event) => this.leftComposer(event.target), { signal });
    this.addEventListener("focusout", (event) => event.relatedTarget && this.leftComposer(event.relatedTarget), { signal });
    for (const area of this.querySelectorAll("textarea")) this.counted(area);
    this.pickUp();
  }

  get isCompact() {
    return this.querySelector("form[data-open]") === null;
  }

  /** Say what buttons without their form are: browsers drop a form within a form of the page. */
  putAside(buttons) {
    for (const button of buttons) {
      button.type = "button";
      button.title = words("misplaced");
      button.setAttribute("aria-disabled", "true");
      button.closest("details")?.remove();
    }
    if (buttons.length) this.say(words("misplaced"), "error");
  }

  becomeButtons(signal) {
    for (const link of this.querySelectorAll("a[data-channel]")) link.setAttribute("role", "button");
    this.addEventListener("click", (event) => this.pressed(event), { signal, capture: true });
    // Before the click, so that a screen reader knows the live region when the first words come.
    for (const name of ["focusin", "pointerdown"]) this.addEventListener(name, () => this.progress, { signal, once: true });
  }

  /** A plain click opens the channel. A click for a new tab opens the compose page, as with any link. */
  pressed(event) {
    const button = event.target.closest("[data-channel]");
    if (!button || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
    keep(event);
    if (button.hasAttribute("data-busy")) return;
    if (button.matches("a")) return this.isSameClick(button) ? null : this.open(null, this.clickOn(button));
    this.facts.hidden = true;
    this.say(`${this.label(button)}: ${button.title}`, "idle");
  }

  clickOn(button) {
    const url = new URL(button.href); // …/compose/<contact type>/<channel>/?id=<contact id>
    const contact_type = url.pathname.split("/").at(-3);
    const contact_id = url.searchParams.get("id");
    const { token: csrfmiddlewaretoken } = page();
    return { contact_type, contact_id, channel: button.dataset.channel, idempotency_key: newKey(), csrfmiddlewaretoken };
  }

  label(button) {
    return button.getAttribute("aria-label") ?? button.textContent.trim();
  }

  get progress() {
    const known = this.querySelector("[data-progress]");
    if (known) return known;
    const made = copyOf(document.getElementById("flex-outbound-progress"));
    // A form of the page must not contain another form.
    if (this.closest("form")) for (const form of made.querySelectorAll("form")) form.remove();
    this.append(made);
    return made;
  }

  /** Go on with an interaction that was not settled when the page was loaded. */
  pickUp() {
    const { following: id, channel, state: status, statusUrl: status_url } = this.dataset;
    if (!id) return;
    delete this.dataset.following; // only once, even if the element is moved
    this.current = id;
    const button = this.button(channel);
    if (button && UNSETTLED.has(status)) {
      button.dataset.interaction = id;
      this.busy(button, true);
    }
    Follower.follow({ id, status, status_url }, this);
  }

  button(channel) {
    const name = CSS.escape(channel);
    return this.querySelector(`a[data-channel="${name}"], button[type=submit][name=channel][value="${name}"]`);
  }

  submitted(event) {
    const form = event.target.closest("form[data-open]");
    // What leads to a page of its own, as the preview does, is no click.
    if (!form || event.submitter?.hasAttribute("formaction")) return super.submitted(event);
    keep(event);
    const data = Object.fromEntries(new FormData(form, event.submitter));
    const button = this.button(data.channel);
    if (!button.hasAttribute("data-busy") && !this.isSameClick(button)) this.open(form, data);
  }

  /** A quick answer frees the button between the two clicks of a double click. */
  isSameClick(button) {
    return Date.now() - Number(button.dataset.accepted ?? -Infinity) < SAME_CLICK;
  }

  async open(form, data) {
    const button = this.button(data.channel);
    button.dataset.key ??= data.idempotency_key;
    delete button.dataset.interaction;
    const clicked = Date.now();
    this.busy(button, true);
    this.current = null;
    this.facts.hidden = true;
    this.showUnsent("");
    if (form) {
      showErrors(form, {});
      if (form.querySelector("details[open]")) ignoreSecondClick();
      this.close(form, "button[name=channel]"); // the open composer would hide the progress; its content stays
    }
    this.say(words("sending"), "sending");
    const answer = await this.deliver(this.payload(data, `${button.dataset.key}-${data.channel}`), data.csrfmiddlewaretoken);
    if (answer.kind === "interaction") {
      button.dataset.interaction = answer.interaction.id;
      button.dataset.accepted = clicked;
      form?.reset();
      for (const area of form?.querySelectorAll("textarea") ?? []) this.counted(area);
      return this.accepted(answer.interaction);
    }
    this.busy(button, false);
    // Without an answer nobody knows.
    const unsent = answer.kind === "lost" ? "" : (data.body ?? "").trim();
    this.fail(answer, unsent && words("unsent"));
    if (form && answer.kind === "invalid") showErrors(form, answer.problem);
    // Where a field is to be corrected, the composer is open again with the text in it.
    this.showUnsent(form?.querySelector("details[open]") ? "" : unsent);
    if (answer.problem?.code === "idempotency_key_reused") button.dataset.key = newKey();
    if (answer.problem?.interaction) await this.showOther(answer.problem.interaction);
  }

  /** Repeat one request until it is answered. Key and content stay the same, so it is never carried out twice. */
  async deliver(body, token) {
    for (let tries = 0; ; tries += 1) {
      const answer = await ask(this.dataset.url ?? page().url, { body, token });
      const soon = answer.kind === "busy" && answer.wait <= 60;
      if ((answer.kind !== "lost" && !soon) || tries === RESEND.length) return answer;
      emit(this, "error", { code: answer.kind, message: words(answer.kind) });
      await pause(soon ? answer.wait * 1000 : RESEND[tries]);
    }
  }

  payload({ contact_type, contact_id, channel, address, sender, body, subject, draft, content_sid, ...more }, idempotency_key) {
    const variables = Object.entries(more).filter(([name]) => name.startsWith(VARIABLE));
    return {
      ...{ contact_type, contact_id, channel, idempotency_key },
      ...(address && { address }),
      ...(sender && { sender: Number(sender) }),
      ...(body?.trim() && { body: body.replaceAll("\r\n", "\n") }),
      ...(subject && { subject }),
      ...(draft && { draft }),
      ...(more.opens_on_answer && { opens_on_answer: true }),
      ...(content_sid && {
        content_sid,
        content_variables: Object.fromEntries(variables.map(([name, value]) => [name.slice(VARIABLE.length), value])),
      }),
      ...Object.fromEntries(
        ["to", "cc", "bcc"].map((name) => [name, addressesIn(more[name])]).filter(([, list]) => list.length),
      ),
    };
  }

  /** Keep in sight what was not sent; "" for nothing. It stays in the composer, too. */
  showUnsent(text) {
    const block = this.progress.querySelector("[data-unsent]");
    if (!block) return;
    block.hidden = !text;
    setText(block.querySelector("[data-unsent-text]"), text);
  }

  /** Show a link to the conversation that is open already; its first message is not the one that was refused. */
  async showOther(other) {
    const answer = await ask(other.status_url);
    if (answer.kind !== "interaction") return;
    this.showFacts({ ...answer.interaction, message: null });
    emit(this, "update", { interaction: answer.interaction });
  }

  accepted(interaction) {
    this.current = interaction.id; // Retry makes a new interaction, which is shown from now on
    super.accepted(interaction);
  }

  updated(interaction) {
    const used = this.querySelector(`[data-interaction="${CSS.escape(interaction.id)}"]`);
    if (used && !UNSETTLED.has(interaction.status)) this.release(used);
    if (interaction.is_final) this.querySelector(`[data-current="${CSS.escape(interaction.id)}"]`)?.remove();
    if (interaction.id !== this.current) return;
    this.showFacts(interaction);
    const button = this.button(interaction.channel);
    const text = `${button ? this.label(button) : interaction.channel}: ${interaction.status_label}`;
    const stop = interaction.phase === "undelivered" ? ":" : ".";
    const said = interaction.error_message ? `${text}${stop} ${interaction.error_message}` : text;
    this.say(said, interaction.status, interaction.phase);
  }

  troubled(detail) {
    super.troubled(detail);
    const button = detail.interaction && this.querySelector(`[data-interaction="${CSS.escape(detail.interaction.id)}"]`);
    if (button && detail.code !== "lost") this.release(button);
  }

  /** The interaction is settled: the next click is a new one and gets a new key. */
  release(button) {
    delete button.dataset.interaction;
    button.dataset.key = newKey();
    this.busy(button, false);
  }

  get facts() {
    return this.progress.querySelector("[data-facts]");
  }

  showFacts(interaction) {
    fill(this.facts, interaction);
    this.facts.hidden = false;
  }

  busy(button, isBusy) {
    // Not `disabled`: the button would lose the keyboard focus.
    button.toggleAttribute("data-busy", isBusy);
    button.setAttribute("aria-disabled", String(isBusy));
  }

  close(form, next) {
    const details = form.querySelector("details[open]");
    if (!details) return;
    const hadFocus = details.contains(document.activeElement);
    details.open = false;
    if (hadFocus) form.querySelector(next).focus();
  }

  typed(event) {
    if (event.key === " " && event.target.matches("a[role=button]")) {
      event.preventDefault();
      if (!event.repeat) event.target.click();
    }
    const form = event.target.closest("form[data-open]");
    if (!form || event.isComposing) return;
    if (event.key === "Escape" && form.querySelector("details[open]")) {
      event.preventDefault();
      this.close(form, "summary");
    }
    // Enter sends a short message, as in every messenger; an email has paragraphs.
    const goes = form.dataset.channel === "email" ? event.ctrlKey || event.metaKey : !event.shiftKey;
    if (event.key !== "Enter") return;
    const isText = event.target.matches("textarea");
    // Enter in a line sends as well, as browsers have it; where nothing was typed, a key opens nothing by surprise.
    if ((isText && goes) || event.target.matches("input")) {
      event.preventDefault();
      if (isFilledIn(form)) form.requestSubmit();
    }
  }

  counted(area) {
    const counter = area.matches("textarea") && area.form.querySelector("[data-counter]");
    if (!counter) return;
    const most = Number(area.dataset.limit);
    const count = Array.from(area.value).length; // as the server counts: an emoji is one
    setText(counter, `${count} / ${most}`);
    counter.toggleAttribute("data-over", count > most);
    const hasText = area.value.trim() !== "";
    area.form.toggleAttribute("data-draft", hasText);
    area.form.toggleAttribute("data-empty", !hasText);
  }

  /** Begin where one types: at what is wrong, else at the first text. */
  toggled(details) {
    if (!details.open || !details.matches(".flex-outbound__composer")) return;
    const here = document.activeElement;
    if (here?.matches("input, select, textarea") && details.contains(here)) return;
    const first = details.querySelector('[aria-invalid="true"]') ?? details.querySelector("[name=subject], textarea");
    first?.focus();
  }

  leftComposer(target) {
    for (const details of this.querySelectorAll(".flex-outbound__composer[open]")) {
      if (!details.contains(target)) details.open = false;
    }
  }
}

/** The contact's history: adds what the buttons open and polls what is not final. */
export class FlexTimelineElement extends FlexElement {
  connectedCallback() {
    super.connectedCallback();
    for (const line of this.querySelectorAll("[data-id]")) {
      const { id, status, statusUrl } = line.dataset;
      if (UNSETTLED.has(status) || ["waiting", "created", "active", "review"].includes(status)) {
        Follower.follow({ id, status, status_url: statusUrl }, this, { gentle: true });
      }
    }
  }

  updated(interaction, event) {
    const line = this.querySelector(`[data-id="${CSS.escape(interaction.id)}"]`) ?? this.insert(interaction);
    if (!line) return;
    const { status_label, error_message, phase } = interaction;
    const isLost = phase === "undelivered" && !["", phase].includes(line.dataset.phase);
    fill(line, interaction);
    Object.assign(line.dataset, { status: interaction.status, phase: interaction.phase });
    // Where the buttons follow it, they say so.
    if (event.target !== this) return;
    if (isLost) this.say(`${status_label}: ${error_message}`, interaction.status, phase);
    else if (phase !== "undelivered") this.say("", interaction.status, phase);
  }

  insert(interaction) {
    const { contactType, contactId } = this.dataset;
    const isOurs = interaction.contact_type === contactType && String(interaction.contact_id) === contactId;
    const line = isOurs && this.dataset.page === "1" ? copyOf(this.querySelector("template[data-line]")) : null;
    if (!line) return null;
    for (const icon of line.querySelectorAll("[data-only]")) if (icon.dataset.only !== interaction.channel) icon.remove();
    Object.assign(line.dataset, { id: interaction.id, key: interaction.id, at: interaction.created_at });
    line.id = `flex-${interaction.id}`;
    this.querySelector("[data-empty]").hidden = true;
    this.querySelector("[data-rows]").append(line);
    return line;
  }
}

if (!customElements.get("flex-outbound")) {
  customElements.define("flex-outbound", FlexOutboundElement);
  customElements.define("flex-timeline", FlexTimelineElement);
}
