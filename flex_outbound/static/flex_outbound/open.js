/**
 * <flex-open>: what is open with a contact already, live, and what the agent does about it.
 *
 * The page shows what the server's rows know. This asks for it anew once the page is shown, when a composer opens, when
 * the page is looked at again and after a refusal; the server has Twilio asked meanwhile. What it gets is markup of the
 * server's. A button asks the API; without this script its form is posted. What is typed stays where it is until it is
 * sent.
 */

const FIRST = 300; // ms after the page is shown
const ASKING = [1000, 1000, 1500, 2000, 3000, 4000, 6000, 8000]; // ms between looks while Twilio is asked
const AFTER = [500, 1000, 2000, 3000, 5000, 8000, 12000]; // ms between looks after something was done
const STEADY = 30000;
const FRESH = 4000; // ms for which an answer is good enough for a composer that opens
const TIMEOUT = 15000;
const ANEW = 60000; // ms within which a conversation must have closed for a new one to begin by itself

/** What the elements of a page share: the CSRF token, the name of its header, the language. */
const page = () => document.getElementById("flex-outbound-page")?.dataset ?? {};

function newKey() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function headers(more) {
  const { language } = page();
  return { ...(language && { "Accept-Language": language }), ...more };
}

/** Post to the API. Resolves to {ok, data}; without an answer, ok is false and data null. */
async function post(url, body, token) {
  try {
    const response = await fetch(url, {
      method: "POST",
      headers: headers({
        Accept: "application/json",
        "Content-Type": "application/json",
        [page().header || "X-CSRFToken"]: token || page().token,
      }),
      body: JSON.stringify(body),
      credentials: "same-origin",
      redirect: "error", // to the sign-in page
      signal: AbortSignal.timeout(TIMEOUT),
    });
    const isJson = (response.headers.get("Content-Type") ?? "").includes("json");
    return { ok: response.ok, status: response.status, data: isJson ? await response.json() : null };
  } catch {
    return { ok: false, status: 0, data: null };
  }
}

/** The first sentence of an error of the API's. */
function sentence(data) {
  if (!data) return "";
  return data.detail ?? Object.values(data).flat().find((one) => typeof one === "string") ?? "";
}

/** The template that is chosen in a form, as the API takes it; {} where there is none. */
function chosenIn(form) {
  const content_sid = form.elements.namedItem("content_sid")?.value;
  if (!content_sid) return {};
  const fields = [...form.querySelectorAll("[data-template-variable]")];
  return { content_sid, content_variables: Object.fromEntries(fields.map((one) => [one.dataset.templateVariable, one.value])) };
}

/** What is typed and chosen in a composer, but for what changes by itself. */
function typedIn(form) {
  const given = [...new FormData(form)].filter(([name]) => !["csrfmiddlewaretoken", "idempotency_key", "next"].includes(name));
  return JSON.stringify(given);
}

const hereOf = (element) => element.closest("flex-outbound")?.querySelector("flex-open");

export class FlexOpenElement extends HTMLElement {
  connectedCallback() {
    this.stops = new AbortController();
    const { signal } = this.stops;
    this.steps = [];
    this.etag = null;
    document.addEventListener("visibilitychange", () => !document.hidden && this.soon(FIRST), { signal });
    document.addEventListener("flex-outbound:update", (event) => this.heard(event.detail.interaction), { signal });
    this.panel?.addEventListener("flex-outbound:error", (event) => this.failed(event.detail), { signal });
    this.panel?.addEventListener("toggle", (event) => this.toggled(event), { signal, capture: true });
    this.panel?.addEventListener("pointerdown", () => this.pressed(), { signal });
    this.hideDeadEnds();
    this.soon(FIRST);
  }

  disconnectedCallback() {
    this.stops.abort();
    clearTimeout(this.timer);
  }

  get panel() {
    return this.closest("flex-outbound");
  }

  soon(ms) {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.look(), ms);
  }

  /** Look again in these steps, then as seldom as ever. */
  follow(steps) {
    this.steps = [...steps];
    this.soon(this.steps.shift());
  }

  plan() {
    if (!document.hidden) this.soon(this.steps.shift() ?? STEADY);
  }

  toggled(event) {
    const isComposer = event.target.matches?.(".flex-outbound__composer[open]");
    if (isComposer && Date.now() - (this.lookedAt ?? 0) > FRESH) this.soon(0);
  }

  failed({ code }) {
    if (code === "already_open") this.follow(ASKING);
  }

  heard(interaction) {
    this.hideShown();
    const isRefused = interaction.error_reason === "already_open" && this.refused !== interaction.id;
    if (isRefused) this.refused = interaction.id;
    const known = this.states?.get(interaction.id);
    (this.states ??= new Map()).set(interaction.id, interaction.phase);
    if (isRefused || (known !== undefined && known !== interaction.phase)) this.follow(ASKING.slice(0, 3));
  }

  async look() {
    // Of two looks at once the older answer could come last.
    if (this.isLooking) return;
    this.isLooking = true;
    const text = await this.ask();
    if (text) await this.released;
    this.isLooking = false;
    this.lookedAt = Date.now();
    if (!this.isConnected) return;
    if (text) this.show(text);
    this.plan();
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

  async ask() {
    try {
      const response = await fetch(this.dataset.url, {
        headers: headers({ Accept: "text/html", ...(this.etag && { "If-None-Match": this.etag }) }),
        credentials: "same-origin",
        cache: "no-store",
        redirect: "error", // to the sign-in page
        signal: AbortSignal.timeout(TIMEOUT),
      });
      if (!response.ok) return "";
      const text = await response.text();
      if (!text.includes("data-open-items")) return "";
      this.etag = response.headers.get("ETag");
      return text;
    } catch {
      return "";
    }
  }

  show(text) {
    const shown = new DOMParser().parseFromString(text, "text/html");
    const focused = document.activeElement;
    const key = focused?.form && focused.closest?.("[data-open-sid]") ? [focused.form.id, focused.dataset.testid] : null;
    for (const form of shown.querySelectorAll("form [name=next]")) form.value = location.pathname + location.search;
    // Times in the reader's own zone.
    this.panel?.adopt?.(shown);
    this.querySelector("[data-open-items]").replaceChildren(...shown.querySelector("[data-open-items]").childNodes);
    for (const fields of shown.querySelectorAll("[data-open-fields]")) this.showFields(fields);
    this.hideDeadEnds();
    this.hideShown();
    this.beginAnew();
    // Where what one stood on is still there, one stands on it.
    if (key && !focused.isConnected) {
      const same = [...this.querySelectorAll("button")].find((one) => one.form?.id === key[0]);
      (same ?? this.querySelector("[data-open-sid] button, [data-open-sid] a"))?.focus();
    }
    if (shown.querySelector("[data-open-asking]")?.value && !this.steps.length) this.steps = [...ASKING];
  }

  showFields(fields) {
    const name = CSS.escape(fields.dataset.openFields);
    const here = this.panel?.querySelector(`[data-open-fields="${name}"]`);
    if (!here || here.contains(document.activeElement)) return;
    here.replaceChildren(...fields.childNodes);
  }

  /** One's own conversation whose progress stands above is not said twice, unless somebody asks for it. */
  hideShown() {
    const facts = this.panel?.querySelector("[data-facts]:not([hidden])");
    // What was waited for has an entry of its own by now: that of the interaction which goes on with it.
    const isOver = this.panel?.dataset.phase === "continued";
    const sid = isOver ? null : facts?.querySelector("[data-text=conversation_sid]")?.textContent;
    for (const one of this.querySelectorAll("[data-open-items] > [data-open-sid]")) {
      const isSaid = one.dataset.whose === "mine" && one.dataset.openSid === sid;
      one.hidden = isSaid && !one.querySelector(".flex-open__asked, .flex-open__note, .flex-outbound__error");
    }
  }

  /** The form for an answer is on pages with the timeline only. */
  hideDeadEnds() {
    for (const link of this.querySelectorAll("[data-open-answer]")) {
      link.hidden = !document.getElementById(link.hash.slice(1));
    }
  }

  say(text) {
    const line = this.querySelector("[data-open-said]");
    line.hidden = !text;
    if (line.textContent !== text) line.textContent = text;
  }

  word(name) {
    return this.dataset[`word${name.replace(/(^|-)(\w)/g, (_all, _dash, letter) => letter.toUpperCase())}`] ?? "";
  }

  /** Do what a button says. A second press while it is done is part of the first. */
  async choose(form, button) {
    if (form.hasAttribute("aria-busy")) return;
    form.setAttribute("aria-busy", "true");
    const key = form.elements.namedItem("idempotency_key")?.value;
    const token = form.elements.namedItem("csrfmiddlewaretoken")?.value;
    const answer = await post(form.dataset.url, key ? { idempotency_key: key } : {}, token);
    form.removeAttribute("aria-busy");
    const name = form.dataset.openChoice;
    if (answer.ok && name === "close") this.planAnew(form, button);
    this.say(answer.ok ? this.word(name) : sentence(answer.data) || this.word("lost"));
    this.follow(AFTER);
    if (answer.ok && answer.data?.status_url) this.announce(answer.data);
  }

  /** Keep what begins anew once the conversation is closed: what the agent would press then, with what is typed now. */
  planAnew(choice, button) {
    const { openSid: sid, channel } = choice.closest("[data-open-sid]").dataset;
    const form = this.panel?.querySelector(`form[data-open][data-channel="${CSS.escape(channel)}"]`);
    const pressed = form?.querySelector(form.contains(button) ? "[data-testid=flex-send]" : "button[type=submit][name=channel]");
    this.anew = pressed ? { sid, form, pressed, typed: typedIn(form), until: Date.now() + ANEW } : null;
  }

  /** Begin once nothing is left of the old conversation, unless the agent has typed, waited or left since. */
  beginAnew() {
    const { anew } = this;
    if (!anew) return;
    const old = this.querySelector(`[data-open-items] > [data-open-sid="${CSS.escape(anew.sid)}"]`);
    if (old?.hasAttribute("data-closing") && Date.now() < anew.until) return;
    this.anew = null;
    if (old) return this.say("");
    const isSame = anew.pressed.isConnected && !document.hidden && Date.now() < anew.until && typedIn(anew.form) === anew.typed;
    this.say(isSame ? "" : this.word("closed"));
    if (isSame) anew.form.requestSubmit(anew.pressed);
  }

  announce(interaction) {
    this.dispatchEvent(
      new CustomEvent("flex-outbound:update", { bubbles: true, composed: true, detail: { interaction } }),
    );
  }

  /** Send what is typed in a composer into one's own conversation. It stays there unless it was taken. */
  async add(form, button) {
    if (button.hasAttribute("aria-busy")) return;
    const more = chosenIn(form);
    const body = more.content_sid ? "" : (form.elements.namedItem("body")?.value.replaceAll("\r\n", "\n") ?? "");
    // The same text is the same message, however often the button is pressed; another one is another.
    const said = JSON.stringify([body, more]);
    if (button.dataset.said !== said) Object.assign(button.dataset, { said, key: newKey() });
    button.setAttribute("aria-busy", "true");
    const token = form.elements.namedItem("csrfmiddlewaretoken")?.value;
    const payload = { body, idempotency_key: button.dataset.key, ...more };
    const answer = await post(button.dataset.openAdd, payload, token);
    button.removeAttribute("aria-busy");
    if (!answer.ok) {
      this.say(`${this.word("unsent")} ${sentence(answer.data) || this.word("lost")}`);
      return this.follow(AFTER);
    }
    delete button.dataset.said;
    form.reset();
    for (const area of form.querySelectorAll("textarea")) area.dispatchEvent(new Event("input", { bubbles: true }));
    const composer = button.closest("details");
    if (composer) composer.open = false;
    form.querySelector("button[name=channel]")?.focus();
    this.say(this.word("sent"));
    this.follow(AFTER);
  }
}

/** On the way down, before what opens a new conversation hears of it. */
function submitted(event) {
  const add = event.submitter?.closest?.("[data-open-add]");
  const choice = event.target.closest?.("form[data-open-choice]");
  const here = add ? hereOf(add) : choice && (choice.closest("flex-open") ?? hereOf(choice));
  if (!here) return;
  event.preventDefault();
  event.stopImmediatePropagation();
  if (add) here.add(event.target, add);
  else here.choose(choice, event.submitter);
}

if (!customElements.get("flex-open")) {
  customElements.define("flex-open", FlexOpenElement);
  document.addEventListener("submit", submitted, { capture: true });
}
