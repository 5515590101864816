/**
 * Keyboard shortcuts on a contact's page: open a composer, go to the answer, show the list of shortcuts.
 *
 * The keys are in the page's <template id="flex-outbound-shortcuts">, which is also the list that `?` shows. Whoever
 * dictates, or presses keys by mistake, switches them off there (WCAG 2.1.4); this browser keeps that.
 * While somebody types, and together with Ctrl, Alt or Meta, a key keeps its own meaning.
 */

const STORED = "flex-outbound-shortcuts";
const TYPED_INTO = [
  "input:not([type=button], [type=checkbox], [type=file], [type=image], [type=radio], [type=range], [type=reset], [type=submit])",
  "textarea",
  "select",
  "[role=combobox]",
  "[role=searchbox]",
  "[role=textbox]",
].join();

const list = () => document.getElementById("flex-outbound-shortcuts")?.content ?? null;

// A browser may forbid the storage; the shortcuts then stay on, and what the checkbox says counts until the page is left.
let isOff = false;

function isSwitchedOff() {
  try {
    return localStorage.getItem(STORED) === "off";
  } catch {
    return isOff;
  }
}

function switchOff(off) {
  isOff = off;
  try {
    if (off) localStorage.setItem(STORED, "off");
    else localStorage.removeItem(STORED);
  } catch {
    // See above.
  }
}

function isTyping(element) {
  return Boolean(element?.isContentEditable || element?.closest?.(TYPED_INTO));
}

function pressed(event) {
  if (event.defaultPrevented || event.isComposing || event.repeat || event.ctrlKey || event.altKey || event.metaKey) return;
  if (isTyping(event.composedPath()[0]) || document.querySelector("dialog[open]") || isSwitchedOff()) return;
  const key = event.key === "?" || !event.shiftKey ? event.key : "";
  const row = [...(list()?.querySelectorAll("[data-key]") ?? [])].find((one) => one.dataset.key === key);
  if (row && follow(row.dataset)) event.preventDefault();
}

/** Do what a line of the list says. Returns whether the page has what it needs. */
function follow({ opens, does }) {
  if (opens) return openComposer(opens);
  return does === "answer" ? goToAnswer() : showList();
}

function openComposer(channel) {
  const form = document.querySelector(`flex-outbound form[data-open][data-channel="${CSS.escape(channel)}"]`);
  const composer = form?.querySelector("details.flex-outbound__composer");
  // A channel that cannot be used says why on its button.
  const target = composer ? composer.querySelector("[name=subject], textarea") : form?.querySelector("button");
  if (composer) composer.open = true;
  target?.focus();
  return Boolean(target);
}

function goToAnswer() {
  const areas = [...document.querySelectorAll("flex-answer form[data-answer] textarea")];
  const area = areas.find((one) => one.checkVisibility()) ?? areas[0];
  const folded = area?.closest("details");
  if (folded) folded.open = true;
  area?.focus();
  return Boolean(area);
}

function showList() {
  if (!document.querySelector("flex-outbound form[data-open], flex-answer")) return false;
  const dialog = list().firstElementChild.cloneNode(true);
  const checkbox = dialog.querySelector("[data-shortcuts-on]");
  checkbox.checked = !isSwitchedOff();
  checkbox.addEventListener("change", () => switchOff(!checkbox.checked));
  dialog.querySelector("[data-close]").addEventListener("click", () => dialog.close());
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
  return true;
}

document.addEventListener("keydown", pressed);
document.addEventListener("click", (event) => {
  if (event.target.closest?.("[data-shortcuts]")) showList();
});
