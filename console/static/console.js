// Keys and live news. Everything works without it.
"use strict";
(() => {
  const rows = () => [...document.querySelectorAll("[data-row]")];
  const writing = (target) => target.closest("input, textarea, select, [contenteditable]");
  let waits = "";

  const move = (step) => {
    const all = rows();
    if (!all.length) return;
    const now = all.indexOf(document.activeElement);
    const next = all[Math.max(0, Math.min(all.length - 1, now < 0 ? 0 : now + step))];
    next.focus();
    next.scrollIntoView({ block: "nearest" });
  };
  const search = () => {
    const field = document.getElementById("search");
    if (field) { field.focus(); field.select(); } else location.href = "/alerts";
  };
  const keys = {
    j: () => move(1),
    k: () => move(-1),
    n: () => document.getElementById("next")?.click(),
    "/": search,
    "?": () => document.getElementById("help")?.showModal(),
  };
  const places = { a: "/alerts", o: "/", d: "/detections", r: "/rules" };

  // News: a line that leads to what came. A page that nobody looks at asks for none.
  const live = document.getElementById("live");
  let source = null;
  const listen = () => {
    source?.close();
    source = null;
    if (!live || document.hidden || !window.EventSource) return;
    source = new EventSource("/events");
    source.onmessage = (event) => {
      const number = Number(event.data);
      if (!number) return;
      const said = number === 1 ? live.dataset.one : live.dataset.many.replace("{number}", number);
      live.firstElementChild.textContent = said;
      live.hidden = false;
    };
  };
  document.addEventListener("visibilitychange", listen);
  window.addEventListener("pagehide", () => source?.close());
  listen();

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (writing(event.target)) {
      if (event.key === "Escape") event.target.blur();
      return;
    }
    if (document.querySelector("dialog[open]")) return;
    if (waits === "g" && places[event.key]) { location.href = places[event.key]; waits = ""; return; }
    waits = event.key === "g" ? "g" : "";
    const act = keys[event.key];
    if (act) { event.preventDefault(); act(); }
  });
})();
