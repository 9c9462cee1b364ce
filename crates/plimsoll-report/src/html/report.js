"use strict";
(() => {
  // Commands are copied by a button.
  for (const box of document.querySelectorAll(".command")) {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = "Copy";
    const text = box.querySelector("pre");
    button.addEventListener("click", () => {
      const select = () => getSelection().selectAllChildren(text);
      const done = () => {
        button.textContent = "Copied";
        setTimeout(() => { button.textContent = "Copy"; }, 2000);
      };
      if (navigator.clipboard) navigator.clipboard.writeText(text.textContent).then(done, select);
      else select();
    });
    box.append(button);
  }

  // Details are text in a `noscript` until they are asked for: a page of thousands of findings opens at once, and can be
  // read where no script runs. They are of this page, and escaped as all of it is.
  document.addEventListener("toggle", (event) => {
    const waiting = event.target.open && event.target.querySelector(":scope > noscript");
    if (!waiting) return;
    const template = document.createElement("template");
    template.innerHTML = waiting.textContent;
    waiting.replaceWith(template.content);
  }, true);

  const form = document.getElementById("filters");
  if (!form) return;
  form.hidden = false;
  document.documentElement.classList.add("scripted");

  const table = document.getElementById("table");
  const count = document.getElementById("count");
  const nothing = document.getElementById("nothing");
  const severities = ["critical", "high", "medium", "low", "negligible", "unknown"];
  const number = new Intl.NumberFormat("en");
  const collator = new Intl.Collator("en", { numeric: true });
  const rows = [...table.tBodies].map((body, index) => ({ body, index, data: body.dataset, text: null }));

  const cell = (row, name) => row.body.querySelector(`.${name}`).textContent.trim();
  // What is sorted by, and whether its most is its first.
  const keys = {
    severity: [(row) => -severities.indexOf(row.data.severity), true],
    flaw: [(row) => cell(row, "flaw"), false],
    package: [(row) => cell(row, "package"), false],
    version: [(row) => cell(row, "version"), false],
    fixed: [(row) => cell(row, "fixed"), false],
    epss: [(row) => Number(row.data.epss ?? -1), true],
    risk: [(row) => Number(row.data.risk), true],
    where: [(row) => cell(row, "where"), false],
  };
  let sorted = "";
  let reversed = false;
  let ordered = "";

  const words = (row) => {
    if (row.text === null) {
      const seen = [row.body.rows[0].textContent, row.body.querySelector("summary").textContent];
      row.text = `${seen.join(" ")} ${row.data.search ?? ""}`.toLowerCase();
    }
    return row.text;
  };

  const state = () => {
    const values = new Map();
    for (const [name, value] of new FormData(form)) {
      const text = value.trim();
      if (text !== "" && name !== "sort") values.set(name, [...(values.get(name) ?? []), text]);
    }
    return values;
  };

  const passes = (row, filters, without) => {
    for (const [name, wanted] of filters) {
      if (name === without) continue;
      if (name === "q") {
        if (!wanted[0].toLowerCase().split(/\s+/).every((word) => words(row).includes(word))) return false;
        continue;
      }
      const value = row.data[name] ?? "";
      const values = name === "layer" || name === "from" ? value.split(" ") : [value];
      if (!wanted.some((one) => values.includes(one))) return false;
    }
    return true;
  };

  const order = () => {
    const wanted = `${sorted} ${reversed}`;
    if (wanted === ordered || (ordered === "" && sorted === "" && !reversed)) return;
    ordered = wanted;
    const list = [...rows];
    if (keys[sorted]) {
      const [key, mostFirst] = keys[sorted];
      const by = new Map(list.map((row) => [row, key(row)]));
      const sign = mostFirst === reversed ? 1 : -1;
      list.sort((a, b) => {
        const [x, y] = [by.get(a), by.get(b)];
        const difference = typeof x === "number" ? x - y : collator.compare(x, y);
        return sign * difference || a.index - b.index;
      });
    } else if (reversed) {
      list.reverse();
    }
    table.append(...list.map((row) => row.body));
  };

  const show = () => {
    // With a caret among the rows, Chromium looks for its place anew with each of thousands of rows that is hidden.
    const selection = getSelection();
    if (table.contains(selection.anchorNode) || table.contains(selection.focusNode)) selection.removeAllRanges();
    const filters = state();
    const shown = new Map();
    const choices = new Map();
    let total = 0;
    for (const row of rows) {
      const severity = row.data.severity;
      const others = passes(row, filters, "severity");
      if (others) choices.set(severity, (choices.get(severity) ?? 0) + 1);
      const visible = others && (!filters.has("severity") || filters.get("severity").includes(severity));
      if (row.body.hidden === visible) row.body.hidden = !visible;
      if (visible) {
        total += 1;
        shown.set(severity, (shown.get(severity) ?? 0) + 1);
      }
    }
    order();
    for (const output of form.querySelectorAll("[data-count]")) {
      output.value = number.format(choices.get(output.dataset.count) ?? 0);
    }
    const parts = severities.filter((one) => shown.has(one)).map((one) => `${number.format(shown.get(one))} ${one}`);
    const of = total === rows.length ? "" : ` of ${number.format(rows.length)}`;
    const noun = rows.length === 1 ? "finding" : "findings";
    count.value = `${number.format(total)}${of} ${noun}${parts.length > 0 ? `: ${parts.join(", ")}` : ""}`;
    nothing.hidden = total > 0;
    for (const head of table.tHead.querySelectorAll("[data-sort]")) {
      const here = head.dataset.sort === sorted;
      const most = keys[sorted] ? keys[sorted][1] : true;
      if (here) head.setAttribute("aria-sort", most === reversed ? "ascending" : "descending");
      else head.removeAttribute("aria-sort");
    }
  };

  // The state stands behind the # of the address, so that it can be sent to somebody.
  const write = () => {
    const parts = [];
    for (const [name, values] of state()) {
      parts.push(`${name}=${values.map((value) => encodeURIComponent(value)).join(",")}`);
    }
    if (sorted !== "" || reversed) parts.push(`sort=${reversed ? "-" : ""}${sorted}`);
    const address = location.href.split("#")[0];
    history.replaceState(null, "", parts.length > 0 ? `${address}#${parts.join("&")}` : address);
  };

  const read = () => {
    const hash = location.hash.slice(1);
    if (hash !== "" && !hash.includes("=")) return false;
    form.reset();
    sorted = "";
    reversed = false;
    for (const part of hash.split("&")) {
      const at = part.indexOf("=");
      if (at < 1) continue;
      const name = part.slice(0, at);
      let values;
      try {
        values = part.slice(at + 1).split(",").map((value) => decodeURIComponent(value));
      } catch {
        continue;
      }
      if (name === "sort") {
        reversed = values[0].startsWith("-");
        const key = reversed ? values[0].slice(1) : values[0];
        sorted = keys[key] ? key : "";
        continue;
      }
      for (const control of form.querySelectorAll("[name]")) {
        if (control.name !== name) continue;
        if (control.type === "checkbox") control.checked = values.includes(control.value);
        else control.value = control.type === "search" ? values.join(",") : values[0];
        if (control.selectedIndex === -1) control.selectedIndex = 0;
      }
    }
    form.elements.sort.value = sorted;
    return hash !== "";
  };

  const toFindings = () => document.getElementById("findings").scrollIntoView();

  let timer = 0;
  form.addEventListener("input", (event) => {
    if (event.target.name === "sort") {
      sorted = event.target.value;
      reversed = false;
    }
    clearTimeout(timer);
    timer = setTimeout(() => { show(); write(); }, event.target.name === "q" ? 150 : 0);
  });
  form.addEventListener("submit", (event) => event.preventDefault());
  form.querySelector(".reset button").addEventListener("click", () => {
    form.reset();
    sorted = "";
    reversed = false;
    show();
    write();
  });
  addEventListener("hashchange", () => {
    if (location.hash !== "" && !location.hash.includes("=")) return;
    const filtered = read();
    show();
    if (filtered) toFindings();
  });

  for (const head of table.tHead.querySelectorAll("[data-sort]")) {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      reversed = head.dataset.sort === sorted && !reversed;
      sorted = head.dataset.sort;
      form.elements.sort.value = sorted;
      show();
      write();
    });
  }

  const filtered = read();
  show();
  if (filtered) toFindings();
})();
