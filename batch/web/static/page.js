// What the page does beyond links and forms: takes a dropped file, submits filters, and shows a
// job's progress. It decides nothing; every text comes from the server and is set as text.
"use strict";

const base = document.body.dataset.base;
const byId = (id) => document.getElementById(id);

function takeFiles() {
  const drop = byId("drop");
  if (!drop) return;
  const input = byId("file");
  const problem = byId("dropped");
  const taking = byId("taking");
  const tell = (text) => {
    taking.textContent = "";
    problem.textContent = text;
    problem.hidden = false;
    drop.classList.remove("busy");
    drop.removeAttribute("aria-busy");
    input.value = "";
  };
  const send = async (file) => {
    if (!file) return;
    problem.hidden = true;
    if (file.size > drop.dataset.most) {
      tell(`The file is larger than ${Math.floor(drop.dataset.most / 1048576)} MB.`);
      return;
    }
    taking.textContent = `Reading ${file.name}. A large workbook takes some minutes.`;
    drop.classList.add("busy");
    drop.setAttribute("aria-busy", "true");
    try {
      const answer = await fetch(`${base}/files?name=${encodeURIComponent(file.name)}`, {
        method: "PUT",
        body: file,
      });
      const told = await answer.json();
      if (told.go) {
        location.assign(told.go);
        return;
      }
      tell(told.error);
    } catch {
      tell("The file could not be taken. Is the program still running?");
    }
  };
  input.addEventListener("change", () => send(input.files[0]));
  drop.addEventListener("submit", (event) => event.preventDefault());
  // Anywhere on the page, or a file that misses the field would be opened instead.
  window.addEventListener("dragover", (event) => {
    event.preventDefault();
    drop.classList.add("over");
  });
  window.addEventListener("dragleave", () => drop.classList.remove("over"));
  window.addEventListener("drop", (event) => {
    event.preventDefault();
    drop.classList.remove("over");
    send(event.dataTransfer.files[0]);
  });
}

function submitFilters() {
  for (const field of document.querySelectorAll("[data-submits]")) {
    field.addEventListener("change", () => field.form.requestSubmit());
  }
}

// What is switched on stays so, for a year, in a cookie: those are one for all ports of a host, and
// each start has another.
function rememberSwitches() {
  for (const field of document.querySelectorAll("[data-remembered]")) {
    const name = field.dataset.remembered;
    const kept = `sendkit-batch-${name}=yes`;
    const show = () => document.body.classList.toggle(`with-${name}`, field.checked);
    field.checked = document.cookie.split("; ").includes(kept);
    field.addEventListener("change", () => {
      document.cookie = `${kept}; path=/; samesite=strict; max-age=${field.checked ? 31536000 : 0}`;
      show();
    });
    show();
  }
}

// A row takes one line; its number shows all of it, below it.
function showWholeRows() {
  for (const button of document.querySelectorAll("button.whole")) {
    const row = button.closest("tr");
    button.addEventListener("click", () => {
      const isOpen = button.getAttribute("aria-expanded") === "true";
      button.setAttribute("aria-expanded", String(!isOpen));
      if (isOpen) row.nextElementSibling.remove();
      else row.after(wholeRow(row));
    });
  }
}

function wholeRow(row) {
  const list = document.createElement("dl");
  for (const cell of row.querySelectorAll("td")) {
    if (!cell.textContent.trim()) continue;
    const name = document.createElement("dt");
    const text = document.createElement("dd");
    name.textContent = cell.dataset.label;
    text.textContent = cell.title || cell.textContent;
    const pair = document.createElement("div");
    pair.append(name, text);
    list.append(pair);
  }
  const below = document.createElement("tr");
  const cell = document.createElement("td");
  below.className = "below";
  cell.colSpan = row.cells.length;
  cell.append(list);
  below.append(cell);
  return below;
}

// What another process is at work on is shown as it goes; "page" is loaded anew once it has ended.
async function refresh() {
  let place = document.querySelector("[data-refresh]");
  while (place) {
    const began = Date.now();
    const text = document.hidden ? "" : await fetch(location.href).then((answer) => answer.text(), () => "");
    const fresh = new DOMParser().parseFromString(text, "text/html").getElementById(place.id);
    if (text && !fresh && place.dataset.refresh === "page") location.reload();
    if (fresh && !place.contains(document.activeElement)) place.replaceWith(fresh);
    // A list of a thousand runs takes a while to be made.
    await new Promise((go) => setTimeout(go, Math.max(1000, 4 * (Date.now() - began))));
    place = document.querySelector("[data-refresh]");
  }
}

function showProgress() {
  const work = byId("work");
  if (!work || work.dataset.stage === "ended") return;
  const events = new EventSource(`${base}/job/events`);
  let spoken = -1;
  events.addEventListener("message", (event) => {
    const told = JSON.parse(event.data);
    if (told.stage !== work.dataset.stage || String(told.number) !== work.dataset.number) {
      events.close();
      location.reload();
      return;
    }
    for (const place of work.querySelectorAll("[data-live]")) {
      place.textContent = told.texts[place.dataset.live] ?? "";
    }
    show("notice", told.texts.notice);
    show("step", told.texts.step);
    show("pause", !told.resting && !told.stopping);
    show("go-on", told.resting && !told.stopping);
    showBar(told);
    showCauses(told.causes);
    for (const note of work.querySelectorAll("[data-note]")) {
      if (told.gone.includes(note.textContent)) note.remove();
    }
    if (told.stopping && told.stage === "sending") byId("stop").textContent = "Stop now, without waiting";
    const tenth = Math.floor(told.percent / 10);
    if (tenth > spoken && told.texts.done) {
      spoken = tenth;
      byId("spoken").textContent = told.texts.done;
    }
  });
}

function show(id, isShown) {
  const place = byId(id);
  if (place) place.hidden = !isShown;
}

function showBar(told) {
  const bar = byId("bar");
  if (bar && (told.percent || told.stage === "sending")) bar.value = told.percent;
}

function showCauses(causes) {
  const section = byId("causes");
  if (!section) return;
  section.hidden = !causes.length;
  section.querySelector("ul").replaceChildren(
    ...causes.map(([words, count]) => {
      const item = document.createElement("li");
      const number = document.createElement("b");
      number.textContent = count;
      item.append(number, ` ${words}`);
      return item;
    }),
  );
}

takeFiles();
submitFilters();
rememberSwitches();
showWholeRows();
refresh();
showProgress();
