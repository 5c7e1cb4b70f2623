// The script of the page: live changes, times in the browser's zone, Copy, and the preview of Try. Without it all pages work; it
// makes no request but to this host, and writes HTML through one trusted-types policy only.
(() => {
  const policy = window.trustedTypes ? trustedTypes.createPolicy("sesame", { createHTML: (text) => text }) : { createHTML: (text) => text };
  const find = (id) => document.getElementById(id);
  const two = (number) => String(number).padStart(2, "0");

  // Times: the browser's zone, UTC in the title.
  function localTimes(root) {
    for (const each of root.querySelectorAll("time[data-to]")) {
      const at = new Date(each.dateTime);
      const hours = `${two(at.getHours())}:${two(at.getMinutes())}`;
      each.textContent = each.dataset.to === "minute" ? hours : `${hours}:${two(at.getSeconds())}`;
      each.title = `${each.dateTime.slice(0, 19).replace("T", " ")} UTC`;
    }
    for (const button of root.querySelectorAll(".copy")) button.hidden = !navigator.clipboard;
  }

  document.addEventListener("click", async (event) => {
    const button = event.target.closest?.(".copy");
    if (!button) return;
    await navigator.clipboard.writeText(button.dataset.copy);
    button.textContent = "Copied";
    setTimeout(() => {
      button.textContent = "Copy";
    }, 2000);
  });

  // Live.
  const wanted = (document.body.dataset.live ?? "").split(" ").filter(Boolean);
  const [light, pause, status] = [find("live"), find("pause"), find("status")];
  let [source, paused, missed, brokeAt] = [null, false, 0, null];
  let said = status?.dataset.said ?? "";

  function show(text, on) {
    light.hidden = false;
    light.textContent = text;
    light.classList.toggle("off", !on);
  }

  /** A part that somebody reads with an open table, or stands in, is left alone. */
  const isBusy = (part) => part.contains(document.activeElement) || part.querySelector("details[open]") !== null;

  function swap(next) {
    const part = find(next.id);
    if (!part) return;
    if (next.id === "plots") {
      for (const each of [...next.querySelectorAll("section")]) swap(each);
      return;
    }
    if (!isBusy(part)) {
      localTimes(next);
      part.replaceWith(next);
      if (next.id === "mails") missed = 0;
      return;
    }
    if (next.id !== "mails" || next.dataset.count === part.dataset.count) return;
    part.dataset.count = next.dataset.count;
    missed++;
    const news = find("news");
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = missed === 1 ? "New mails: show them" : "More new mails: show them";
    button.addEventListener("click", () => {
      document.activeElement?.blur();
      void load("mails");
    });
    news.replaceChildren(button);
  }

  async function load(name) {
    const url = new URL(location.href);
    url.searchParams.set("part", name);
    const answer = await fetch(url, { headers: { Accept: "text/html" } }).catch(() => null);
    if (!answer?.ok) return;
    const holder = document.createElement("template");
    holder.innerHTML = policy.createHTML(await answer.text());
    const root = holder.content.firstElementChild;
    for (const part of [...root.children]) swap(part);
    if (!root.dataset.said) return;
    document.title = root.dataset.title;
    document.querySelector("link[rel=icon]").href = root.dataset.icon;
    if (root.dataset.said !== said) status.textContent = root.dataset.said;
    said = root.dataset.said;
  }

  function open() {
    if (source || paused || document.hidden) return;
    source = new EventSource("/events");
    source.onopen = () => {
      if (brokeAt) for (const name of wanted) void load(name);
      brokeAt = null;
      show("Live", true);
    };
    source.onerror = () => {
      brokeAt ??= new Date();
      show(`Not live since ${two(brokeAt.getHours())}:${two(brokeAt.getMinutes())}`, false);
      if (source?.readyState === EventSource.CLOSED) {
        shut();
        setTimeout(open, 10_000);
      }
    };
    for (const name of wanted) source.addEventListener(name, () => void load(name));
  }

  function shut() {
    source?.close();
    source = null;
  }

  if (wanted.length > 0 && window.EventSource) {
    pause.hidden = false;
    pause.addEventListener("click", () => {
      paused = !paused;
      pause.textContent = paused ? "Go on" : "Pause";
      if (paused) {
        shut();
        show("Paused", false);
      } else {
        brokeAt = new Date();
        open();
      }
    });
    document.addEventListener("visibilitychange", () => {
      if (document.hidden) shut();
      else if (!paused) {
        brokeAt = new Date();
        open();
      }
    });
    open();
  }

  // Try: the preview, 300 ms after the last key.
  const form = find("try");
  if (form) {
    let [timer, turn] = [0, 0];
    const preview = async () => {
      const mine = ++turn;
      const data = new FormData(form);
      const file = data.get("file");
      data.delete("file");
      if (file?.size) {
        data.set("file", file.slice(0, 262_144), "mail.eml");
        data.set("size", String(file.size));
      }
      const answer = await fetch("/try?part=preview", { method: "POST", body: data }).catch(() => null);
      if (!answer?.ok || mine !== turn) return;
      const holder = document.createElement("template");
      holder.innerHTML = policy.createHTML(await answer.text());
      for (const part of [...holder.content.firstElementChild.children]) find(part.id)?.replaceWith(part);
    };
    form.addEventListener("input", () => {
      clearTimeout(timer);
      timer = setTimeout(preview, 300);
    });
    form.addEventListener("dragover", (event) => event.preventDefault());
    form.addEventListener("drop", (event) => {
      if (!event.dataTransfer?.files.length) return;
      event.preventDefault();
      form.elements.file.files = event.dataTransfer.files;
      void preview();
    });
  }

  localTimes(document);
  const zone = find("zone");
  if (zone) zone.textContent = `Times are in ${Intl.DateTimeFormat().resolvedOptions().timeZone || "your time zone"}`;
})();
