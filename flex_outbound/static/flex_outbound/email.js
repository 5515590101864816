/**
 * The preview of an email, within its form: what the server would send, asked for again while one goes on writing.
 */

const PAUSE = 600; // ms after the last key
const TIMEOUT = 15000;

const previews = new WeakMap();

function words(key) {
  const list = document.getElementById("flex-outbound-words");
  return list?.content.querySelector(`[data-word="${key}"]`)?.textContent ?? key;
}

/** Ask for the preview of a form. Resolves to markup of the server's, or to a paragraph that says what is wrong. */
async function ask(button) {
  const { header, token, language } = document.getElementById("flex-outbound-page")?.dataset ?? {};
  const body = new FormData(button.form, button);
  body.delete("media");
  try {
    const response = await fetch(button.getAttribute("formaction"), {
      method: "POST",
      body,
      headers: {
        Accept: "text/html",
        ...(header && token && { [header]: token }),
        ...(language && { "Accept-Language": language }),
      },
      credentials: "same-origin",
      cache: "no-store",
      signal: AbortSignal.timeout(TIMEOUT),
    });
    const parsed = new DOMParser().parseFromString(await response.text(), "text/html");
    const found = parsed.querySelector("[data-email-preview]");
    if (found) return document.importNode(found, true);
    const wrong = parsed.querySelector("[data-error]:not([hidden])") ?? parsed.querySelector(".flex-outbound__alert");
    return said(wrong?.textContent.trim().replace(/\s+/g, " ") || words(response.ok ? "signed_out" : "refused"));
  } catch {
    return said(words("no_connection"));
  }
}

function said(text) {
  const line = document.createElement("p");
  line.className = "flex-outbound__error";
  line.setAttribute("role", "alert");
  line.textContent = text;
  return line;
}

class Preview {
  constructor(button) {
    this.button = button;
    this.place = button.parentElement.querySelector("[data-preview-place]");
    this.asked = 0;
  }

  get isOpen() {
    return !this.place.hidden;
  }

  async show() {
    this.place.hidden = false;
    this.button.setAttribute("aria-expanded", "true");
    this.asked += 1;
    const number = this.asked;
    const found = await ask(this.button);
    if (number === this.asked && this.isOpen) this.place.replaceChildren(found);
  }

  hide() {
    this.asked += 1;
    clearTimeout(this.timer);
    this.place.hidden = true;
    this.place.replaceChildren();
    this.button.setAttribute("aria-expanded", "false");
  }

  renew() {
    clearTimeout(this.timer);
    if (this.isOpen) this.timer = setTimeout(() => this.isOpen && this.show(), PAUSE);
  }
}

function previewOf(form) {
  const button = form?.querySelector?.("[data-preview]");
  if (!button) return null;
  if (!previews.has(form)) previews.set(form, new Preview(button));
  return previews.get(form);
}

document.addEventListener(
  "click",
  (event) => {
    const button = event.target.closest?.("[data-preview]");
    if (!button) return;
    event.preventDefault();
    const preview = previewOf(button.form);
    if (preview.isOpen) preview.hide();
    else preview.show();
  },
  { capture: true },
);
for (const name of ["input", "change"]) {
  document.addEventListener(name, (event) => event.target.name && previewOf(event.target.form)?.renew());
}
document.addEventListener("reset", (event) => previewOf(event.target)?.hide());
document.addEventListener("submit", (event) => !event.submitter?.hasAttribute("formaction") && previewOf(event.target)?.hide(), {
  capture: true,
});
