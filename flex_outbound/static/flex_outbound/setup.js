// The admin's setup screens: Test connection in place, and the progress of an import. Both work without this file too.

function line(tag, text, parent) {
  const element = document.createElement(tag);
  element.textContent = text;
  parent.append(element);
  return element;
}

function show(answer, box, said) {
  box.replaceChildren();
  const frame = document.createElement("div");
  frame.className = `flex-box flex-box--${answer.ok ? "good" : "bad"}`;
  line("h2", answer.summary, frame);
  if (answer.remedy) line("p", answer.remedy, frame);
  if (answer.detail) {
    const words = line("p", `${said} `, frame);
    line("q", answer.detail, words);
    if (answer.url) {
      words.append(" ");
      const link = line("a", String(answer.code), words);
      link.href = answer.url;
      link.target = "_blank";
      link.rel = "noopener noreferrer";
    }
  }
  box.append(frame);
}

async function ask(button, box) {
  const form = button.form;
  const answer = await fetch(button.formAction, {
    method: "POST",
    body: new FormData(form),
    headers: { Accept: "application/json" },
    credentials: "same-origin",
  });
  if (!answer.ok) throw new Error(String(answer.status));
  show(await answer.json(), box, button.dataset.said);
}

function testing(button) {
  const box = document.querySelector("[data-flex-test-answer]");
  button.addEventListener("click", async (event) => {
    event.preventDefault();
    if (button.getAttribute("aria-disabled") === "true") return;
    button.setAttribute("aria-disabled", "true");
    box.replaceChildren();
    line("p", button.dataset.waiting, box);
    try {
      await ask(button, box);
    } catch {
      show({ ok: false, summary: button.dataset.failed }, box, "");
    } finally {
      button.removeAttribute("aria-disabled");
    }
  });
}

function polling(box) {
  const again = (seconds) => setTimeout(look, seconds * 1000);
  async function look() {
    if (document.hidden) return again(1);
    try {
      const answer = await fetch(box.dataset.flexPoll, { headers: { Accept: "application/json" } });
      if (!answer.ok) throw new Error(String(answer.status));
      const state = await answer.json();
      if (!state.under_way) return location.reload();
      // Rendered and escaped by the server.
      if (box.innerHTML !== state.html) box.innerHTML = state.html;
      return again(1);
    } catch {
      return again(5);
    }
  }
  again(1);
}

function start() {
  document.querySelectorAll("[data-flex-test]").forEach(testing);
  document.querySelectorAll("[data-flex-poll]").forEach(polling);
}

if (document.readyState === "loading") {
  document.addEventListener("DOMContentLoaded", start);
} else {
  start();
}
