// Suggests entries while somebody types. Without it the form searches as it is.
"use strict";
const input = document.getElementById("finder");
if (input) {
  const list = document.createElement("ul");
  list.id = "finder-list";
  list.className = "suggestions";
  list.setAttribute("role", "listbox");
  list.setAttribute("aria-label", "Entries");
  list.hidden = true;
  input.after(list);
  input.setAttribute("role", "combobox");
  input.setAttribute("aria-controls", list.id);
  input.setAttribute("aria-expanded", "false");
  input.setAttribute("aria-autocomplete", "list");
  let at = -1;
  let asked = 0;
  let waiting;
  const close = () => {
    list.hidden = true;
    at = -1;
    input.setAttribute("aria-expanded", "false");
    input.removeAttribute("aria-activedescendant");
  };
  const choose = (place) => {
    const rows = list.children;
    if (at >= 0 && rows[at]) rows[at].setAttribute("aria-selected", "false");
    at = (place + rows.length) % rows.length;
    rows[at].setAttribute("aria-selected", "true");
    rows[at].scrollIntoView({ block: "nearest" });
    input.setAttribute("aria-activedescendant", rows[at].id);
  };
  const show = (rows) => {
    list.replaceChildren(...rows.map((row, place) => {
      const item = document.createElement("li");
      item.id = "finder-" + place;
      item.setAttribute("role", "option");
      item.setAttribute("aria-selected", "false");
      const link = document.createElement("a");
      link.href = row.path;
      link.tabIndex = -1;
      link.textContent = (row.id ? row.id + " " : "") + row.name;
      const what = document.createElement("span");
      what.className = "soft";
      what.textContent = " " + row.what + (row.domains ? " · " + row.domains : "") + (row.status ? " · " + row.status : "");
      item.append(link, what);
      item.addEventListener("mousedown", (event) => { event.preventDefault(); location.href = row.path; });
      return item;
    }));
    at = -1;
    list.hidden = rows.length === 0;
    input.setAttribute("aria-expanded", String(rows.length > 0));
  };
  input.addEventListener("input", () => {
    clearTimeout(waiting);
    const words = input.value.trim();
    if (!words) return close();
    waiting = setTimeout(async () => {
      const mine = ++asked;
      // The form also knows which release is being read.
      const query = new URLSearchParams(new FormData(input.form));
      const answer = await fetch("/attack/suggest?" + query).catch(() => null);
      if (mine === asked && answer && answer.ok) show(await answer.json());
    }, 80);
  });
  input.addEventListener("keydown", (event) => {
    if (event.key === "Escape") return close();
    if (list.hidden || list.children.length === 0) return;
    if (event.key === "ArrowDown") { event.preventDefault(); choose(at + 1); }
    if (event.key === "ArrowUp") { event.preventDefault(); choose(at < 0 ? list.children.length - 1 : at - 1); }
    if (event.key === "Enter" && at >= 0) {
      event.preventDefault();
      location.href = list.children[at].querySelector("a").href;
    }
  });
  input.addEventListener("blur", close);
  document.addEventListener("keydown", (event) => {
    const typing = event.target.closest && event.target.closest("input, textarea, select");
    if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey && !event.altKey) {
      event.preventDefault();
      input.focus();
      input.select();
    }
  });
}
