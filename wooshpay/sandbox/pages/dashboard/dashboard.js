// Keeps the page as it is on the sandbox: told that something changed, it fetches the page again and takes over only
// what differs. What the reader does stays as it is: focus, scrolling, typed text, opened details.
"use strict";

const MOST_OFTEN = 300; // milliseconds between two looks
const SAY_MOST_OFTEN = 5000;

const live = document.getElementById("live");
const said = document.getElementById("said");
const still = document.body.hasAttribute("data-still");
let source = null;
let looking = false;
let again = false;
let lastSaid = 0;

// ---- taking over what differs

function keyOf(node) {
  // Not node.id: that of a form is its field of this name, where it has one.
  return node.nodeType === Node.ELEMENT_NODE ? node.getAttribute("id") || node.getAttribute("data-key") : null;
}

function takeOver(old, fresh) {
  if (old.isEqualNode(fresh)) return;
  if (old.nodeType !== Node.ELEMENT_NODE) {
    old.nodeValue = fresh.nodeValue;
    return;
  }
  if (old.hasAttribute("data-own")) return;
  takeOverAttributes(old, fresh);
  takeOverChildren(old, fresh);
}

function takeOverAttributes(old, fresh) {
  for (const { name } of [...old.attributes]) {
    if (!fresh.hasAttribute(name) && name !== "open") old.removeAttribute(name);
  }
  for (const { name, value } of fresh.attributes) {
    if (old.getAttribute(name) !== value && name !== "open") old.setAttribute(name, value);
  }
}

function takeOverChildren(old, fresh) {
  const keys = new Set([...fresh.childNodes].map(keyOf));
  const kept = new Map([...old.childNodes].map((node) => [keyOf(node), node]));
  let here = old.firstChild;
  for (const next of [...fresh.childNodes]) {
    while (here && keyOf(here) && !keys.has(keyOf(here))) here = removed(here);
    const key = keyOf(next);
    const found = key ? kept.get(key) : here;
    if (found && found.nodeName === next.nodeName && keyOf(found) === key) {
      if (found === here) here = here.nextSibling;
      else old.insertBefore(found, here);
      takeOver(found, next);
    } else {
      const added = document.importNode(next, true);
      if (key) added.classList.add("fresh");
      old.insertBefore(added, here);
    }
  }
  while (here) here = removed(here);
}

function removed(node) {
  const next = node.nextSibling;
  node.remove();
  return next;
}

// ---- looking again

async function look() {
  if (looking) {
    again = true;
    return;
  }
  looking = true;
  try {
    const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
    if (answer.status === 403) {
      show("off", "Locked. Open the dashboard URL again");
      source.close();
    } else {
      update(new DOMParser().parseFromString(await answer.text(), "text/html"));
    }
  } catch {
    show("off", "Not connected"); // the stream comes back, and with it the next look
  }
  await new Promise((done) => setTimeout(done, MOST_OFTEN));
  looking = false;
  if (again) {
    again = false;
    look();
  }
}

function dropNoScript(page) {
  for (const note of page.querySelectorAll("noscript")) note.remove();
}

function update(page) {
  dropNoScript(page);
  const focused = document.activeElement;
  const before = document.getElementById("main");
  const differs = !before.isEqualNode(page.getElementById("main"));
  takeOver(document.body, page.body);
  setClock(page.getElementById("now"));
  if (focused && !focused.isConnected) before.focus({ preventScroll: true });
  if (differs && Date.now() - lastSaid > SAY_MOST_OFTEN) {
    lastSaid = Date.now();
    said.textContent = said.textContent === "Updated." ? "Updated again." : "Updated.";
  }
}

function show(state, text) {
  live.hidden = false;
  live.className = `live ${state}`;
  live.textContent = text;
}

function follow() {
  if (source) source.close();
  source = new EventSource("/dashboard/changes");
  source.onopen = () => show("on", "Connected");
  source.onerror = () => show("off", "Not connected");
  source.onmessage = (message) => {
    if (message.data !== document.body.getAttribute("data-stamp")) look();
  };
}

// ---- the clock

const now = document.getElementById("now");
let shownAt = 0;

function setClock(fresh) {
  if (fresh) {
    for (const name of ["data-now", "data-frozen"]) now.setAttribute(name, fresh.getAttribute(name));
  }
  shownAt = performance.now();
  tick();
}

function tick() {
  const passed = now.getAttribute("data-frozen") === "yes" ? 0 : performance.now() - shownAt;
  const time = new Date(Number(now.getAttribute("data-now")) + passed);
  if (Number.isNaN(time.getTime())) return;
  now.textContent = time.toISOString().slice(0, 19).replace("T", " ");
}

// On a small screen the navigation is a strip: bring where we are into view.
const current = document.querySelector("nav [aria-current]");
const strip = document.querySelector(".sides > nav");
if (current) strip.scrollLeft = current.offsetLeft - (strip.clientWidth - current.offsetWidth) / 2;

dropNoScript(document);
setClock(null);
setInterval(tick, 1000);

if (still) {
  show("", "This page does not update");
} else {
  follow();
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) source.close();
    else follow();
  });
}
