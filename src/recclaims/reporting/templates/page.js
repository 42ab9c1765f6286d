"use strict";
// Says where a table goes on to the right.
(() => {
  const mark = () => {
    for (const box of document.querySelectorAll(".scroll")) {
      box.classList.toggle("scrolls", box.scrollWidth > box.clientWidth + 1);
    }
  };
  window.addEventListener("resize", mark);
  document.addEventListener("toggle", mark, true);
  mark();
})();
// Lets each plot be saved, in the colours of the light page whatever the reader's mode.
(() => {
  const light = document.styleSheets[0].cssRules[0].style;
  const drawn = (plot) => {
    const copy = plot.cloneNode(true);
    copy.setAttribute("xmlns", "http://www.w3.org/2000/svg");
    copy.setAttribute("font-family", "Helvetica, Arial, sans-serif");
    copy.removeAttribute("class");
    const text = new XMLSerializer().serializeToString(copy);
    return text.replace(/var\((--[\w-]+)\)/g, (_, name) => light.getPropertyValue(name).trim());
  };
  const save = (address, name) => {
    const link = document.createElement("a");
    link.href = address;
    link.download = name;
    link.click();
  };
  const asSvg = (plot, name) => {
    const address = URL.createObjectURL(new Blob([drawn(plot)], { type: "image/svg+xml" }));
    save(address, `${name}.svg`);
    setTimeout(() => URL.revokeObjectURL(address), 10000);
  };
  const asPng = (plot, name) => {
    const image = new Image();
    image.addEventListener("load", () => {
      const canvas = document.createElement("canvas");
      canvas.width = 3 * plot.width.baseVal.value;
      canvas.height = 3 * plot.height.baseVal.value;
      const context = canvas.getContext("2d");
      context.fillStyle = "#ffffff";
      context.fillRect(0, 0, canvas.width, canvas.height);
      context.drawImage(image, 0, 0, canvas.width, canvas.height);
      save(canvas.toDataURL("image/png"), `${name}.png`);
    });
    image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(drawn(plot))}`;
  };
  for (const figure of document.querySelectorAll("figure")) {
    const caption = figure.querySelector("figcaption");
    const plot = figure.querySelector("svg.plot");
    if (!caption || !plot) continue;
    const title = caption.textContent.trim();
    const name = title.replace(/[^\w.-]+/g, "-").slice(0, 80);
    const box = document.createElement("span");
    box.className = "save";
    for (const [kind, write] of [["SVG", asSvg], ["PNG", asPng]]) {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = kind;
      button.setAttribute("aria-label", `Save the plot of ${title} as ${kind}`);
      button.addEventListener("click", () => write(plot, name));
      box.append(button);
    }
    caption.append(box);
  }
})();
// Sorts and filters the table of cases. Without it the page is whole: every case is in the table.
(() => {
  const form = document.getElementById("controls");
  const body = document.querySelector("#table tbody");
  const status = document.getElementById("status");
  const sorter = document.getElementById("sort");
  const search = document.getElementById("search");
  const choices = [...form.querySelectorAll("select[data-key]")];
  const heads = [...document.querySelectorAll("#table th[data-key]")];
  const rows = [...body.rows].map((row) => ({
    row,
    get text() {
      return row.textContent.toLowerCase();
    },
    value: (column) => row.cells[column].dataset.sort ?? row.cells[column].textContent,
  }));

  // Numbers among themselves, words among themselves; what is empty stays last, whichever way the rest goes.
  const compare = (a, b, sign) => {
    if (a === "" || b === "") return (a === "") - (b === "");
    const difference = Number(a) - Number(b);
    return sign * (Number.isNaN(difference) ? a.localeCompare(b, undefined, { numeric: true }) : difference);
  };

  const sort = (key, sign) => {
    const column = heads.findIndex((head) => head.dataset.key === key);
    heads.forEach((head, index) => {
      if (index === column) head.setAttribute("aria-sort", sign > 0 ? "ascending" : "descending");
      else head.removeAttribute("aria-sort");
    });
    sorter.value = column < 0 ? "" : `${key} ${sign > 0 ? "up" : "down"}`;
    const order = column < 0 ? rows : [...rows].sort((a, b) => compare(a.value(column), b.value(column), sign));
    body.append(...order.map(({ row }) => row));
  };

  const filter = () => {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const { row, text } of rows) {
      const chosen = choices.every((choice) => !choice.value || row.dataset[choice.dataset.key] === choice.value);
      row.hidden = !(chosen && words.every((word) => text.includes(word)));
      shown += !row.hidden;
    }
    status.textContent = `${shown} of ${rows.length} cases`;
  };

  for (const head of heads) {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = head.textContent;
    button.addEventListener("click", () => {
      sort(head.dataset.key, head.getAttribute("aria-sort") === "ascending" ? -1 : 1);
    });
    for (const [way, arrow] of [["up", "↑"], ["down", "↓"]]) {
      sorter.add(new Option(`${head.textContent} ${arrow}`, `${head.dataset.key} ${way}`));
    }
    head.replaceChildren(button);
  }
  sorter.addEventListener("change", () => {
    const [key, way] = sorter.value.split(" ");
    sort(key, way === "down" ? -1 : 1);
  });
  search.addEventListener("input", filter);
  for (const choice of choices) choice.addEventListener("change", filter);
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("reset", () => {
    // After the browser has emptied the fields.
    setTimeout(() => {
      sort("", 1);
      filter();
    });
  });
  for (const link of document.querySelectorAll("a[data-verdict]")) {
    link.addEventListener("click", () => {
      search.value = "";
      for (const choice of choices) choice.value = link.dataset[choice.dataset.key];
      filter();
    });
  }
  form.hidden = false;
  filter();
})();
