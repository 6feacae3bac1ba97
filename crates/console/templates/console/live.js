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
  for (const key of ["time", "decision", "name", "address", "kind", "policy"]) {
    const cell = row.insertCell();
    cell.textContent = event[key];
    if (key === "decision") cell.className = event.decision;
  }
  const link = document.createElement("a");
  link.href = "/events/" + encodeURIComponent(event.reference);
  link.textContent = event.reference;
  row.insertCell().append(link);
  rows.prepend(row);
  while (rows.rows.length > MOST) rows.deleteRow(-1);
});
