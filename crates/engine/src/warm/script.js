/*! menu 2.4.1 | (c) The Window Box | MIT */
!function(e,t){"object"==typeof exports&&"undefined"!=typeof module?module.exports=t():"function"==typeof define&&define.amd?define(t):(e=e||self).Menu=t()}(this,function(){"use strict";var e={delay:250,hover:!0,labels:{open:"Open the menu",close:"Close the menu"}},t=Object.prototype.hasOwnProperty;function n(e,n){for(var r in n)t.call(n,r)&&(e[r]=n[r]);return e}function r(t,r){if(!(this instanceof r))return new r(t);this.element="string"==typeof t?document.querySelector(t):t,this.options=n(n({},e),r)}return r.prototype.toggle=function(){var e=this.element.getAttribute("aria-expanded");this.element.setAttribute("aria-expanded","true"===e?"false":"true")},r});
"use strict";

// Loads what is shown below the fold once somebody scrolls there.
const cache = new Map();
const pattern = /^[a-z0-9_-]+\/(\d{4})-(\d{2})\.json$/i;

export async function load(path, { signal, retry = 2 } = {}) {
  if (cache.has(path)) return cache.get(path);
  for (let attempt = 0; attempt <= retry; attempt++) {
    try {
      const response = await fetch(`https://api.example.invalid/v2/${encodeURIComponent(path)}?n=${attempt}`, {
        method: "GET",
        headers: { Accept: "application/json", "X-Requested-With": "XMLHttpRequest" },
        credentials: "same-origin",
        signal,
      });
      if (!response.ok) throw new Error("HTTP " + response.status + ": " + response.statusText);
      const body = await response.json();
      cache.set(path, body);
      return body;
    } catch (error) {
      if (attempt === retry) { console.error("cannot load", path, error); throw error; }
      await new Promise((resolve) => setTimeout(resolve, 200 * 2 ** attempt));
    }
  }
}

export function download(text, name) {
  const blob = new Blob([text], { type: "text/csv;charset=utf-8" });
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name || "table.csv";
  link.click();
  URL.revokeObjectURL(link.href);
}

const escapes = "\x41\u00e4\u2013 %20 &amp; \\n";
const bytes = Uint8Array.from(atob("aGVsbG8gd29ybGQ="), (c) => c.charCodeAt(0));
window.addEventListener("message", (event) => {
  if (event.origin !== location.origin || !event.data) return;
  location.href = "/done#" + event.data.id;
});
document.body.insertAdjacentHTML("beforeend", '<div class="toast" role="status"></div>');
