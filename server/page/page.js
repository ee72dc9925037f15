// Keeps the page as the worker says; without it the page is as it was when it was loaded.
"use strict";

const QUIET_MS = 3000; // the worker tells something every second
const alertBox = document.getElementById("link");
let heard = Date.now();
let litBox = "";

function light(id) {
  if (id === litBox) return;
  for (const one of document.querySelectorAll(".lit")) one.classList.remove("lit");
  const node = document.getElementById(id);
  litBox = id;
  if (!node) return;
  node.classList.add("lit");
  const pane = document.querySelector(".drawing");
  const at = node.getBoundingClientRect();
  const around = pane.getBoundingClientRect();
  pane.scrollTop += at.top - around.top - (around.height - at.height) / 2;
  pane.scrollLeft += at.left - around.left - (around.width - at.width) / 2;
}

function put(id, content) {
  const element = document.getElementById(id);
  const open = new Set([...element.querySelectorAll("details[open]")].map((one) => one.id));
  const focused = element.contains(document.activeElement) ? document.activeElement : null;
  const index = focused ? [...element.querySelectorAll("summary, [tabindex]")].indexOf(focused) : -1;
  element.innerHTML = content;
  for (const one of element.querySelectorAll("details")) one.open = open.has(one.id);
  if (index >= 0) element.querySelectorAll("summary, [tabindex]")[index]?.focus();
}

function tell(sentence) {
  if (alertBox.textContent !== sentence) alertBox.textContent = sentence;
  alertBox.hidden = !sentence;
  document.body.classList.toggle("quiet", Boolean(sentence));
}

function listen() {
  const stream = new EventSource("/lifecycle/events");
  stream.onmessage = (event) => {
    heard = Date.now();
    tell("");
    const said = JSON.parse(event.data);
    for (const [id, content] of Object.entries(said.parts)) put(id, content);
    light(said.box);
  };
  stream.onerror = () => {
    if (stream.readyState === EventSource.CLOSED) setTimeout(listen, 1000); // refused: ask anew
  };
}

setInterval(() => {
  const quiet = Date.now() - heard;
  if (quiet < QUIET_MS) return;
  const command = document.body.dataset.command;
  const typed = `look with \`${command} status\` and \`${command} logs\``;
  tell(`The worker has said nothing for ${Math.round(quiet / 1000)} s: it hangs or has gone; ${typed}.`);
}, 500);

light(document.body.dataset.box);
listen();
