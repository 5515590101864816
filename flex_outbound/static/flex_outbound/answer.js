/**
 * <flex-answer>: send the form under the timeline without leaving the page.
 *
 * What was typed stands at once as a bubble with its state. It is posted with a key that stays the same until it is
 * answered, so it is sent once, and one after the other, so that the order stays. What is refused comes back into the
 * form. `flex-outbound:said` bubbles (detail.message) when an answer was taken or its state has changed.
 */

const POLLS = [300, 500, 800, 1200, 2000, 3000, 5000]; // ms between looks at an answer that is being sent
const PATIENT = 15000; // ms between looks afterwards
const LOOKS = 80; // how often it is looked at
const RESEND = [1000, 2000, 4000, 8000, 15000]; // ms between repeats of one request while the connection is broken
const TIMEOUT = 15000;
const SLOWEST = 64; // bytes per ms at which a file is uploaded at least
const FRESH = 20000; // ms in which the form is not asked for again only because somebody looks

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const page = () => document.getElementById("flex-outbound-page")?.dataset ?? {};

/** The texts are in the page, so that Django translates them. */
function words(key) {
  const list = document.getElementById("flex-outbound-words");
  return list?.content.querySelector(`[data-word="${key}"]`)?.textContent ?? key;
}

function newKey() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** The values of a chosen template's variables, by their names. */
function variablesOf(form) {
  const fields = [...form.querySelectorAll("[data-template-variable]")];
  return Object.fromEntries(fields.map((field) => [field.dataset.templateVariable, field.value]));
}

/** Ask, with progress where something is uploaded. Resolves to {status, data, document, wait}; status 0 is no answer. */
function ask(url, { body = null, token = "", type = "text", timeout = TIMEOUT, onprogress } = {}) {
  return new Promise((resolve) => {
    const request = new XMLHttpRequest();
    request.open(body ? "POST" : "GET", url);
    request.responseType = type;
    request.timeout = timeout;
    // An answer without a type would be read as XML, and its error be worded with inline styles.
    if (type === "document") request.overrideMimeType("text/html");
    request.setRequestHeader("Accept", type === "document" ? "text/html" : "application/json");
    const { language, header } = page();
    // The page may have its language from its address, which the API does not share.
    if (language) request.setRequestHeader("Accept-Language", language);
    if (body) request.setRequestHeader(header || "X-CSRFToken", token);
    if (onprogress) request.upload.onprogress = (event) => onprogress(event.lengthComputable ? event.loaded / event.total : 0);
    request.onload = () =>
      resolve({
        status: request.status,
        data: type === "document" ? null : parsed(request.responseText),
        document: type === "document" ? request.responseXML : null,
        wait: Number(request.getResponseHeader("Retry-After")) || 5,
      });
    request.onerror = request.ontimeout = request.onabort = () => resolve({ status: 0, data: null, document: null });
    request.send(body);
  });
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function make(tag, name, text = "") {
  const element = document.createElement(tag);
  element.className = name;
  element.textContent = text;
  return element;
}

export class FlexAnswerElement extends HTMLElement {
  connectedCallback() {
    this.stops = new AbortController();
    this.queue ??= Promise.resolve();
    this.asked = Date.now();
    const { signal } = this.stops;
    // On the way down: what takes over all forms of a page (htmx, Turbo) would send the answer a second time.
    this.addEventListener("submit", (event) => this.submitted(event), { signal, capture: true });
    this.addEventListener("keydown", (event) => this.typed(event), { signal });
    this.addEventListener("input", (event) => this.edited(event.target), { signal });
    this.addEventListener("change", (event) => this.edited(event.target), { signal });
    this.addEventListener("click", (event) => this.clicked(event), { signal });
    this.addEventListener("pointerdown", () => this.pressed(), { signal });
    document.addEventListener("flex-outbound:update", (event) => this.happened(event.detail?.interaction), { signal });
    document.addEventListener("visibilitychange", () => this.looked(), { signal });
    this.prepare();
  }

  disconnectedCallback() {
    this.stops.abort();
  }

  prepare() {
    for (const part of this.querySelectorAll("[data-live]")) part.hidden = false;
    for (const area of this.querySelectorAll("textarea")) this.count(area);
  }

  get forms() {
    return [...this.querySelectorAll("form[data-answer]")];
  }

  get pending() {
    return this.querySelector("[data-pending]");
  }

  say(text, state = "") {
    const region = this.querySelector("[role=status]");
    if (!region) return;
    region.hidden = !text;
    if (region.textContent !== text) region.textContent = text;
    this.dataset.state = state;
  }

  // --- the form ---

  typed(event) {
    if (event.key !== "Enter" || event.isComposing || !(event.ctrlKey || event.metaKey)) return;
    const form = event.target.closest("form[data-answer]");
    if (!form) return;
    event.preventDefault();
    if (!event.repeat) form.requestSubmit();
  }

  edited(field) {
    const { form } = field;
    if (!form?.dataset.answer) return;
    if (field.matches("textarea")) this.count(field);
    if (field.type === "file") this.choose(form, field);
    else if (field.getAttribute("aria-invalid") === "true") this.complain(form, field.name, "");
  }

  count(area) {
    const counter = area.form.querySelector("[data-counter]");
    if (!counter) return;
    const most = Number(area.dataset.limit);
    const count = Array.from(area.value).length; // as the server counts: an emoji is one
    counter.textContent = count ? `${count} / ${most}` : "";
    counter.toggleAttribute("data-over", count > most);
  }

  choose(form, field) {
    const [file] = field.files;
    const remove = form.querySelector("[data-remove]");
    if (remove) remove.hidden = !file;
    this.complain(form, "media", file ? this.wrongWith(field, file) : "");
  }

  /** What is wrong with a file, as far as its name, type and size tell; the server looks into it. */
  wrongWith(field, file) {
    const { fileType, fileLarge, fileEmpty } = field.form.dataset;
    const name = file.name.toLowerCase();
    const known = field.accept.split(",").some((one) => (one.startsWith(".") ? name.endsWith(one) : one === file.type));
    if (!known) {
      field.form.querySelector(".flex-answer__limits").open = true;
      return fileType;
    }
    if (!file.size) return fileEmpty;
    const most = Number(file.type.startsWith("image/") ? field.dataset.mostImage : field.dataset.most);
    return file.size > most ? fileLarge.replace("{most}", `${Math.round(most / 1048576)} MB`) : "";
  }

  complain(form, name, text) {
    const line = form.querySelector(`[data-error="${name}"]`);
    if (line) {
      // What is wrong is heard when it appears: choosing a file leaves the focus on its field.
      line.role = text ? "alert" : null;
      line.hidden = !text;
      line.textContent = text;
    }
    form.elements.namedItem(name)?.setAttribute("aria-invalid", String(Boolean(text)));
    return Boolean(text);
  }

  clicked(event) {
    const form = event.target.closest("form[data-answer]");
    if (form && event.target.closest("[data-remove]")) {
      this.setFile(form, null);
      form.elements.namedItem("body").focus();
    }
    const again = event.target.closest("[data-again]");
    if (again) again.closest("li").takeBack();
  }

  setFile(form, file) {
    const field = form.elements.namedItem("media");
    if (!field) return;
    const files = new DataTransfer();
    if (file) files.items.add(file);
    field.files = files.files;
    this.choose(form, field);
  }

  submitted(event) {
    const form = event.target.closest("form[data-answer]");
    // What leads to a page of its own, as the preview does, is no answer.
    if (!form || event.submitter?.hasAttribute("formaction")) return;
    event.preventDefault();
    event.stopPropagation();
    const area = form.elements.namedItem("body");
    const field = form.elements.namedItem("media");
    if (!area) return;
    const file = field?.files[0] ?? null;
    const draft = { form, file, body: area.value, subject: form.elements.namedItem("subject")?.value ?? "" };
    draft.version = form.elements.namedItem("draft")?.value;
    draft.template = form.querySelector("[data-template-chosen]");
    if (draft.template) {
      const said = draft.template.querySelector("[data-template-preview]").innerText;
      Object.assign(draft, { said, file: null, body: "", variables: variablesOf(form) });
    }
    // A second click, or a key, on what has just gone sends nothing.
    else if (!draft.body.trim() && !file) return area.focus();
    const isLong = Array.from(draft.body).length > Number(area.dataset.limit);
    if (this.complain(form, "body", isLong ? form.dataset.tooLong : "")) return area.focus();
    if (draft.file && this.complain(form, "media", this.wrongWith(field, file))) return field.focus();
    draft.key = form.elements.namedItem("idempotency_key").value || newKey();
    this.empty(draft);
    const bubble = this.show(draft);
    this.queue = this.queue.then(() => this.send(draft, bubble)).catch(() => this.fail(draft, bubble, words("refused")));
  }

  empty({ form, template }) {
    const area = form.elements.namedItem("body");
    if (template) form.dispatchEvent(new Event("flex-outbound:emptied", { bubbles: true }));
    else {
      this.fill(area, "");
      this.setFile(form, null);
    }
    form.elements.namedItem("idempotency_key").value = newKey();
    this.say("");
    area.focus();
  }

  /** Set a text so that whatever counts it hears of it. */
  fill(area, text) {
    area.value = text;
    area.dispatchEvent(new Event("input", { bubbles: true }));
  }

  // --- sending ---

  async send(draft, bubble) {
    const answer = await this.deliver(draft, bubble);
    bubble.progress.hidden = true;
    if (answer.status === 202 && answer.data?.id) {
      bubble.dataset.id = answer.data.id;
      this.say("");
      this.tell(answer.data);
      this.follow(answer.data, draft, bubble); // not waited for: the next one may go
      return;
    }
    this.refuse(draft, bubble, answer);
  }

  /** Repeat one request until it is answered. Key and content stay the same, so it is never carried out twice. */
  async deliver(draft, bubble) {
    const { form } = draft;
    const data = new FormData();
    data.set("body", draft.body);
    data.set("idempotency_key", draft.key);
    if (draft.subject) data.set("subject", draft.subject);
    if (draft.version) data.set("draft", draft.version);
    if (draft.file) data.set("media", draft.file);
    if (draft.template) {
      data.set("content_sid", draft.template.dataset.sid);
      data.set("content_variables", JSON.stringify(draft.variables));
    }
    const token = form.elements.namedItem("csrfmiddlewaretoken")?.value ?? page().token;
    const timeout = TIMEOUT + (draft.file ? draft.file.size / SLOWEST : 0);
    bubble.progress.hidden = !draft.file;
    for (let tries = 0; ; tries += 1) {
      const onprogress = draft.file ? (part) => (bubble.progress.value = part) : undefined;
      const answer = await ask(form.dataset.url, { body: data, token, timeout, onprogress });
      const isLost = answer.status === 0 || answer.status >= 500;
      const isSoon = answer.status === 429 && answer.wait <= 60;
      if ((!isLost && !isSoon) || tries === RESEND.length) return answer;
      this.say(words(isLost ? "lost" : "busy"), isLost ? "lost" : "busy");
      await pause(isSoon ? answer.wait * 1000 : RESEND[tries]);
    }
  }

  refuse(draft, bubble, { status, data }) {
    if (status === 400 && data && !data.detail) return this.fail(draft, bubble, "", data);
    const { detail = "", code = "" } = data ?? {};
    let text = detail || words(status === 404 ? "gone" : "refused");
    if (status === 0 || status >= 500) text = words("unreachable");
    else if (status === 401 || code === "not_authenticated" || (status < 400 && status !== 202)) text = words("signed_out");
    else if (status === 429) text = words("too_busy");
    else if (status === 403 && /csrf/i.test(detail)) text = words("stale");
    if (code === "idempotency_key_reused") draft.key = newKey();
    this.fail(draft, bubble, text);
    if (code === "conversation_closed") this.asked = 0;
  }

  /** Give a text back that was not sent. Where the next one is being typed already, it waits in its bubble. */
  fail(draft, bubble, text, problem = {}) {
    const { form } = draft;
    if (!bubble.isConnected) this.pending?.append(bubble);
    if (this.pending) this.pending.hidden = false;
    const isFree = form.isConnected && !this.isTyped(form);
    const first = text || [Object.values(problem)[0] ?? []].flat()[0] || "";
    bubble.dataset.state = "failed";
    bubble.state.textContent = bubble.notSent;
    bubble.error.textContent = first;
    bubble.error.hidden = !first;
    bubble.takeBack = () => {
      this.restore(draft);
      bubble.remove();
      this.pending.hidden = !this.pending.children.length;
    };
    bubble.again.hidden = !form.isConnected;
    this.say(first, "error");
    if (!isFree) return;
    bubble.takeBack();
    for (const [name, sentences] of Object.entries(problem)) this.complain(form, name, [sentences].flat().join(" "));
    form.querySelector('[aria-invalid="true"]')?.focus();
  }

  restore({ form, body, subject, file, key, template }) {
    if (template) form.dispatchEvent(new CustomEvent("flex-outbound:restored", { bubbles: true, detail: { template } }));
    const area = form.elements.namedItem("body");
    if (body) this.fill(area, area.value.trim() ? `${body}\n${area.value}` : body);
    const line = form.elements.namedItem("subject");
    if (line && subject) line.value = subject;
    if (file) this.setFile(form, file);
    form.elements.namedItem("idempotency_key").value = key;
    area.focus();
  }

  isTyped(form) {
    if (form.querySelector("[data-template-chosen]")) return true;
    return Boolean(form.elements.namedItem("body")?.value.trim() || form.elements.namedItem("media")?.files.length);
  }

  // --- what becomes of it ---

  show(draft) {
    const bubble = make("li", "flex-answer__bubble");
    bubble.dataset.testid = "flex-answer-bubble";
    bubble.dataset.state = "sending";
    const said = draft.said ?? draft.body;
    if (said.trim()) {
      const text = make("p", "flex-answer__said", said);
      text.dir = "auto";
      bubble.append(text);
    }
    if (draft.file) bubble.append(make("p", "flex-answer__file", draft.file.name));
    bubble.progress = draft.form.querySelector("[data-progress]")?.cloneNode() ?? document.createElement("progress");
    bubble.state = make("span", "flex-answer__state", words("sending"));
    bubble.error = make("p", "flex-outbound__error");
    bubble.error.hidden = true;
    bubble.again = make("button", "flex-outbound__secondary", draft.form.dataset.takeBack);
    Object.assign(bubble.again, { type: "button", hidden: true });
    bubble.again.dataset.again = "";
    bubble.notSent = draft.form.dataset.notSent;
    bubble.append(bubble.progress, bubble.state, bubble.error, bubble.again);
    this.pending.append(bubble);
    this.pending.hidden = false;
    bubble.scrollIntoView({ block: "nearest" });
    return bubble;
  }

  async follow(message, draft, bubble) {
    let known = message;
    this.giveWay(bubble);
    for (let looks = 0; looks < LOOKS && this.isConnected; looks += 1) {
      this.update(known, draft, bubble);
      if (known.is_final) return;
      await pause(document.hidden ? PATIENT : (POLLS[looks] ?? (looks < 40 ? POLLS.at(-1) : PATIENT)));
      const answer = await ask(message.status_url);
      if (answer.status === 200 && answer.data?.id) {
        if (answer.data.status !== known.status) this.tell(answer.data);
        known = answer.data;
      } else if (answer.status >= 400 && answer.status < 500 && answer.status !== 429) return;
    }
  }

  update(message, draft, bubble) {
    bubble.dataset.state = message.status;
    if (bubble.state.textContent !== message.status_label) bubble.state.textContent = message.status_label;
    if (message.status !== "failed") return;
    draft.key = newKey(); // this one has failed for good
    this.fail(draft, bubble, message.error_message);
    this.asked = 0;
    this.looked();
  }

  /** The timeline shows it sooner or later; until then the bubble stays. What failed stays until it is taken back. */
  async giveWay(bubble) {
    while (bubble.isConnected && bubble.dataset.state !== "failed" && !this.isShown(bubble.dataset.id)) await pause(200);
    if (bubble.dataset.state === "failed") return;
    bubble.remove();
    if (this.pending) this.pending.hidden = !this.pending.children.length;
  }

  isShown(id) {
    return document.querySelector(`[data-entry][data-key="m${CSS.escape(String(id))}"]`) !== null;
  }

  tell(message) {
    this.dispatchEvent(new CustomEvent("flex-outbound:said", { bubbles: true, composed: true, detail: { message } }));
  }

  // --- which conversations are open ---

  happened(interaction) {
    if (!interaction) return;
    const state = [interaction.status, interaction.phase, interaction.conversation_sid].join(" ");
    this.seen ??= new Map();
    if (this.seen.get(interaction.id) === state) return;
    this.seen.set(interaction.id, state);
    if (interaction.conversation_sid) this.refresh();
  }

  looked() {
    if (!document.hidden && Date.now() - this.asked > FRESH) this.refresh();
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

  /** Show the forms as they are now, unless somebody is at one of them. */
  async refresh() {
    const { formUrl } = this.dataset;
    if (!formUrl || this.isAsking) return;
    this.isAsking = true;
    this.asked = Date.now();
    const { document: fetched } = await ask(formUrl, { type: "document" });
    await this.released;
    this.isAsking = false;
    const fresh = fetched?.querySelector("flex-answer");
    if (!fresh || !this.isConnected || this.forms.some((form) => this.isTyped(form))) return;
    const state = (root) => [...root.querySelectorAll("[data-answer]")].map((one) => one.dataset.answer + one.dataset.version);
    if (String(state(fresh)) === String(state(this)) && fresh.children.length === this.children.length) return;
    const bubbles = [...(this.pending?.children ?? [])];
    const hadFocus = this.contains(document.activeElement);
    this.replaceChildren(...[...fresh.childNodes].map((one) => document.importNode(one, true)));
    if (this.pending && bubbles.length) {
      this.pending.append(...bubbles);
      this.pending.hidden = false;
    }
    for (const form of this.forms) {
      const token = form.elements.namedItem("csrfmiddlewaretoken");
      if (token && page().token) token.value = page().token;
      form.elements.namedItem("next").value = location.pathname + location.search;
    }
    this.prepare();
    if (hadFocus) this.querySelector("textarea")?.focus();
  }
}

if (!customElements.get("flex-answer")) customElements.define("flex-answer", FlexAnswerElement);
