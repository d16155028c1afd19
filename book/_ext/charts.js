/* Around every chart of a page: as wide as the page, one column on a phone, its data as CSV, legends for the keyboard,
   and what it writes said aloud. */
(() => {
  const draw = window.vegaEmbed, NARROW = matchMedia("(max-width: 600px)");

  const parts = (spec) => ["layer", "hconcat", "vconcat", "concat"].flatMap((name) => spec[name] || [])
    .concat(spec.spec || []);
  const units = (spec) => [spec, ...parts(spec).flatMap(units)];
  const valuesOf = (spec, field) => new Set(Object.values(spec.datasets || {}).flat().map((row) => row[field])
    .filter((value) => value !== undefined).map(String));
  const discrete = ({ type, field }) => field && ["nominal", "ordinal"].includes(type);

  // Words below one another where they do not fit side by side: titles of axes, and labels of rows with room for two.
  const lines = (text, most) => text.split(" ").reduce((all, word) => {
    const last = all.at(-1);
    return last && (last + " " + word).length <= most ? [...all.slice(0, -1), `${last} ${word}`] : [...all, word];
  }, []);

  const least = (longest) => Math.max(8, Math.floor(longest * 0.45)); // characters before the break
  const halved = (longest) => `split(replace(datum.label, regexp('^(.{${least(longest)},}?) '), '$1\\n'), '\\n')`;
  const longestHalf = (names, longest) => Math.max(0, ...names.flatMap((name) =>
    name.replace(new RegExp(`^(.{${least(longest)},}?) `), "$1\n").split("\n").map((part) => part.length)));

  const LEGENDS = ["color", "shape", "strokeDash"];
  const narrowed = (spec, width) => {
    const copy = structuredClone(spec);
    const longest = (field) => Math.max(0, ...[...valuesOf(spec, field)].map((name) => name.length));
    const height = units(copy).map((unit) => unit.height).find(Boolean);
    let labels = 0; // pixels that the longest label of a row takes
    for (const { encoding: { x, y, facet } = {} } of units(copy)) {
      if (facet) facet.columns = 1;
      if (y && discrete(y) && y.axis !== null && !y.axis?.labelExpr) {
        const most = longest(y.field), high = height > 0 ? height / valuesOf(spec, y.field).size : height?.step || 20;
        const broken = most > 16 && high >= 26;
        if (broken) y.axis = { ...y.axis, labelExpr: halved(most), labelOverlap: false };
        else if (most > 16) y.axis = { ...y.axis, labelFontSize: 10, labelLimit: 0.56 * width };
        const shown = broken ? longestHalf([...valuesOf(spec, y.field)], most) : most;
        labels = Math.max(labels, Math.min(0.56 * width, 5.6 * shown));
      }
      for (const place of x ? [x, x.axis] : []) {
        if (typeof place?.title === "string") place.title = lines(place.title, Math.max(16, (width - labels - 40) / 7));
      }
    }
    for (const unit of units(copy)) {
      if (unit.mark?.fontSize > 12) unit.mark.fontSize = Math.max(12, 0.82 * unit.mark.fontSize);
      const facet = unit.encoding?.facet || unit.facet, most = longest(facet?.field);
      if (6.2 * most > width - labels - 80 && facet.header !== null) {
        facet.header = { ...facet.header, labelExpr: halved(most) };
      }
      for (const channel of LEGENDS.map((name) => unit.encoding?.[name]).filter(Boolean)) {
        if (channel.legend?.orient) channel.legend.orient = "top";
        if (!discrete(channel) || channel.legend === null) continue;
        const columns = Math.floor((width - labels - 40) / (6.4 * longest(channel.field) + 34));
        const fitting = { columns: Math.max(1, Math.min(4, columns)), labelLimit: width - labels - 60 };
        channel.legend = { ...channel.legend, ...fitting };
      }
    }
    copy.config.legend = { ...copy.config.legend, layout: { top: { direction: "vertical", anchor: "start" } } };
    return oneColumn(copy, width - Math.max(70, labels + 40));
  };

  const oneColumn = (spec, room) => {
    const { hconcat, ...rest } = spec;
    const turned = hconcat ? { ...rest, vconcat: hconcat } : { ...rest };
    if ("columns" in turned) turned.columns = 1;
    if (typeof turned.width === "number") turned.width = Math.min(turned.width, room);
    if (turned.spec) turned.spec = oneColumn(turned.spec, room);
    for (const name of ["vconcat", "concat"]) turned[name] &&= turned[name].map((one) => oneColumn(one, room));
    return turned;
  };

  // Plots side by side that are wider than the column of text together become narrower, if they stay readable.
  const across = (spec, data) => {
    const count = (facet, columns = Infinity) => facet ? Math.min(columns, valuesOf(data, facet.field).size) : 1;
    const inner = spec.spec ? across(spec.spec, data) : 0, { facet, column } = spec.encoding || {};
    if (spec.hconcat) return spec.hconcat.reduce((sum, one) => sum + across(one, data), 0);
    const widest = (specs) => Math.max(...specs.map((one) => across(one, data)));
    if (spec.concat) return (spec.columns || spec.concat.length) * widest(spec.concat);
    if (spec.vconcat) return widest(spec.vconcat);
    if (spec.facet) return inner * (spec.facet.field ? count(spec.facet, spec.columns) : count(spec.facet.column));
    return (typeof spec.width === "number" ? spec.width : 0) * count(facet, facet?.columns) * count(column);
  };
  const shrunk = (spec, excess) => {
    const share = Math.max(0.4, 1 - (excess + 2) / across(spec, spec)), copy = structuredClone(spec);
    for (const unit of units(copy)) if (typeof unit.width === "number") unit.width = Math.floor(unit.width * share);
    return copy;
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

  // An entry of a legend that can be clicked is a button: Tab reaches it, Enter and Space press it, also with Shift.
  const LABEL = "g.role-legend-label text";
  const buttons = (node, view) => {
    const stores = view.getState({ signals: () => false, data: (name) => /^legend_\d+_store$/.test(name) }).data;
    const chosen = Object.keys(stores).flatMap((name) => view.data(name)).flatMap(({ values }) => values);
    for (const entry of node.querySelectorAll("g.role-legend-entry g.role-scope > g")) {
      const label = entry.querySelector(LABEL);
      if (!label?.__data__.mark.interactive) continue;
      entry.closest("g.role-legend").setAttribute("role", "group"); // Vega's word for it hides what is inside
      entry.closest("g.role-scope").removeAttribute("role");
      entry.setAttribute("tabindex", 0);
      entry.setAttribute("role", "button");
      entry.setAttribute("aria-label", label.textContent);
      entry.setAttribute("aria-pressed", chosen.includes(label.__data__.datum.value));
    }
    return Object.keys(stores);
  };

  const pressed = (event) => {
    const button = event.target.closest("g[role=button]");
    if (!button || !["Enter", " "].includes(event.key)) return;
    event.preventDefault(); // a space would turn the page
    const click = { bubbles: true, shiftKey: event.shiftKey };
    button.querySelector(LABEL).dispatchEvent(new MouseEvent("click", click));
  };

  const keyboard = (node, view) => {
    const again = () => requestAnimationFrame(() => buttons(node, view));
    for (const name of buttons(node, view)) view.addDataListener(name, again);
    const drawn = new MutationObserver(again); // Vega draws anew when the width changes
    drawn.observe(node, { childList: true, subtree: true });
    node.onkeydown = pressed;
    return () => drawn.disconnect();
  };

  window.vegaEmbed = (where, spec, options) => {
    const node = typeof where === "string" ? document.querySelector(where) : where;
    let leave = () => {};
    const show = async () => {
      leave();
      const room = node.clientWidth, fitting = NARROW.matches ? narrowed(spec, room) : spec;
      let shown = await draw(node, fitting, options);
      const excess = node.scrollWidth - room;
      if (excess > 1 && across(fitting, fitting)) shown = await draw(node, shrunk(fitting, excess), options);
      leave = keyboard(node, shown.view);
      dispatchEvent(new Event("chart-drawn")); // now it is known whether it scrolls
      return shown;
    };
    offer(node, spec);
    if (spec.params?.some((param) => param.bind)) speak(node);
    NARROW.addEventListener("change", show);
    return show();
  };
})();
