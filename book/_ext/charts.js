/* Around every chart of a page: one column on a phone, its data as CSV, and what it writes said aloud. */
(() => {
  const draw = window.vegaEmbed, NARROW = matchMedia("(max-width: 600px)");

  const oneColumn = (spec) => {
    const { hconcat, ...rest } = spec, room = innerWidth - 120; // what axes and margins leave
    const turned = hconcat ? { ...rest, vconcat: hconcat } : { ...rest };
    if ("columns" in turned) turned.columns = 1;
    if (typeof turned.width === "number") turned.width = Math.min(turned.width, room);
    if (turned.spec) turned.spec = oneColumn(turned.spec);
    for (const name of ["vconcat", "concat"]) if (turned[name]) turned[name] = turned[name].map(oneColumn);
    return turned;
  };

  const csv = (rows) => {
    const names = [...new Set(rows.flatMap(Object.keys))];
    const cell = (value) => {
      const text = value === null || value === undefined ? "" : String(value);
      return /[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
    };
    return [names, ...rows.map((row) => names.map((name) => row[name]))]
      .map((line) => line.map(cell).join(",")).join("\n") + "\n";
  };

  const offer = (node, spec) => {
    const tables = Object.values(spec.datasets || {}).filter((rows) => rows.length > 1);
    if (!tables.length) return;
    const line = document.createElement("p");
    line.className = "chart-data";
    tables.forEach((rows, i) => {
      const link = document.createElement("a");
      link.textContent = tables.length > 1 ? `Data ${i + 1} (CSV)` : "Data (CSV)";
      link.download = `${node.id}${tables.length > 1 ? `-${i + 1}` : ""}.csv`;
      link.href = URL.createObjectURL(new Blob([csv(rows)], { type: "text/csv" }));
      line.append(link);
    });
    node.after(line);
  };

  const speak = (node) => {
    const said = document.createElement("p");
    said.className = "visually-hidden";
    said.setAttribute("aria-live", "polite");
    node.after(said);
    let waiting;
    node.addEventListener("input", () => {
      clearTimeout(waiting);
      waiting = setTimeout(() => {
        said.textContent = [...node.querySelectorAll(".mark-text.role-mark text")].map((one) => one.textContent).join(". ");
      }, 600);
    });
  };

  window.vegaEmbed = (where, spec, options) => {
    const node = typeof where === "string" ? document.querySelector(where) : where;
    const show = async () => {
      const shown = await draw(node, NARROW.matches ? oneColumn(spec) : spec, options);
      dispatchEvent(new Event("chart-drawn")); // now it is known whether it scrolls
      return shown;
    };
    offer(node, spec);
    if (spec.params?.some((param) => param.bind)) speak(node);
    NARROW.addEventListener("change", show);
    return show();
  };
})();
