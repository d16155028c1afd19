/* What scrolls sideways can be reached by keyboard and says its name; what does not is no tab stop. */
(() => {
  const boxes = () => document.querySelectorAll(".srlaw-table, mjx-container[display=true], .vega-embed, div.cell_output, pre");
  const mark = () => { // all is measured before anything is changed: a change between would lay out the page again
    const wide = (box) => box.scrollWidth > box.clientWidth && getComputedStyle(box).overflowX !== "visible";
    const found = [...boxes()].map((box) => [box, wide(box)]);
    for (const [box, scrolls] of found) {
      box.classList.toggle("scrolls", scrolls);
      if (!scrolls) {
        box.removeAttribute("tabindex");
        if (box.getAttribute("role") === "region") ["role", "aria-label"].forEach((name) => box.removeAttribute(name));
        continue;
      }
      box.tabIndex = 0;
      if (box.hasAttribute("role")) continue; // a chart, which has its description
      box.setAttribute("role", "region");
      const kind = box.matches("mjx-container") ? "Equation" : box.matches("pre") ? "Code" : "Table";
      box.setAttribute("aria-label", `${box.querySelector("caption")?.textContent.trim() || kind}, scrolls sideways`);
    }
  };
  let asked = 0;
  const soon = () => { // once for all charts that are drawn in one go
    cancelAnimationFrame(asked);
    asked = requestAnimationFrame(mark);
  };
  addEventListener("load", async () => {
    for (const toggle of document.querySelectorAll("nav summary")) { // of the theme, an arrow without a word
      const link = toggle.closest("li")?.querySelector("a");
      if (!toggle.textContent.trim()) toggle.setAttribute("aria-label", `Pages below ${link?.textContent.trim() || "this"}`);
    }
    if (window.MathJax?.startup) await MathJax.startup.promise;
    const long = [...document.querySelectorAll("article mjx-container:not([display])")]
      .filter((formula) => formula.offsetWidth > formula.closest("p, li, td, dd, h1, h2, h3")?.clientWidth);
    for (const formula of long) formula.setAttribute("display", "true"); // wider than a phone: a line of its own, which scrolls
    mark();
    addEventListener("chart-drawn", soon);
    new ResizeObserver(soon).observe(document.querySelector("article") || document.body);
  });
})();
