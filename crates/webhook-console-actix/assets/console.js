// What pages gain where there is script. Each of them works without.
(function () {
  "use strict";

  // The local time, as text beside that in UTC, where it is another one.
  function addLocalTimes(within) {
    var format = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });
    within.querySelectorAll("time[datetime]:not([data-local])").forEach(function (time) {
      var instant = new Date(time.dateTime);
      if (isNaN(instant) || time.closest("svg") || instant.getTimezoneOffset() === 0) return;
      time.setAttribute("data-local", "");
      var local = document.createElement("span");
      local.className = "local";
      local.textContent = " (" + format.format(instant) + " here)";
      time.after(local);
    });
  }

  // A button that copies the text of the element it names.
  function offerCopying(within) {
    if (!navigator.clipboard) return;
    within.querySelectorAll("button[data-copies][hidden]").forEach(function (button) {
      button.hidden = false;
      button.addEventListener("click", function () {
        var source = document.getElementById(button.dataset.copies);
        var said = document.getElementById(button.dataset.says);
        navigator.clipboard.writeText(source.textContent.trim()).then(
          function () { said.textContent = "Copied."; },
          function () { said.textContent = "The browser did not allow it. Mark the text and copy it."; }
        );
      });
    });
  }

  // A second click on a button that sends a form would be answered alike; it only takes time.
  function sayThatItIsSent(event) {
    var form = event.target;
    if (form.method !== "post") return;
    form.setAttribute("aria-busy", "true");
  }

  function prepare(within) {
    addLocalTimes(within);
    offerCopying(within);
  }

  // htmx notes the address of the page when it starts, also without history. Nothing is to stay in the browser.
  try { sessionStorage.removeItem("htmx-current-path-for-history"); } catch (refused) { /* then nothing was noted */ }

  document.addEventListener("submit", sayThatItIsSent);
  document.addEventListener("htmx:afterSettle", function (event) { prepare(event.target); });
  window.addEventListener("pageshow", function () {
    document.querySelectorAll("form[aria-busy]").forEach(function (form) { form.removeAttribute("aria-busy"); });
  });
  prepare(document);
})();
