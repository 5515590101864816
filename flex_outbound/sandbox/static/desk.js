// The agent's desk: draws /_sandbox/desk once a second and sends what is clicked to the control API.
// Everything that people wrote reaches the page through textContent alone.

const POLL_MS = 1000;
const MOVES = {
  pending: ["cancel"],
  reserved: ["accept", "reject", "cancel"],
  assigned: ["wrapup", "complete", "leave", "pause", "cancel"],
  wrapping: ["complete"],
};
const LABELS = {
  accept: "Accept",
  reject: "Reject",
  wrapup: "Wrap up",
  complete: "Complete",
  leave: "Leave",
  pause: "Pause",
  resume: "Resume",
  cancel: "Cancel",
};
const CHANNELS = { sms: "SMS", whatsapp: "WhatsApp", email: "Email", chat: "Chat", web: "Web chat", messenger: "Messenger" };

const byId = (id) => document.getElementById(id);
const drawn = new Map();
let data = null;
let task = location.hash.slice(1);
let phone = "";
let timer = 0;
let shownTask = "";

function element(tag, options = {}, ...children) {
  const made = document.createElement(tag);
  const { dataset, ...properties } = options;
  Object.assign(made, properties);
  Object.assign(made.dataset, dataset);
  made.append(...children);
  return made;
}

async function call(path, body) {
  const options = body === undefined ? {} : { method: "POST", body: JSON.stringify(body) };
  const answer = await fetch(`/_sandbox/${path}`, { ...options, headers: { "Content-Type": "application/json" } });
  const reply = await answer.json();
  if (!answer.ok) throw new Error(reply.message ?? reply.error ?? `HTTP ${answer.status}`);
  return reply;
}

async function act(path, body) {
  try {
    await call(path, body);
    notice("");
    await refresh();
    return true;
  } catch (error) {
    notice(error.message);
    return false;
  }
}

function notice(text) {
  byId("notice").textContent = text;
  byId("notice").hidden = !text;
}

async function refresh() {
  try {
    const asked = wanted();
    data = await call(`desk?${asked}`);
    follow();
    // A task that was just chosen, or linked to, has its conversation named only now.
    if (wanted() !== asked) data = await call(`desk?${wanted()}`);
    live("on", "live");
  } catch {
    live("off", "the sandbox does not answer");
    return;
  }
  draw();
}

function wanted() {
  const threads = [selected()?.conversation_sid, phone].filter(Boolean);
  return threads.map((sid) => `thread=${encodeURIComponent(sid)}`).join("&");
}

function live(state, text) {
  byId("live").className = `live ${state}`;
  byId("live").textContent = text;
}

function selected() {
  return data?.tasks.find((one) => one.sid === task);
}

// The phone follows the selected task until somebody chooses another conversation on it.
function follow() {
  if (!phone) phone = selected()?.conversation_sid ?? data.conversations[0]?.sid ?? "";
}

// Redraw a part only when what it shows has changed, so that focus and scrolling survive the polling.
function part(name, shown, redraw) {
  const text = JSON.stringify(shown);
  if (drawn.get(name) === text) return;
  drawn.set(name, text);
  const key = document.activeElement?.dataset?.key;
  redraw();
  if (key) document.querySelector(`[data-key="${CSS.escape(key)}"]`)?.focus();
}

function draw() {
  part("options", data.options, drawOptions);
  part("workers", [data.workers, data.tasks, task], drawWorkers);
  const current = selected();
  const thread = data.threads[current?.conversation_sid];
  part("head", [current, thread?.state], () => drawHead(current, thread));
  part("thread", [current?.sid, thread], () => drawThread(byId("thread"), thread, false));
  part("reply", [current?.status, thread?.state], () => drawReply(current, thread));
  part("choices", [data.conversations, phone], drawChoices);
  part("phone", [phone, data.threads[phone]], drawPhone);
  for (const time of document.querySelectorAll("#workers time")) time.textContent = age(time.dateTime);
}

function drawOptions() {
  const { auto_accept: accepting, latency_ms: latency } = data.options;
  byId("auto-accept").checked = accepting;
  const select = byId("latency");
  if (![...select.options].some((one) => Number(one.value) === latency)) {
    select.append(element("option", { value: String(latency), textContent: `${latency} ms` }));
  }
  select.value = String(latency);
}

function drawWorkers() {
  const waiting = data.tasks.filter((one) => !one.worker_sid);
  const groups = data.workers.map((one) => drawWorker(one, data.tasks.filter((each) => each.worker_sid === one.sid)));
  // Whoever has something to do comes first.
  groups.sort((first, second) => second.count - first.count);
  const parts = groups.map((one) => one.node);
  if (waiting.length) parts.unshift(element("div", { className: "worker" }, ...waiting.map(drawTask)));
  byId("workers").replaceChildren(...parts);
  if (shownTask !== task) document.querySelector(".task.selected")?.scrollIntoView({ block: "nearest" });
  shownTask = selected() ? task : "";
}

function drawWorker(worker, tasks) {
  const head = element(
    "div",
    { className: "worker-head" },
    element("span", { className: "avatar", textContent: worker.name.slice(0, 2), ariaHidden: "true" }),
    element("span", { className: "worker-name", textContent: worker.name }),
    element("button", {
      type: "button",
      className: worker.available ? "activity available" : "activity",
      textContent: worker.activity,
      title: worker.available ? "Set offline" : "Set available",
      onclick: () => act(`workers/${worker.sid}`, { activity: worker.available ? "Offline" : "Available" }),
      dataset: { testid: "activity", key: `activity-${worker.sid}` },
    }),
  );
  const node = element("div", { className: "worker", dataset: { testid: "worker", worker: worker.name } }, head);
  node.append(...tasks.map(drawTask));
  const live = tasks.filter((one) => one.status in MOVES).length;
  return { node, count: live * 1000 + tasks.length };
}

function drawTask(one) {
  const open = element(
    "button",
    { type: "button", className: "task-open", onclick: () => choose(one.sid), dataset: { key: `open-${one.sid}` } },
    element("span", { className: "task-name", textContent: one.customer }),
    element("span", { className: `pill ${one.status}`, textContent: one.status }),
    element("span", { className: "meta", textContent: `${CHANNELS[one.channel] ?? one.channel} · ${bare(one.address)}` }),
    element("time", { dateTime: one.created, textContent: age(one.created) }),
  );
  open.setAttribute("aria-pressed", String(one.sid === task));
  const classes = ["task", one.sid === task && "selected", !(one.status in MOVES) && "ended"].filter(Boolean);
  return element(
    "article",
    { className: classes.join(" "), dataset: { testid: "task", task: one.sid, status: one.status } },
    open,
    element("div", { className: "actions" }, ...movesOf(one).map((move) => moveButton(one, move))),
  );
}

// A paused conversation has no task. The last task of its interaction has the button to go on.
function movesOf(one) {
  const last = data.tasks.find((each) => each.interaction_sid === one.interaction_sid);
  const resumes = one.status === "completed" && one.channel_status === "pause" && last === one;
  return resumes ? ["resume"] : (MOVES[one.status] ?? []);
}

function moveButton(one, move) {
  const main = move === "accept" || (move === "complete" && one.status === "wrapping");
  const kind = move === "cancel" || move === "reject" ? "danger" : main ? "" : "quiet";
  return element("button", {
    type: "button",
    className: kind,
    textContent: LABELS[move],
    onclick: () => (move === "resume" ? resume(one) : moveTask(one.sid, move)),
    dataset: { testid: move, key: `${move}-${one.sid}` },
  });
}

async function moveTask(sid, move) {
  if (move === "accept") choose(sid);
  await act(`tasks/${sid}/${move}`, {});
}

async function resume(one) {
  try {
    choose((await call(`interactions/${one.interaction_sid}/resume`, {})).task_sid);
    notice("");
  } catch (error) {
    notice(error.message);
  }
}

function choose(sid) {
  task = sid;
  phone = selected()?.conversation_sid ?? phone;
  history.replaceState(null, "", `#${sid}`);
  refresh();
}

function drawHead(current, thread) {
  byId("talk-title").textContent = current?.customer ?? (task ? "Task not found" : "No task selected");
  const gone = task ? `${task} is not in TaskRouter any more.` : "Choose a task to see its conversation.";
  const state = thread ? `conversation ${thread.state}` : "no conversation yet";
  const line = current && `${CHANNELS[current.channel] ?? current.channel} · ${current.status} · ${state} · ${current.sid}`;
  byId("talk-meta").textContent = line || gone;
}

function drawReply(current, thread) {
  const open = Boolean(thread) && thread.state !== "closed" && current.status in MOVES;
  for (const control of byId("reply").elements) control.disabled = !open;
}

function drawThread(list, thread, onPhone) {
  const bottom = list.scrollHeight - list.scrollTop - list.clientHeight < 60;
  const messages = (thread?.messages ?? []).filter((one) => !onPhone || one.from_customer || one.status !== "failed");
  const nodes = messages.map((one) => drawMessage(one, onPhone));
  const text = onPhone ? "Nothing has arrived yet." : "No messages yet.";
  list.replaceChildren(...(nodes.length ? nodes : [element("li", { className: "empty", textContent: text })]));
  if (bottom) list.scrollTop = list.scrollHeight;
}

function drawMessage(one, onPhone) {
  const mine = one.from_customer === onPhone;
  const bubble = element("div", { className: "bubble" });
  if (one.subject) bubble.append(element("span", { className: "subject", textContent: one.subject }));
  bubble.append(one.body, ...one.media.map(drawMedia));
  const failed = one.receipts.some((each) => each.status === "failed" || each.status === "undelivered");
  const came = one.from_customer ? "" : one.receipts.map((each) => receiptText(each, one.receipts.length > 1)).join(", ");
  const status = came && ` · ${came}`;
  const who = onPhone ? "" : `${one.author} · `;
  const stamp = element("span", {
    className: failed ? "stamp bad" : "stamp",
    textContent: `${who}${new Date(one.created).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" })}${status}`,
  });
  return element("li", { className: mine ? "message mine" : "message", dataset: { testid: "message", message: one.sid } }, bubble, stamp);
}

function drawMedia(one) {
  const name = one.filename ?? one.sid;
  return element("span", { className: "file", textContent: name, title: `${one.content_type}, ${one.size} bytes` });
}

// An address without the name of its channel.
function bare(address) {
  return address.replace(/^(whatsapp|messenger):/, "");
}

// The statuses in the order in which they came; where none has come yet, that of the receipt itself.
function receiptText(one, several) {
  const code = one.error_code ? ` ${one.error_code}` : "";
  const steps = one.reported.length ? one.reported.join(" → ") : one.status;
  return `${several ? `${one.address} ` : ""}${steps}${code}`;
}

function drawChoices() {
  const choices = data.conversations.map((one) => {
    const ended = one.state === "active" ? "" : ` (${one.state})`;
    return element("option", { value: one.sid, textContent: `${bare(one.address)}${ended}` });
  });
  const none = element("option", { value: "", textContent: "No conversation yet" });
  byId("phone-select").replaceChildren(...(choices.length ? choices : [none]));
  byId("phone-select").value = phone;
}

function drawPhone() {
  const thread = data.threads[phone];
  const about = data.conversations.find((one) => one.sid === phone);
  drawThread(byId("phone-thread"), thread, true);
  const sender = about?.proxy ? ` with ${bare(about.proxy)}` : "";
  byId("phone-meta").textContent = about ? `${CHANNELS[about.type] ?? about.type}${sender}` : "The customer's phone";
  for (const control of byId("phone-form").elements) control.disabled = !thread || thread.state === "closed";
  byId("phone-read").hidden = !unread().length;
}

// What has arrived on this phone and was not read there.
function unread() {
  const address = data.conversations.find((one) => one.sid === phone)?.address;
  const messages = data.threads[phone]?.messages ?? [];
  return messages.filter((one) => one.receipts.some((each) => each.address === address && each.status === "delivered"));
}

async function markRead() {
  const address = data.conversations.find((one) => one.sid === phone)?.address;
  for (const one of unread()) await act("receipts", { message_sid: one.sid, address, status: "read" });
}

async function picture() {
  const bytes = new Uint8Array(await (await fetch("/_desk/picture.png")).arrayBuffer());
  const text = Array.from(bytes, (one) => String.fromCharCode(one)).join("");
  return [{ content_type: "image/png", filename: "picture.png", data: btoa(text) }];
}

function age(created) {
  const seconds = Math.max(0, Math.round((Date.now() - Date.parse(created)) / 1000));
  if (seconds < 60) return "just now";
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`;
  return `${Math.floor(seconds / 3600)} h`;
}

function onSay(form, field, send) {
  byId(form).addEventListener("submit", async (event) => {
    event.preventDefault();
    const input = byId(field);
    const text = input.value.trim();
    if (text && (await send(text))) input.value = "";
    input.focus();
  });
  byId(field).addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    byId(form).requestSubmit();
  });
}

function agentName() {
  return data.workers.find((one) => one.sid === selected()?.worker_sid)?.name ?? "agent";
}

function schedule() {
  clearTimeout(timer);
  if (document.hidden) {
    live("", "paused");
    return;
  }
  refresh().finally(() => {
    timer = setTimeout(schedule, POLL_MS);
  });
}

onSay("reply", "reply-text", (body) =>
  act("replies", { conversation_sid: selected()?.conversation_sid, author: agentName(), body }));
onSay("phone-form", "phone-text", (body) => act("messages", { conversation_sid: phone, body }));
byId("reply-picture").addEventListener("click", async () =>
  act("replies", { conversation_sid: selected()?.conversation_sid, author: agentName(), media: await picture() }));
byId("phone-picture").addEventListener("click", async () =>
  act("messages", { conversation_sid: phone, media: await picture() }));
byId("phone-read").addEventListener("click", markRead);
byId("auto-accept").addEventListener("change", (event) => act("options", { auto_accept: event.target.checked }));
byId("latency").addEventListener("change", (event) => act("options", { latency_ms: Number(event.target.value) }));
byId("reset").addEventListener("click", () => {
  phone = "";
  act("reset", {});
});
byId("phone-select").addEventListener("change", (event) => {
  phone = event.target.value;
  refresh();
});
addEventListener("hashchange", () => {
  task = location.hash.slice(1);
  phone = selected()?.conversation_sid ?? phone;
  refresh();
});
document.addEventListener("visibilitychange", schedule);
schedule();
