// Puts events on top of the table as they happen. Nothing else on these pages runs a script.
"use strict";
const rows = document.querySelector("tbody");
const state = document.getElementById("live");
const MOST = 200;
const events = new EventSource("/live/events");
events.addEventListener("open", () => { state.textContent = "New events appear here by themselves."; });
events.addEventListener("error", () => { state.textContent = "The connection is gone; trying again."; });
events.addEventListener("missed", () => { location.reload(); });
events.addEventListener("message", (message) => {
  const event = JSON.parse(message.data);
  const row = document.createElement("tr");
  // As in `rows.html`.
  const columns = [["time", "Time"], ["decision", "Decision"], ["name", "File"], ["address", "From"], ["kind", "File type"], ["policy", "Policy"]];
  for (const [key, label] of columns) {
    const cell = row.insertCell();
    cell.textContent = event[key];
    cell.dataset.label = label;
    if (key === "decision") cell.className = event.decision;
    if (key === "name" || key === "address") cell.className = "long";
  }
  const link = document.createElement("a");
  link.href = "/events/" + encodeURIComponent(event.reference);
  link.textContent = event.reference;
  const last = row.insertCell();
  last.dataset.label = "Reference";
  last.append(link);
  rows.prepend(row);
  while (rows.rows.length > MOST) rows.deleteRow(-1);
});
