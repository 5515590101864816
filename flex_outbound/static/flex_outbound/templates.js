/**
 * Choosing a template in a composer or an answer: what the links of `[data-flex-templates]` lead to opens in its place.
 *
 * The server makes all markup; values are filled into the preview as text. A form whose variables do not fit is not
 * submitted. The scripts of the forms take `content_sid` and `content_variables.…` out of the form's fields, and say
 * with `flex-outbound:emptied` and `flex-outbound:restored` (detail.template) that a form was sent or came back. That of
 * the drafts asks with `flex-outbound:choose` (detail: sid, values, done) for one that was chosen before. An `input` event
 * says that something else is chosen.
 */

const PATIENCE = 250; // ms without a key after which a search goes
const TIMEOUT = 15000;

const page = () => document.getElementById("flex-outbound-page")?.dataset ?? {};
const partsOf = (form) => ({
  place: form?.querySelector("[data-flex-templates]") ?? null,
  begin: form?.querySelector("[data-template-begin]") ?? null,
  panel: form?.querySelector("[data-template-panel]") ?? null,
});

/** Where the template of a form stands, from any of its parts: the way to the list and the list are beside the buttons. */
function placeOf(node) {
  const part = node?.closest?.("[data-flex-templates], [data-template-begin], [data-template-panel]");
  return part ? partsOf(part.closest("form")).place : null;
}

const beginOf = (place) => partsOf(place.closest("form")).begin;
const panelOf = (place) => partsOf(place.closest("form")).panel;
const chosenIn = (root) => root?.querySelector("[data-template-chosen]") ?? null;

/** Ask for a part of a page. Resolves to a fragment, null where there is none. */
async function part(url, fields = {}) {
  const wanted = new URL(url, location.href);
  for (const [name, value] of Object.entries({ ...fields, part: "1" })) wanted.searchParams.set(name, value);
  const headers = { Accept: "text/html" };
  const { language } = page();
  if (language) headers["Accept-Language"] = language;
  try {
    const signal = AbortSignal.timeout(TIMEOUT);
    const response = await fetch(wanted, { headers, credentials: "same-origin", cache: "no-store", signal });
    // A redirect ends at the sign-in page.
    if (!response.ok || response.redirected) return null;
    const parsed = new DOMParser().parseFromString(await response.text(), "text/html");
    const fragment = document.createDocumentFragment();
    fragment.append(...[...parsed.body.childNodes].map((node) => document.importNode(node, true)));
    return fragment;
  } catch {
    return null;
  }
}

function tell(place, text) {
  const line = place.querySelector("[data-template-problem]");
  line.textContent = text;
  line.hidden = !text;
}

// --- the list ---

async function open(place, url, isFree = () => true) {
  const panel = panelOf(place);
  if (!panel.hidden) return close(place);
  panel.dataset.url = withSender(place, url);
  const fragment = await part(panel.dataset.url);
  if (!panel.hidden) return; // asked for twice
  tell(place, fragment ? "" : place.dataset.failed);
  if (!fragment) return;
  panel.replaceChildren(fragment);
  panel.hidden = false;
  mark(place, true);
  if (isFree()) (panel.querySelector("[type=search]") ?? panel.querySelector("a"))?.focus();
}

/** After WhatsApp's 24 hours only templates are delivered: the list opens by itself. Who types is not disturbed. */
function openIfClosed(form) {
  const place = form.querySelector("[data-flex-templates]");
  if (!place || form.dataset.window !== "closed" || chosenIn(place) || !panelOf(place).hidden) return;
  const composer = place.closest("details");
  if (composer && !composer.open) return;
  const isFree = () => form.contains(document.activeElement) && !form.elements.namedItem("body")?.value;
  open(place, beginOf(place).href, isFree);
}

function close(place) {
  const panel = panelOf(place);
  const hadFocus = panel.contains(document.activeElement);
  panel.hidden = true;
  panel.replaceChildren();
  mark(place, false);
  if (hadFocus) (chosenIn(place)?.querySelector("[data-template-open]") ?? beginOf(place)).focus();
}

function mark(place, isOpen) {
  for (const link of [...place.querySelectorAll("[data-template-open]"), beginOf(place)]) link.setAttribute("aria-expanded", String(isOpen));
}

/** What may be sent depends on the account of the sender. */
function withSender(place, url) {
  const wanted = new URL(url, location.href);
  const sender = place.closest("form")?.elements.namedItem("sender")?.value;
  if (sender) wanted.searchParams.set("sender", sender);
  return wanted.href;
}

async function search(place) {
  const panel = panelOf(place);
  const fields = {};
  for (const field of panel.querySelectorAll("[name]")) fields[field.name] = field.value;
  const asked = JSON.stringify(fields);
  panel.dataset.asked = asked;
  const fragment = await part(panel.dataset.url, fields);
  if (panel.dataset.asked !== asked || panel.hidden) return; // something else is wanted by now
  const results = fragment?.querySelector("[data-template-results]");
  tell(place, results ? "" : place.dataset.failed);
  if (!results) return;
  panel.querySelector("[data-template-results]").replaceChildren(...results.childNodes);
  panel.querySelector("[data-template-count]").textContent = results.dataset.said;
}

// --- one ---

async function choose(place, url) {
  const fragment = await part(url);
  const chosen = chosenIn(fragment);
  tell(place, chosen ? "" : place.dataset.failed);
  if (!chosen) return;
  close(place);
  put(place, chosen);
  changed(place);
  (chosen.querySelector("[data-template-variable]") ?? chosen.querySelector("[data-template-open]")).focus();
}

function changed(place) {
  place.dispatchEvent(new Event("input", { bubbles: true }));
}

/** Choose one again with the values that a draft has. `done` hears whether it may still be sent. */
async function chooseAgain(place, { sid, values, done }) {
  const url = new URL(beginOf(place).href);
  url.pathname += `${encodeURIComponent(sid)}/`;
  const fragment = await part(withSender(place, url));
  const chosen = chosenIn(fragment);
  tell(place, chosen ? "" : place.dataset.gone);
  if (chosen) {
    for (const field of chosen.querySelectorAll("[data-template-variable]")) field.value = values[field.name] ?? field.value;
    // Who opens the page is not sent to the field.
    for (const field of chosen.querySelectorAll("[autofocus]")) field.removeAttribute("autofocus");
    close(place);
    put(place, chosen);
  }
  done(Boolean(chosen));
}

/** Let a template stand in the place of the text. */
function put(place, chosen) {
  chosenIn(place)?.remove();
  place.prepend(chosen);
  // The browser's own check would hold up the form without a word where the composer is closed.
  for (const field of chosen.querySelectorAll("[required]")) {
    field.required = false;
    field.setAttribute("aria-required", "true");
  }
  // A page that was asked for with a template has no text field.
  for (const live of chosen.querySelectorAll("[data-live]")) live.hidden = !place.closest("form")?.elements.namedItem("body");
  setText(place, false);
  show(chosen);
}

function remove(place) {
  chosenIn(place)?.remove();
  setText(place, true);
}

function setText(place, isText) {
  beginOf(place).hidden = !isText;
  const form = place.closest("form");
  if (!form) return;
  for (const name of ["body", "media"]) {
    const field = form.elements.namedItem(name);
    if (!field) continue;
    field.disabled = !isText;
    const box = field.closest(".flex-outbound__field");
    if (box) box.hidden = !isText;
  }
  form.toggleAttribute("data-template", !isText);
  for (const name of ["content_sid", "content_variables"]) complain(place.querySelector(`[data-error="${name}"]`), "");
}

/** Write the values into the preview. */
function show(chosen) {
  const values = new Map();
  for (const field of chosen.querySelectorAll("[data-template-variable]")) {
    values.set(field.dataset.templateVariable, field.value);
  }
  for (const mark of chosen.querySelectorAll("[data-variable]")) {
    const value = values.get(mark.dataset.variable) ?? "";
    mark.textContent = value || mark.dataset.sample;
    mark.toggleAttribute("data-blank", !value);
  }
}

function wrongWith(field, words, text = field.value) {
  if (!text.trim()) return words.missing;
  if (Array.from(text).length > Number(words.most)) return words.tooLong;
  if (/[\n\r\v\f\u0085\u2028\u2029]/.test(text)) return words.lineBreak;
  if (text.includes("\t")) return words.tab;
  return / {5,}/.test(text) ? words.spaces : "";
}

function complain(line, text) {
  if (!line) return;
  line.role = text ? "alert" : null;
  line.hidden = !text;
  line.textContent = text;
}

function complainAt(field, text) {
  complain(field.parentElement.querySelector("[data-template-error]"), text);
  field.setAttribute("aria-invalid", String(Boolean(text)));
}

/** Return the first field whose value does not fit; each says why. */
function check(chosen) {
  let first = null;
  for (const field of chosen.querySelectorAll("[data-template-variable]")) {
    const wrong = wrongWith(field, chosen.dataset);
    complainAt(field, wrong);
    if (wrong) first ??= field;
  }
  return first;
}

// --- what happens ---

document.addEventListener("click", (event) => {
  // One list at a time.
  const { place: beside } = partsOf(event.target.closest?.("[data-replies]")?.form);
  if (beside) close(beside);
  const place = placeOf(event.target);
  if (!place || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
  const opener = event.target.closest("[data-template-open]");
  const choice = event.target.closest("[data-template]");
  if (opener || choice) event.preventDefault();
  if (opener) open(place, opener.href);
  else if (choice && choice.href) choose(place, choice.href);
  else if (event.target.closest("[data-template-remove]")) {
    // Not at once: a composer closes on a click on what it does not contain.
    setTimeout(() => {
      remove(place);
      changed(place);
      place.closest("form")?.elements.namedItem("body")?.focus();
    });
  }
});

let timer;
document.addEventListener("input", ({ target }) => {
  const place = placeOf(target);
  if (!place) return;
  if (target.matches("[data-template-panel] *")) {
    clearTimeout(timer);
    timer = setTimeout(() => search(place), PATIENCE);
    return;
  }
  const chosen = target.closest("[data-template-chosen]");
  if (!chosen) return;
  const wrong = wrongWith(target, chosen.dataset);
  // What is missing is only said when it is to be sent.
  complainAt(target, wrong === chosen.dataset.missing ? "" : wrong);
  show(chosen);
});

// A field of one line would drop the breaks without a word, and glue two words together.
document.addEventListener("paste", (event) => {
  const chosen = event.target.closest?.("[data-template-chosen]");
  if (!chosen || !event.target.matches("[data-template-variable]")) return;
  const text = (event.clipboardData?.getData("text") ?? "").trim();
  if (!/[\n\r\v\f\u0085\u2028\u2029]/.test(text)) return;
  event.preventDefault();
  complainAt(event.target, chosen.dataset.lineBreak);
});

document.addEventListener(
  "keydown",
  (event) => {
    const panel = event.target.closest?.("[data-template-panel]");
    if (!panel || event.isComposing) return;
    // Within the list the keys are the list's own, not those of the form around it.
    if (event.key === "Escape") {
      event.preventDefault();
      close(placeOf(panel));
    } else if (event.key === "Enter" && event.target.matches("input, select")) event.preventDefault();
    else return;
    event.stopPropagation();
  },
  { capture: true },
);

// On the way down, before the scripts of the forms take it.
document.addEventListener(
  "submit",
  (event) => {
    const chosen = chosenIn(event.target);
    const field = chosen && check(chosen);
    if (!field) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    const details = field.closest("details");
    if (details) details.open = true;
    field.focus();
  },
  { capture: true },
);

for (const name of ["reset", "flex-outbound:emptied"]) {
  document.addEventListener(name, ({ target }) => {
    const place = target.querySelector?.("[data-flex-templates]");
    if (place && chosenIn(place)) remove(place);
  });
}

document.addEventListener("flex-outbound:restored", ({ target, detail }) => {
  const place = target.querySelector("[data-flex-templates]");
  if (!place || !detail.template) return;
  put(place, detail.template);
  changed(place);
});

document.addEventListener("flex:window-closed", ({ target }) => openIfClosed(target));
document.addEventListener("flex:window-open", ({ target }) => {
  const place = target.querySelector("[data-flex-templates]");
  if (place && !chosenIn(place)) close(place);
});
document.addEventListener(
  "toggle",
  ({ target }) => {
    const form = target.open && target.matches?.(".flex-outbound__composer, .flex-answer__choice") && (target.closest("form") ?? target.querySelector("form"));
    // After the script of the window, which looks at the clock when a composer opens.
    if (form) setTimeout(() => openIfClosed(form));
  },
  { capture: true },
);

document.addEventListener("flex-outbound:choose", ({ target, detail }) => {
  const place = target.querySelector("[data-flex-templates]");
  if (place) chooseAgain(place, detail);
  else detail.done(false);
});

// What was refused without the script comes back with its template chosen.
for (const chosen of document.querySelectorAll("[data-template-chosen]")) put(placeOf(chosen), chosen);
