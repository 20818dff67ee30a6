// The console's one script. Every page works without it; it makes some of them quicker to use.
//   data-live="5"          on an element with an id: its content follows the page it came from, every so many seconds
//   data-live-from="…"     another address to take it from
//   data-live-news="…"     a stream of events (SSE) that says when there is news: while it is open, it is asked rarely
//   data-confirm="…"       on a form or a button: asks first, where there is no page that does
//   data-copy              on a button beside <pre>: copies
//   data-follows="…"       on an input: its value follows the chosen option's data-… while nobody has typed another
//   data-shown-for="name=value value"   on an element: shown while the field `name` has one of these values; a hidden
//                          fieldset is not sent
//   data-fills             on a select: the data-fill of its chosen option, JSON, goes into the form's fields
//   data-reads="name"      on a file input: the chosen file's text goes into the form's field of that name
//   data-once              on a form: its button can be pressed once and shows that it works
//   data-streams="id"      on a form: its answer comes in parts, each the whole content of that element as it is by then;
//                          a button with data-stops in it ends it
//   data-keys              on a list with a table: with the focus in it its rows are gone through with j and k
//   data-preview           on a form: its buttons with data-show are pressed when somebody stops typing, each for its frame
//   data-focus             the focus goes there when the page opens
const all = (selector, from = document) => [...from.querySelectorAll(selector)];

function remember(name, value) {
  if (!document.cookie.split("; ").includes(`${name}=${value}`)) {
    document.cookie = `${name}=${value}; path=/; max-age=31536000; samesite=lax${location.protocol === "https:" ? "; secure" : ""}`;
  }
}

// One stream of news for the page, open while somebody looks at it. Without one, or when it breaks, pages ask themselves.
const news = {
  source: null, heard: false, lookers: new Set(),
  follow(look, url) {
    this.lookers.add(look);
    this.url = url;
    if (this.lookers.size > 1) return;
    this.open();
    document.addEventListener("visibilitychange", () => {
      if (document.hidden) this.close();
      else { this.open(); this.tell(); }
    });
    addEventListener("pagehide", () => this.close());
    addEventListener("pageshow", () => this.open());
  },
  open() {
    if (this.source || document.hidden) return;
    this.source = new EventSource(this.url);
    this.source.onopen = () => { this.heard = true; };
    this.source.onerror = () => {
      this.heard = false;
      if (this.source?.readyState === EventSource.CLOSED) this.source = null;
    };
    this.source.addEventListener("news", () => this.tell());
  },
  close() { this.source?.close(); this.source = null; this.heard = false; },
  tell() { this.lookers.forEach((look) => look()); },
};
const QUIET = 20000; // so rarely pages ask by themselves while there is a stream

function live(element) {
  const every = Math.max(1, Number(element.dataset.live) || 5) * 1000;
  const from = element.dataset.liveFrom || location.href;
  let etag = "", busy = false, last = Date.now();
  const follows = () => element.isConnected && element.dataset.live !== "off";
  const look = async () => {
    if (busy || !follows() || document.hidden || element.contains(document.activeElement) || element.querySelector("tbody :checked")) return;
    busy = true;
    last = Date.now();
    try {
      const answer = await fetch(from, { headers: { "x-part": element.id }, redirect: "error" });
      const text = answer.ok ? await answer.text() : "";
      if (text && text !== etag) {
        etag = text;
        const fresh = new DOMParser().parseFromString(text, "text/html").getElementById(element.id);
        if (fresh && fresh.innerHTML !== element.innerHTML) {
          element.innerHTML = fresh.innerHTML;
          if (fresh.dataset.live) element.dataset.live = fresh.dataset.live;
          enhance(element);
        }
      }
    } catch { /* the next look may find it */ }
    busy = false;
  };
  const turn = async () => {
    if (!follows()) return;
    if (!(element.dataset.liveNews && news.heard && Date.now() - last < QUIET)) await look();
    setTimeout(turn, every);
  };
  if (element.dataset.liveNews) news.follow(look, element.dataset.liveNews);
  setTimeout(turn, every);
}

function follow(input) {
  const choices = () => all(`[name="${input.dataset.follows}"], [name="${input.dataset.follows}"] option`, input.form);
  const known = () => choices().map((one) => one.dataset.value).filter(Boolean);
  input.form?.addEventListener("change", (event) => {
    if (event.target.name !== input.dataset.follows) return;
    const wanted = choices().find((one) => one.selected || one.checked)?.dataset.value;
    if (wanted && (input.value === "" || known().includes(input.value))) input.value = wanted;
  });
}

function valueOf(form, name) {
  const found = form.elements[name];
  if (!found) return "";
  if (found instanceof RadioNodeList) {
    const boxes = [...found].filter((one) => one.type === "checkbox");
    return boxes.length ? (boxes.some((one) => one.checked) ? "true" : "") : found.value;
  }
  return found.type === "checkbox" ? (found.checked ? "true" : "") : found.value;
}

function depend(element) {
  const form = element.closest("form");
  const [name, values] = element.dataset.shownFor.split("=");
  const wanted = values.split(" ");
  const show = () => {
    element.hidden = !wanted.includes(valueOf(form, name));
    if (element.tagName === "FIELDSET") element.disabled = element.hidden; // what is hidden is not sent
  };
  form?.addEventListener("change", show);
  if (form) show();
}

function fill(select) {
  select.addEventListener("change", () => {
    const chosen = JSON.parse(select.selectedOptions[0]?.dataset.fill ?? "{}");
    for (const [name, value] of Object.entries(chosen)) {
      const found = select.form.elements[name];
      if (found) found.value = value ?? "";
    }
    select.form.dispatchEvent(new Event("change"));
  });
}

function read(input) {
  input.addEventListener("change", async () => {
    const file = input.files[0];
    if (file) input.form.elements[input.dataset.reads].value = await file.text();
  });
}

function enhance(from) {
  all("[data-copy]", from).forEach((button) => {
    button.hidden = false;
    const label = button.textContent;
    button.onclick = async () => {
      await navigator.clipboard.writeText(button.closest("figure").querySelector("code").textContent);
      button.textContent = button.dataset.done;
      setTimeout(() => { button.textContent = label; }, 2000);
    };
  });
  all("[data-follows]", from).forEach(follow);
  all("[data-fills]", from).forEach(fill);
  all("[data-shown-for]", from).forEach(depend);
  all("[data-reads]", from).forEach(read);
  all("[data-with-script]", from).forEach((one) => { one.hidden = false; });
  all("[data-without-script]", from).forEach((one) => { one.hidden = true; });
}

// A form whose answer takes long, and is shown while it comes.
async function stream(form) {
  const shown = document.getElementById(form.dataset.streams);
  const button = form.querySelector("button:not([type=button])");
  const stopping = new AbortController();
  shown.onclick = (event) => {
    if (!event.target.closest("[data-stops]")) return;
    stopping.abort();
    event.target.closest("p").remove();
  };
  try {
    const body = new URLSearchParams(new FormData(form));
    const answer = await fetch(form.action, { method: "POST", body, headers: { "x-streams": form.dataset.streams }, signal: stopping.signal });
    if (!answer.headers.get("x-streams")) {
      const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").querySelector("main");
      if (fresh) document.querySelector("main").innerHTML = fresh.innerHTML;
      return document.querySelector("[data-focus]")?.focus();
    }
    const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
    for (let rest = "", { done, value } = await reader.read(); !done; { done, value } = await reader.read()) {
      const parts = (rest + value).split("\x1e");
      rest = parts.pop();
      if (parts.length) shown.innerHTML = parts.at(-1);
    }
  } catch (error) {
    if (error.name !== "AbortError") form.submit();
  } finally {
    button.disabled = false;
    button.removeAttribute("aria-busy");
  }
}

document.addEventListener("submit", (event) => {
  if (event.target.dataset.streams) {
    event.preventDefault();
    stream(event.target);
  }
  const asked = event.submitter?.dataset.confirm ?? event.target.dataset.confirm;
  if (asked && !confirm(asked)) {
    event.preventDefault();
  } else if ("once" in event.target.dataset && event.submitter && event.submitter.formTarget !== "_blank") {
    setTimeout(() => { event.submitter.disabled = true; event.submitter.setAttribute("aria-busy", "true"); });
  }
});
window.addEventListener("pageshow", () => all("button[aria-busy]").forEach((one) => { one.disabled = false; one.removeAttribute("aria-busy"); }));

// Rows of a list by keyboard while the focus is in it (WCAG 2.1.4): j, k and the arrows go down and up, Enter follows the
// row's link as always, x chooses the row, / leads to the search.
document.addEventListener("keydown", (event) => {
  const list = event.target.closest("[data-keys]");
  if (!list || event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input:not([type=checkbox])")) return;
  const links = all("tbody th a:first-child", list);
  const row = event.target.closest("tr");
  const at = links.findIndex((link) => link.closest("tr") === row);
  const step = { j: 1, ArrowDown: 1, k: -1, ArrowUp: -1 }[event.key];
  if (step) links[Math.min(Math.max(at + step, 0), links.length - 1)]?.focus();
  else if (event.key === "x" && row) row.querySelector("[type=checkbox]")?.click();
  else if (event.key === "/") document.querySelector("[type=search]")?.focus();
  else return;
  event.preventDefault();
});

enhance(document);
all("[data-live]").forEach(live);
document.querySelector("[data-focus]")?.focus();
remember("postroom-zone", Intl.DateTimeFormat().resolvedOptions().timeZone);
document.querySelector("[data-go]")?.click();

// A passkey: the form waits until the browser has made or found one, then carries its answer.
document.addEventListener("submit", async (event) => {
  const form = event.target;
  if (!form.dataset.passkey || form.elements.credential.value) return;
  event.preventDefault();
  try {
    const make = form.dataset.passkey === "create";
    const options = JSON.parse(form.dataset.options);
    const publicKey = make ? PublicKeyCredential.parseCreationOptionsFromJSON(options) : PublicKeyCredential.parseRequestOptionsFromJSON(options);
    const found = await (make ? navigator.credentials.create({ publicKey }) : navigator.credentials.get({ publicKey }));
    form.elements.credential.value = JSON.stringify(found.toJSON());
    form.submit();
  } catch { all("button", form).forEach((one) => { one.disabled = false; one.removeAttribute("aria-busy"); }); }
});

all("form[data-preview]").forEach((form) => {
  let waits;
  form.addEventListener("input", () => {
    clearTimeout(waits);
    // one after the other: a form that is sent anew takes back what it was about to send
    const show = ([button, ...others]) => {
      if (!button) return;
      form.requestSubmit(button);
      waits = setTimeout(show, 60, others);
    };
    waits = setTimeout(show, 700, all("[data-show]", form));
  });
});
